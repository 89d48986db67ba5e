/**
 * The label that tells a Service which pod leads: `graveyar.dev/role: leader` on the pod of this member while it leads, and, by then, on
 * no other pod of its cluster (label `graveyar.dev/cluster`). The member does it itself, so that it works while the operator is away.
 *
 * Invariants: what is wanted is compared with what is there again and again, so no failure, and nobody else's change, lasts; the term goes
 * with the label, and a leader takes the label only from pods of a lower term and only as it has seen them, so one that does not know
 * yet that it is deposed takes nothing from its successor; one call at a time. Losing the API server costs the label and nothing else.
 */
import type { ClusterAdmin, ClusterStatus } from '../../../cluster/cluster-admin.ts';
import type { Clock } from '../../../lib/clock.ts';
import { randomFraction } from '../../../lib/random.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Pod, PodApi, PodChange } from './pod-api.ts';

const ROLE = 'graveyar.dev/role';
const LEADER = 'leader';
const CLUSTER = 'graveyar.dev/cluster';
const TERM = 'graveyar.dev/leader-term';
const UNLABELLED: PodChange = { labels: { [ROLE]: null }, annotations: { [TERM]: null } };

/** How often the label is looked at when nothing changes. */
const LOOK_MILLIS = 10_000;
const FIRST_PAUSE_MILLIS = 100;
const LONGEST_PAUSE_MILLIS = 5_000;
/** The most that taking the label away may hold up a stop. */
const STOP_MILLIS = 1_000;

export interface LeaderLabelParts {
  readonly pods: Pick<PodApi, 'get' | 'list' | 'change'>;
  /** This member's. */
  readonly podName: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class LeaderLabel {
  readonly #parts: LeaderLabelParts;
  readonly #stop = new AbortController();
  /** The term that this member leads in; null while it does not. */
  #leads: number | null = null;
  #wake: () => void = () => undefined;
  #changed = true;
  #troubled = false;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: LeaderLabelParts) {
    this.#parts = parts;
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Follows the member until {@link stop}. */
  follow(admin: ClusterAdmin): void {
    this.#note(admin.status());
    void this.#watch(admin);
    this.#running = this.#run();
  }

  /** Takes the label away, for at most a second, and ends. Never rejects. Again, it does nothing. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stop.abort(new Error('stopping'));
    await this.#running;
    const late = new AbortController();
    const cancel = this.#parts.clock.setTimer(STOP_MILLIS, () => {
      late.abort(new Error('stopping'));
    });
    this.#leads = null;
    await this.#settle(late.signal).catch(() => undefined);
    cancel();
  }

  async #watch(admin: ClusterAdmin): Promise<void> {
    const { signal } = this.#stop;
    try {
      for await (const status of admin.watch(signal)) this.#note(status);
    } catch (error) {
      if (!signal.aborted) this.#parts.logger.error('the label of the leader follows no more', { error });
    }
  }

  #note({ role, term }: ClusterStatus): void {
    const leads = role === 'leader' ? term : null;
    if (leads === this.#leads) return;
    this.#leads = leads;
    this.#changed = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let pause = FIRST_PAUSE_MILLIS;
    for (;;) {
      this.#changed = false;
      let wait = LOOK_MILLIS;
      try {
        await this.#settle(signal);
        pause = FIRST_PAUSE_MILLIS;
        this.#tell(null);
      } catch (error) {
        if (signal.aborted) return;
        this.#tell(error);
        wait = pause * (0.5 + randomFraction() / 2);
        pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS);
      }
      await this.#sleep(wait, signal);
    }
  }

  /** Compares, and changes what is not as it should be. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { pods, podName } = this.#parts;
    const own = await pods.get(podName, signal);
    const term = this.#leads;
    if (term === null) {
      if (!isLabelled(own)) return;
      await pods.change(podName, UNLABELLED, signal);
      this.#parts.logger.info('the pod has the label of the leader no more', { pod: podName });
      return;
    }
    if (!isLabelled(own) || own.annotations[TERM] !== String(term)) {
      const labels = { [ROLE]: LEADER };
      await pods.change(podName, { labels, annotations: { [TERM]: String(term) } }, signal);
      this.#parts.logger.info('the pod has the label of the leader', { pod: podName, term });
    }
    await this.#unlabelOthers(own, term, signal);
  }

  async #unlabelOthers({ name, labels }: Pod, term: number, signal: AbortSignal): Promise<void> {
    const { pods, logger } = this.#parts;
    const cluster = labels[CLUSTER];
    if (cluster === undefined) return;
    for (const pod of await pods.list({ [CLUSTER]: cluster, [ROLE]: LEADER }, signal)) {
      if (pod.name === name || termOf(pod) >= term) continue;
      await pods.change(pod.name, UNLABELLED, signal, pod.resourceVersion);
      logger.info('another pod has the label of the leader no more', { pod: pod.name, term });
    }
  }

  /** Says when it begins to fail, and when it works again. */
  #tell(error: unknown): void {
    const { logger, podName } = this.#parts;
    if ((error !== null) === this.#troubled) return;
    this.#troubled = error !== null;
    if (error === null) logger.info('the label of the leader is kept again', { pod: podName });
    else
      logger.warn('the label of the leader cannot be kept; it is tried again', {
        pod: podName,
        reason: error instanceof Error ? error.message : error,
      });
  }

  /** Until something changes or `signal` is aborted, for at most `millis`. */
  #sleep(millis: number, signal: AbortSignal): Promise<void> {
    if (this.#changed || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        this.#wake = () => undefined;
        resolve();
      };
      const cancel = this.#parts.clock.setTimer(millis, end);
      signal.addEventListener('abort', end, { once: true });
      this.#wake = end;
    });
  }
}

function isLabelled({ labels }: Pod): boolean {
  return labels[ROLE] === LEADER;
}

/** The term in which a pod got the label; 0 when it does not say, as with one that somebody gave by hand. */
function termOf({ annotations }: Pod): number {
  const term = Number(annotations[TERM]);
  return Number.isSafeInteger(term) ? term : 0;
}
