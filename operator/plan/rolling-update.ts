/**
 * Members brought to the template that the spec asks for: its StatefulSet is given the new template, which touches nothing (OnDelete), and
 * then its pod is deleted. One at a time, so a template that does not work stops after one member, and no other member meets it by
 * chance. What is not healthy comes first, then followers, the leader last, after it has handed over.
 */
import type { ClusterView, ViewedMember } from './cluster-view.ts';
import type { Concern, Intent, LedSituation, Situation, Work } from './concern.ts';
import { doStep, hold, wait } from './concern.ts';
import { handOver } from './hand-over.ts';
import type { Place } from './place.ts';
import { isForeign, isOutdated, losesVolumeWithPod, silence } from './place.ts';

/** The next step for one place; null: its pod is on its way. */
export function renew(
  { observed: { templateHash } }: Situation,
  place: Place,
  work: Work = 'RollingUpdate',
): Intent | null {
  const { name, statefulSet, pod } = place;
  if (statefulSet === null || statefulSet.deleting) return null;
  if (statefulSet.templateHash !== templateHash) {
    const step = { kind: 'apply-stateful-set', member: name } as const;
    return doStep(work, step, 'UpdatingMember', `updating ${name} to template ${templateHash}`);
  }
  if (pod === null || pod.deleting) return null;
  const step = { kind: 'delete-pod', member: name, podUid: pod.uid } as const;
  return doStep(work, step, 'RestartingMember', `restarting ${name} with template ${templateHash}`);
}

/** Nothing of it runs: stopping it costs nothing. */
export function isDown({ pod, answer }: Place): boolean {
  if (answer.kind !== 'unreachable') return false;
  return pod === null || pod.state === 'unscheduled' || pod.state === 'starting' || pod.state === 'failing';
}

/** Has the template of the spec and does not work with it, or not yet: the next one waits for it. */
function suspectOf({ observed, places, view }: LedSituation): Place | undefined {
  return [...places.values()].find((place) => {
    const { pod, name, answer } = place;
    if (pod === null || pod.deleting || pod.state === 'unscheduled') return false;
    if (pod.templateHash !== observed.templateHash || answer.kind === 'waiting') return false;
    const voter = view.voters.find((one) => one.name === name);
    return answer.kind === 'unreachable' || (voter !== undefined && !voter.healthy);
  });
}

/** Updates what is not healthy, or has no vote. */
export const mend: Concern = (situation) => {
  const { observed, places, view } = situation;
  const suspect = suspectOf(situation);
  let waiting: Intent | null = null;
  for (const place of places.values()) {
    if (!isOutdated(place, observed.templateHash) || isForeign(view.clusterId, place)) continue;
    const voter = view.voters.find(({ name }) => name === place.name);
    if (voter?.healthy === true) continue;
    const intent = mendPlace(situation, place, voter, suspect);
    if (intent?.step) return intent;
    waiting ??= intent;
  }
  return waiting;
};

function mendPlace(
  situation: LedSituation,
  place: Place,
  voter: ViewedMember | undefined,
  suspect: Place | undefined,
): Intent | null {
  if (suspect !== undefined && suspect !== place) {
    return wait('RollingUpdate', `${place.name} is updated when ${suspect.name} works: ${silence(suspect)}`);
  }
  return voter === undefined ? renew(situation, place) : mendVoter(situation, voter, place);
}

function mendVoter(situation: LedSituation, voter: ViewedMember, place: Place): Intent | null {
  const { rules, view } = situation;
  if (view.voters.length === 1 && losesVolumeWithPod(place)) return keepVolume(place);
  if (voter.id === view.leader.id) {
    if (view.voters.length === 1) return renew(situation, place);
    if (!rules.mayStop(view, voter)) return wait('RollingUpdate', `${voter.name} leads and cannot be stopped now`);
    return handOver(view, 'RollingUpdate', 'it is to be restarted');
  }
  const costsNothing = isDown(place) && voter.active !== true;
  if (costsNothing || rules.mayStop(view, voter)) return renew(situation, place);
  return wait('RollingUpdate', `${voter.name} is to be updated; too few others are healthy to restart it`);
}

function keepVolume({ name }: Place): Intent {
  const why = 'its volume, the only one, is being deleted, and would be gone when its pod is';
  return wait('RollingUpdate', `${name} is not restarted: ${why}; another member takes its place first`);
}

/** Updates healthy voters, and restarts those whose file system grows by it. */
export const rollOn: Concern = (situation) => {
  const { observed, view, rules } = situation;
  const due = view.voters.filter(({ place }) => {
    return (
      place !== undefined && (isOutdated(place, observed.templateHash) || place.claim?.resizeNeedsRestart === true)
    );
  });
  const { length } = view.voters;
  if (due.length === 0) return null;
  const left = `${length - due.length} of ${length} members are updated`;
  const obstacle = obstacleOf(situation);
  if (obstacle !== null) return wait('RollingUpdate', `${left}; ${obstacle}`);
  const followers = due.filter(({ id }) => id !== view.leader.id);
  const next = followers.at(-1) ?? due[0];
  if (next?.place === undefined) return null;
  if (length === 1 && losesVolumeWithPod(next.place)) return keepVolume(next.place);
  if (length > 1 && !rules.mayStop(view, next)) {
    return wait('RollingUpdate', `${left}; too few others are healthy to restart ${next.name}`);
  }
  const { statefulSet, pod } = next.place;
  const prepared = statefulSet?.templateHash === observed.templateHash;
  if (prepared && pod !== null && next.id === view.leader.id && length > 1) {
    return handOver(view, 'RollingUpdate', 'it is restarted last');
  }
  return renew(situation, next.place) ?? hold('RollingUpdate', `${left}; ${next.name} is on its way`);
};

/** Why no healthy voter can be restarted now. */
function obstacleOf(situation: LedSituation): string | null {
  const { observed, view } = situation;
  const { length } = view.voters;
  if (length === 1 && observed.resource.replicas > 1) return 'the only member is updated when there are more';
  if (length % 2 === 0) return `an even number of voters is passed through first`;
  const ill = view.voters.find(({ healthy }) => !healthy);
  if (ill !== undefined) return `${ill.name} comes first: ${silence(ill.place)}`;
  if (isCatchingUp(view)) return 'a learner catches up first';
  const suspect = suspectOf(situation);
  return suspect === undefined ? null : `${suspect.name} comes first: ${silence(suspect)}`;
}

function isCatchingUp({ learners }: ClusterView): boolean {
  return learners.some(({ present }) => present);
}
