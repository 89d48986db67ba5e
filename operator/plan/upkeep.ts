/**
 * What becomes of volumes, shared objects and labels set right: costs nobody anything. Pods get and lose the label of the leader by themselves; what is done here is
 * for when they could not.
 */
import type { Upkeep } from './action.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Intent, Situation } from './concern.ts';
import { wait } from './concern.ts';
import type { Place } from './place.ts';
import { awaitRetention, retentionUpkeep } from './retention.ts';

/** What is to be set right. `clusterId` null: the cluster has none yet. `view` null: no leader is confirmed, and no role is touched. */
export function upkeepOf(situation: Situation, clusterId: string | null, view: ClusterView | null): Upkeep[] {
  const { observed, places } = situation;
  const shared: Upkeep[] = observed.sharedObjectsCurrent ? [] : [{ kind: 'apply-shared-objects' }];
  const labels = [...places.values()].flatMap((place) => [
    ...memberLabel(place, clusterId),
    ...(view === null ? [] : roleLabel(place, view)),
  ]);
  return [...retentionUpkeep(situation), ...shared, ...labels];
}

/** Waits until everything is as the spec says that an upkeep brings there. Labels are not of the spec. */
export function awaitUpkeep(situation: Situation): Intent | null {
  const retention = awaitRetention(situation);
  if (retention !== null || situation.observed.sharedObjectsCurrent) return retention;
  return wait('ApplyingObjects', 'Services, account, role or disruption budget are not yet as the spec says');
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
