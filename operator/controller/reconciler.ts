/**
 * One look at one cluster, and what follows from it: observe, plan, apply. Keeps nothing from one look to the next but the words of
 * the last failures, which nothing is decided by.
 *
 * Invariants: the status is written first, with the resourceVersion that was observed, and whatever rests on it (founding) is dropped when
 * that fails; only how far logs are waits until there is nothing else to do. A step is carried out only if a plan of what was listed at this moment, not of caches, has it. Before every write the lease is
 * checked. Nothing is begun once the operator is to stop.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { parseGraveyarCluster } from '../api/graveyar-cluster.ts';
import type { ClusterStatus } from '../api/cluster-status.ts';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { applyAction } from '../apply/apply-action.ts';
import type { EventRecorder } from '../kubernetes/event-recorder.ts';
import type { KubernetesApi } from '../kubernetes/kubernetes-api.ts';
import { time } from '../kubernetes/micro-time.ts';
import type { ObjectRef } from '../kubernetes/object.ts';
import type { PodAddress } from '../observe/ask-members.ts';
import type { ClusterCaches } from '../observe/cluster-caches.ts';
import { listLive } from '../observe/cluster-objects.ts';
import type { ClusterObjects } from '../observe/cluster-objects.ts';
import { hearMembers } from '../observe/hear-members.ts';
import { clusterKind } from '../observe/kinds.ts';
import type { MemberPool, MemberTarget } from '../observe/member-pool.ts';
import type { MemberTlsSource } from '../observe/member-tls.ts';
import type { MissingPods } from '../observe/missing-pods.ts';
import { observeCluster } from '../observe/observe-cluster.ts';
import type { Plan, Step, Upkeep } from '../plan/action.ts';
import type { ObservedFailure } from '../plan/observed.ts';
import { plan } from '../plan/plan.ts';

/** Told of what is done. */
export interface ReconcileObserver {
  /** `status`, or the kind of an action. */
  acted(kind: string, outcome: 'done' | 'failed'): void;
}

export interface ReconcilerOptions {
  readonly api: KubernetesApi;
  readonly caches: ClusterCaches;
  readonly pool: MemberPool;
  readonly tls: MemberTlsSource;
  readonly missingPods: MissingPods;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: ReconcileObserver;
  /** Throws when this process may not change anything any more. */
  readonly assertLeading: () => void;
  readonly addressOf: PodAddress;
  /** For a member's status. */
  readonly askMillis: number;
  /** For a change of members. */
  readonly changeMillis: number;
  /** Called after each thing that was done, by the name that the observer gets. For tests that end the process there. */
  readonly afterAction?: (kind: string) => void;
}

/** When to stop. */
export interface ReconcileSignals {
  /** Ends what is going on. */
  readonly signal: AbortSignal;
  /** Begins nothing more. */
  readonly stopping: AbortSignal;
}

/** What a look came to. */
export type Outcome =
  /** `stepped`: look again at once. */
  | { readonly kind: 'done'; readonly stepped: boolean; readonly requeueAfterMillis: number }
  /** Something did not work; look again after a while. */
  | { readonly kind: 'failed' }
  /** There is no such cluster. */
  | { readonly kind: 'gone' };

/** What a plan is made of and carried out with. */
interface Look {
  readonly cluster: GraveyarCluster;
  readonly objects: ClusterObjects;
  readonly members: ReadonlyMap<string, MemberTarget | null>;
  readonly plan: Plan;
}

/** A status that tells nothing new but how far logs are is written this often: they grow with every append. */
const PROGRESS_MILLIS = 10_000;

