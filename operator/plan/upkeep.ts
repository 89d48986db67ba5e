/**
 * Labels and shared objects set right: costs nobody anything. Pods get and lose the label of the leader by themselves; what is done here is
 * for when they could not.
 */
import type { Upkeep } from './action.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Situation } from './concern.ts';
import type { Place } from './place.ts';

/** What is to be set right. `clusterId` null: the cluster has none yet. `view` null: no leader is confirmed, and no role is touched. */
export function upkeepOf(
  { observed, places }: Situation,
  clusterId: string | null,
  view: ClusterView | null,
): Upkeep[] {
  const shared: Upkeep[] = observed.sharedObjectsCurrent ? [] : [{ kind: 'apply-shared-objects' }];
  const labels = [...places.values()].flatMap((place) => [
    ...memberLabel(place, clusterId),
    ...(view === null ? [] : roleLabel(place, view)),
  ]);
  return [...shared, ...labels];
}

function memberLabel(place: Place, clusterId: string | null): Upkeep[] {
  const { name, answer, statefulSet, pod } = place;
  if (answer.kind === 'unreachable' || statefulSet === null || statefulSet.deleting) return [];
  if (answer.kind === 'member' && answer.clusterId !== clusterId) return [];
  const { memberId } = answer;
  const right = statefulSet.memberId === memberId && (pod === null || pod.deleting || pod.memberId === memberId);
  return right ? [] : [{ kind: 'label-member', member: name, memberId }];
}

function roleLabel({ name, pod, answer }: Place, { leader }: ClusterView): Upkeep[] {
  if (pod === null || pod.deleting) return [];
  const leads = answer.kind === 'member' && answer.memberId === leader.id && leader.name === name;
  return pod.leaderLabel === leads ? [] : [{ kind: 'label-role', member: name, podUid: pod.uid, leader: leads }];
}
