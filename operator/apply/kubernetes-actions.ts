/**
 * The actions of a plan that change objects. Each may be repeated; one that meets another object than the one that was seen, or none, does
 * nothing, since what was seen is gone.
 */
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { isApiError } from '../kubernetes/api-error.ts';
import type { Kind } from '../kubernetes/kind.ts';
import type { CallLimits, KubernetesApi } from '../kubernetes/kubernetes-api.ts';
import { refOf } from '../kubernetes/object.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ClusterObjects } from '../observe/cluster-objects.ts';
import { claimKind, podKind, sharedKinds, statefulSetKind } from '../observe/kinds.ts';
import type { Pod, StatefulSet } from '../observe/kinds.ts';
import { memberOf, memberPods, ownStatefulSets } from '../observe/observe-cluster.ts';
import { bytesOf } from '../observe/quantity.ts';
import type { Step, Upkeep } from '../plan/action.ts';
import { claimName, LABEL, LEADER_ROLE, podName } from '../resources/names.ts';
import { memberStatefulSet } from '../resources/member-stateful-set.ts';
import { sharedObjects } from '../resources/shared-objects.ts';
import { writeObject } from './write-object.ts';

/** What actions are carried out with. */
export interface KubernetesTarget {
  readonly api: KubernetesApi;
  /** The checked form of `objects.cluster`. */
  readonly cluster: GraveyarCluster;
  /** What the plan was made of. */
  readonly objects: ClusterObjects;
  readonly limits: CallLimits;
  /** Takes in what the API server has answered. */
  readonly learned: (objects: Partial<ClusterObjects>) => void;
}

type Action<K extends (Step | Upkeep)['kind']> = Extract<Step | Upkeep, { readonly kind: K }>;

/** `apply-shared-objects`. One that cannot be applied keeps none of the others from it; rejects with all that failed. */
export async function applySharedObjects({ api, cluster, limits, learned }: KubernetesTarget): Promise<void> {
  const errors: unknown[] = [];
  for (const object of sharedObjects(cluster)) {
    const kind = sharedKinds.find((candidate) => candidate.kind === object.kind);
    if (kind === undefined) throw new TypeError(`there is no kind ${object.kind} among those that are watched`);
    try {
      learned({ shared: [await writeObject<KubernetesObject>(api, kind, cluster, object, limits)] });
    } catch (error) {
      limits.signal.throwIfAborted();
      errors.push(error);
    }
  }
  if (errors.length < 2) for (const error of errors) throw error;
  const messages = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  if (errors.length > 0) throw new AggregateError(errors, messages.join('; '));
}

/** `apply-stateful-set`. */
export async function applyStatefulSet(
  { api, cluster, objects, limits, learned }: KubernetesTarget,
  { member }: Action<'apply-stateful-set'>,
): Promise<void> {
  const existing = ownStatefulSets(cluster, objects.statefulSets).find((set) => memberOf(set) === member);
  const claimSize = existing?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.storage;
  const idLabel = existing?.metadata?.labels?.[LABEL.memberId];
  const set = memberStatefulSet(cluster, member, {
    ...(claimSize === undefined ? {} : { claimSize }),
    ...(idLabel === undefined ? {} : { memberId: Number(idLabel) }),
  });
  learned({
    statefulSets: [await writeObject<StatefulSet>(api, statefulSetKind, cluster, set, limits)],
  });
}

/** `label-member`. */
export async function labelMember(
  target: KubernetesTarget,
  { member, memberId }: Action<'label-member'>,
): Promise<void> {
  const { cluster, objects, learned } = target;
  const labels = { [LABEL.memberId]: String(memberId) };
  for (const set of ownStatefulSets(cluster, objects.statefulSets)) {
    if (memberOf(set) === member) learned({ statefulSets: await label(target, statefulSetKind, set, labels) });
  }
  for (const pod of memberPods(objects.pods)) {
    if (memberOf(pod) === member) learned({ pods: await label(target, podKind, pod, labels) });
  }
}

