/**
 * Why a StatefulSet makes no pod: the API server may refuse it (a quota, an unknown priority class or account, a webhook), which only the
 * StatefulSet's Events tell. For messages: since when a pod is missing is remembered, and nothing is decided by it.
 */
import type { Clock } from '../../src/lib/clock.ts';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { eventKind } from '../kubernetes/event-recorder.ts';
import type { EventObject } from '../kubernetes/event-recorder.ts';
import type { CallLimits, KubernetesApi } from '../kubernetes/kubernetes-api.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import type { StatefulSet } from './kinds.ts';
import { memberClaims, memberOf, memberPods, ownStatefulSets } from './observe-cluster.ts';

interface Missing {
  readonly since: number;
  /** When Events were listed last, and what they told. */
  readonly told: { readonly at: number; readonly reason: string | null } | null;
}

/** A pod is there a moment after its StatefulSet, or after the pod before it, unless something keeps it from being made. */
export const POD_GRACE_MILLIS = 10_000;
/** The API server reads every Event of the namespace for it. */
const ASK_MILLIS = 10_000;
const MOST_EVENTS = 500;
const LONGEST = 500;

/** The missing pods of all clusters. */
export class MissingPods {
  readonly #api: KubernetesApi;
  readonly #clock: Clock;
  /** By cluster key, then by the uid of the StatefulSet. */
  readonly #clusters = new Map<string, ReadonlyMap<string, Missing>>();

  constructor(api: KubernetesApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** By member: why its StatefulSet has made no pod for too long, or where to look. Rejects only with the signal's reason. */
  async troubles(
    clusterKey: string,
    cluster: GraveyarCluster,
    objects: ClusterObjects,
    { signal }: CallLimits,
  ): Promise<ReadonlyMap<string, string>> {
    const now = this.#clock.monotonicMillis();
    const before = this.#clusters.get(clusterKey);
    const after = new Map<string, Missing>();
    const troubles = new Map<string, string>();
    for (const set of podless(cluster, objects)) {
      const uid = set.metadata?.uid ?? '';
      let missing = before?.get(uid) ?? { since: now, told: null };
      if (now - missing.since >= POD_GRACE_MILLIS) {
        if (missing.told === null || now - missing.told.at >= ASK_MILLIS) {
          missing = { ...missing, told: { at: now, reason: await this.#reason(set, signal) } };
        }
        troubles.set(memberOf(set), words(memberOf(set), missing.told?.reason ?? null));
      }
      after.set(uid, missing);
    }
    if (after.size > 0) this.#clusters.set(clusterKey, after);
    else this.forget(clusterKey);
    return troubles;
  }

  /** The cluster is gone. */
  forget(clusterKey: string): void {
    this.#clusters.delete(clusterKey);
  }

  /** What its controller said last; null: it cannot be told. */
  async #reason({ metadata = {} }: StatefulSet, signal: AbortSignal): Promise<string | null> {
    const { namespace = '', uid = '' } = metadata;
    const fieldSelector = `involvedObject.uid=${uid},reason=FailedCreate`;
    try {
      const page = { limit: MOST_EVENTS, continueToken: null };
      const { items } = await this.#api.list(eventKind, { namespace, fieldSelector }, page, { signal });
      const newest = items.reduce<EventObject | null>(
        (best, one) => (best === null || timeOf(one) > timeOf(best) ? one : best),
        null,
      );
      return newest?.message?.trim() ?? null;
    } catch {
      signal.throwIfAborted();
      // Without the right to list them, people are told where to look.
      return null;
    }
  }
}

/** Those that should make a pod and have none. A claim that is going holds its pod back, which is told elsewhere. */
function podless(cluster: GraveyarCluster, { statefulSets, pods, claims }: ClusterObjects): readonly StatefulSet[] {
  const going = memberClaims(claims).filter(({ metadata }) => metadata?.deletionTimestamp !== undefined);
  const excused = new Set([...memberPods(pods), ...going].map(memberOf));
  return ownStatefulSets(cluster, statefulSets).filter(
    (set) => set.metadata?.deletionTimestamp === undefined && !excused.has(memberOf(set)),
  );
}

function timeOf({ lastTimestamp, metadata }: EventObject): number {
  const time = Date.parse(lastTimestamp ?? metadata?.creationTimestamp ?? '');
  return Number.isNaN(time) ? 0 : time;
}

function words(member: string, reason: string | null): string {
  if (reason === null || reason === '') return `no pod was made; see kubectl describe statefulset ${member}`;
  return `no pod was made: ${reason.slice(0, LONGEST)}`;
}
