/**
 * From objects of the API server and answers of members to what the plan is made of. Pure: reads nothing itself.
 */
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { isPaused } from '../api/graveyar-cluster.ts';
import type {
  Answer,
  Observed,
  ObservedClaim,
  ObservedFailure,
  ObservedPod,
  ObservedStatefulSet,
} from '../plan/observed.ts';
import { claimName, LABEL, LEADER_ROLE, podName, TEMPLATE_HASH_ANNOTATION } from '../resources/names.ts';
import { templateHash } from '../resources/pod-template.ts';
import { sharedObjects } from '../resources/shared-objects.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { refOf } from '../kubernetes/object.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { includes } from './includes.ts';
import { controllerUid } from './kinds.ts';
import type { Claim, Pod, StatefulSet } from './kinds.ts';
import { podStateOf } from './pod-state.ts';
import { bytesOf } from './quantity.ts';
import { resizeTroubleOf } from './resize-trouble.ts';

/** What is not in the objects. */
export interface Circumstances {
  /** RFC 3339, whole seconds. */
  readonly now: string;
  readonly freshClusterId: string;
  readonly answers: ReadonlyMap<string, Answer>;
  readonly secretTrouble: string | null;
  /** By member: why its StatefulSet has made no pod for too long. */
  readonly podTroubles: ReadonlyMap<string, string>;
  readonly lastFailures: readonly ObservedFailure[];
}

/** The plan's input. `cluster` is the checked form of `objects.cluster`. */
export function observeCluster(
  cluster: GraveyarCluster,
  objects: ClusterObjects,
  { now, freshClusterId, answers, secretTrouble, podTroubles, lastFailures }: Circumstances,
): Observed {
  const { metadata, spec, status = {} } = cluster;
  return {
    now,
    freshClusterId,
    resource: {
      name: metadata.name,
      generation: metadata.generation,
      deleting: metadata.deletionTimestamp !== undefined,
      paused: isPaused(cluster),
      replicas: spec.replicas,
      storageBytes: bytesOf(spec.storage.size),
      whenDeleted: spec.storage.whenDeleted,
      status,
    },
    templateHash: templateHash(cluster),
    sharedObjectsCurrent: areCurrent(cluster, objects.shared),
    statefulSets: ownStatefulSets(cluster, objects.statefulSets).map((set) => observedStatefulSet(set, podTroubles)),
    pods: memberPods(objects.pods).map(observedPod),
    claims: memberClaims(objects.claims).map((claim) => observedClaim(cluster, claim)),
    answers,
    secretTrouble,
    lastFailures,
  };
}

/** Those that this very cluster controls, and that are called like their member. */
export function ownStatefulSets(
  cluster: GraveyarCluster,
  statefulSets: readonly StatefulSet[],
): readonly StatefulSet[] {
  return statefulSets.filter(
    (set) =>
      controllerUid(set) === cluster.metadata.uid && memberOf(set) !== '' && set.metadata?.name === memberOf(set),
  );
}

/** Those that are called like the pod of their member. */
export function memberPods(pods: readonly Pod[]): readonly Pod[] {
  return pods.filter((pod) => memberOf(pod) !== '' && pod.metadata?.name === podName(memberOf(pod)));
}

/** Those that are called like the claim of their member. */
export function memberClaims(claims: readonly Claim[]): readonly Claim[] {
  return claims.filter((claim) => memberOf(claim) !== '' && claim.metadata?.name === claimName(memberOf(claim)));
}

/** The name of the member that an object belongs to; empty: none. */
export function memberOf({ metadata }: KubernetesObject): string {
  return metadata?.labels?.[LABEL.member] ?? '';
}

function areCurrent(cluster: GraveyarCluster, actual: readonly KubernetesObject[]): boolean {
  return sharedObjects(cluster).every((wanted) =>
    actual.some(
      (object) =>
        object.kind === wanted.kind && refOf(object).name === wanted.metadata.name && includes(object, wanted),
    ),
  );
}

function observedStatefulSet(set: StatefulSet, podTroubles: ReadonlyMap<string, string>): ObservedStatefulSet {
  const template = set.spec?.volumeClaimTemplates?.[0]?.spec;
  return {
    member: memberOf(set),
    uid: set.metadata?.uid ?? '',
    deleting: set.metadata?.deletionTimestamp !== undefined,
    templateHash: set.metadata?.annotations?.[TEMPLATE_HASH_ANNOTATION] ?? null,
    storageBytes: bytesOf(template?.resources?.requests?.storage),
    whenDeleted: set.spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete' ? 'Delete' : 'Retain',
    memberId: memberIdOf(set),
    podTrouble: podTroubles.get(memberOf(set)) ?? null,
  };
}

function observedPod(pod: Pod): ObservedPod {
  return {
    member: memberOf(pod),
    uid: pod.metadata?.uid ?? '',
    deleting: pod.metadata?.deletionTimestamp !== undefined,
    ...podStateOf(pod),
    templateHash: pod.metadata?.annotations?.[TEMPLATE_HASH_ANNOTATION] ?? null,
    leaderLabel: pod.metadata?.labels?.[LABEL.role] === LEADER_ROLE,
    memberId: memberIdOf(pod),
  };
}

function observedClaim(cluster: GraveyarCluster, claim: Claim): ObservedClaim {
  const { metadata, spec, status } = claim;
  const phase = status?.phase;
  const created = Date.parse(metadata?.creationTimestamp ?? '');
  const clusterCreated = Date.parse(cluster.metadata.creationTimestamp ?? '');
  return {
    member: memberOf({ metadata: metadata ?? {} }),
    uid: metadata?.uid ?? '',
    deleting: metadata?.deletionTimestamp !== undefined,
    phase: phase === 'Bound' || phase === 'Lost' ? phase : 'Pending',
    requestedBytes: bytesOf(spec?.resources?.requests?.storage),
    capacityBytes: bytesOf(status?.capacity?.storage),
    resizeNeedsRestart: (status?.conditions ?? []).some(
      ({ type, status: value }) => type === 'FileSystemResizePending' && value === 'True',
    ),
    resizeTrouble: resizeTroubleOf(claim),
    goesWithStatefulSet: goesWithStatefulSet({ metadata: metadata ?? {} }),
    kept: created < clusterCreated,
  };
}

function goesWithStatefulSet(claim: Claim): boolean | null {
  const { ownerReferences = [] } = claim.metadata ?? {};
  if (ownerReferences.some(({ kind, name }) => kind === 'StatefulSet' && name === memberOf(claim))) return true;
  return controllerUid(claim) === null ? false : null;
}

function memberIdOf({ metadata }: KubernetesObject): number | null {
  const text = metadata?.labels?.[LABEL.memberId] ?? '';
  const id = Number(text);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(id) ? id : null;
}