/** `label-role`. */
export async function labelRole(target: KubernetesTarget, { podUid, leader }: Action<'label-role'>): Promise<void> {
  const pod = target.objects.pods.find(({ metadata }) => metadata?.uid === podUid);
  if (pod === undefined) return;
  const labels = { [LABEL.role]: leader ? LEADER_ROLE : null };
  target.learned({ pods: await label<Pod>(target, podKind, pod, labels) });
}

/** `set-retention`. */
export async function setRetention(
  { api, objects, limits, learned }: KubernetesTarget,
  { statefulSetUid, whenDeleted }: Action<'set-retention'>,
): Promise<void> {
  const set = objects.statefulSets.find(({ metadata }) => metadata?.uid === statefulSetUid);
  if (set === undefined) return;
  const { uid, resourceVersion } = set.metadata ?? {};
  const patch = { metadata: { uid, resourceVersion }, spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted } } };
  const changed = await unlessGone(api.patch(statefulSetKind, refOf(set), patch, { ...limits, type: 'merge' }));
  if (changed !== null) learned({ statefulSets: [changed] });
}

/** `delete-pod`. */
export function deletePod(target: KubernetesTarget, { member, podUid }: Action<'delete-pod'>): Promise<void> {
  return remove(target, podKind, podName(member), podUid, 'Background');
}

/** `delete-stateful-set` and `orphan-stateful-set`. */
export function deleteStatefulSet(
  target: KubernetesTarget,
  { kind, member, statefulSetUid }: Action<'delete-stateful-set' | 'orphan-stateful-set'>,
): Promise<void> {
  const propagation = kind === 'orphan-stateful-set' ? 'Orphan' : 'Background';
  return remove(target, statefulSetKind, member, statefulSetUid, propagation);
}

/** `delete-claim`. */
export function deleteClaim(target: KubernetesTarget, { member, claimUid }: Action<'delete-claim'>): Promise<void> {
  return remove(target, claimKind, claimName(member), claimUid, 'Background');
}

/** `grow-claim`. */
export async function growClaim(
  { api, cluster, limits, learned }: KubernetesTarget,
  { member, claimUid, bytes }: Action<'grow-claim'>,
): Promise<void> {
  const { namespace } = cluster.metadata;
  // As the user wrote it, where that is the same.
  const { size } = cluster.spec.storage;
  const storage = bytesOf(size) === bytes ? size : String(bytes);
  const patch = { metadata: { uid: claimUid }, spec: { resources: { requests: { storage } } } };
  const claim = await unlessGone(
    api.patch(claimKind, { namespace, name: claimName(member) }, patch, { ...limits, type: 'merge' }),
  );
  if (claim !== null) learned({ claims: [claim] });
}

/** Labels of this very object; null takes one away. The object afterwards, none if it is gone. */
async function label<T extends KubernetesObject>(
  { api, limits }: KubernetesTarget,
  kind: Kind<T>,
  object: T,
  labels: Readonly<Record<string, string | null>>,
): Promise<T[]> {
  const isSo = Object.entries(labels).every(([key, value]) => (object.metadata?.labels?.[key] ?? null) === value);
  if (isSo) return [];
  const patch = { metadata: { uid: object.metadata?.uid, labels } };
  const labelled = await unlessGone(api.patch(kind, refOf(object), patch, { ...limits, type: 'merge' }));
  return labelled === null ? [] : [labelled];
}

async function remove(
  { api, cluster, limits }: KubernetesTarget,
  kind: Kind,
  name: string,
  uid: string,
  propagation: 'Background' | 'Orphan',
): Promise<void> {
  const { namespace } = cluster.metadata;
  await unlessGone(api.delete(kind, { namespace, name }, { ...limits, uid, propagation }));
}

/** Null when there is no such object any more, or another one. */
async function unlessGone<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (isApiError(error, 'NOT_FOUND', 'CONFLICT')) return null;
    throw error;
  }
}