/** Looks at clusters, one look at a time for each. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  /** Of the last attempt, by cluster. */
  readonly #failures = new Map<string, readonly ObservedFailure[]>();
  /** When a status was written last, by cluster. */
  readonly #written = new Map<string, number>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Looks at one cluster. Rejects when it could not be observed, with LeaseLost, and with the signal's reason. */
  async reconcile(key: string, ref: ObjectRef, signals: ReconcileSignals): Promise<Outcome> {
    const { caches, api } = this.#options;
    const { signal } = signals;
    const known = caches.objectsOf(ref);
    if (known === null) return this.#forget(key);
    let look = await this.#look(key, known, signal);
    if (look.plan.step !== null) {
      const objects = await listLive(api, ref, known.shared, { signal });
      if (objects === null) return this.#forget(key);
      caches.put(objects);
      look = await this.#look(key, objects, signal);
    }
    return this.#carryOut(key, look, signals);
  }

  async #look(key: string, objects: ClusterObjects, signal: AbortSignal): Promise<Look> {
    const { clock, missingPods } = this.#options;
    const cluster = parseGraveyarCluster(objects.cluster);
    const heard = await hearMembers(this.#options, key, cluster, objects, { signal });
    const observed = observeCluster(cluster, objects, {
      now: time(clock.nowMicros()),
      freshClusterId: randomUUID(),
      answers: heard.answers,
      secretTrouble: heard.secretTrouble,
      podTroubles: await missingPods.troubles(key, cluster, objects, { signal }),
      lastFailures: this.#failures.get(key) ?? [],
    });
    return { cluster, objects, members: heard.targets, plan: plan(observed) };
  }

  async #carryOut(key: string, look: Look, signals: ReconcileSignals): Promise<Outcome> {
    const { recorder } = this.#options;
    const { cluster, plan: now } = look;
    const isStopping = (): boolean => signals.stopping.aborted;
    const done: Outcome = { kind: 'done', stepped: false, requeueAfterMillis: now.requeueAfterMillis };
    if (isStopping()) return done;
    // A status that somebody else has changed meanwhile is nothing to tell of.
    const writeStatus = async (): Promise<boolean> => {
      const failure = await this.#attempt(key, 'status', signals.signal, () =>
        this.#writeStatus(key, look, signals.signal),
      );
      return failure === null;
    };
    const differs = !isDeepStrictEqual(now.status, cluster.status ?? {});
    const isNews = differs && !isDeepStrictEqual(withoutProgress(now.status), withoutProgress(cluster.status ?? {}));
    if (isNews && !(await writeStatus())) return { kind: 'failed' };
    for (const event of now.events) recorder.record(look.objects.cluster, event);
    const failures: ObservedFailure[] = [];
    for (const action of [...now.upkeep, ...(now.step === null ? [] : [now.step])]) {
      if (isStopping()) return done;
      const failure = await this.#act(key, look, action, signals.signal);
      if (failure !== null) failures.push(failure);
    }
    this.#failures.set(key, failures);
    if (failures.length > 0) return { kind: 'failed' };
    // That a log has grown can wait until nothing else is to be done.
    const isDue = differs && !isNews && now.step === null && this.#isProgressDue(key);
    if (isDue && !(await writeStatus())) return { kind: 'failed' };
    return { ...done, stepped: now.step !== null };
  }

  async #writeStatus(key: string, { objects, plan: { status } }: Look, signal: AbortSignal): Promise<void> {
    const { api, caches, clock } = this.#options;
    this.#written.set(key, clock.monotonicMillis());
    const cluster = { ...objects.cluster, status };
    caches.put({ cluster: await api.replace(clusterKind, cluster, { signal, subresource: 'status' }) });
  }

  #act(
    key: string,
    { cluster, objects, members }: Look,
    action: Step | Upkeep,
    signal: AbortSignal,
  ): Promise<ObservedFailure | null> {
    const { api, caches, pool, changeMillis, logger } = this.#options;
    const { kind, ...details } = action;
    return this.#attempt(key, kind, signal, async () => {
      logger.info('acting', { cluster: key, action: kind, ...details });
      await applyAction(
        {
          api,
          cluster,
          objects,
          limits: { signal },
          learned: (learned) => {
            caches.put(learned);
          },
          pool,
          clusterKey: key,
          members,
          memberDeadlineMillis: changeMillis,
        },
        action,
      );
    });
  }

  /** Null: it was done. Rejects only when this process is to stop at once. */
  async #attempt(
    key: string,
    kind: string,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<ObservedFailure | null> {
    const { observer, logger, assertLeading, afterAction } = this.#options;
    assertLeading();
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      observer.acted(kind, 'failed');
      logger.warn('an action failed', { cluster: key, action: kind, error });
      return { action: kind, message: error instanceof Error ? error.message : String(error) };
    }
    observer.acted(kind, 'done');
    afterAction?.(kind);
    return null;
  }

  #isProgressDue(key: string): boolean {
    const written = this.#written.get(key) ?? -Infinity;
    return this.#options.clock.monotonicMillis() - written >= PROGRESS_MILLIS;
  }

  #forget(key: string): Outcome {
    this.#failures.delete(key);
    this.#written.delete(key);
    this.#options.pool.retain(key, new Set());
    this.#options.missingPods.forget(key);
    return { kind: 'gone' };
  }
}

function withoutProgress({ members = [], ...status }: ClusterStatus): object {
  return { ...status, members: members.map((member) => ({ ...member, matchIndex: null })) };
}
