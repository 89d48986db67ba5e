/**
 * Places that no member needs any more: first the volume claim is deleted (it stays while its pod uses it), then the StatefulSet with its
 * pod. The volume of a removed member is an old identity, which could only confuse a later one in its place. Places with another
 * cluster's data, and kept volumes that nobody has looked at, are left alone.
 */
import type { Concern, Intent, LedSituation } from './concern.ts';
import { doStep, wait } from './concern.ts';
import type { Place } from './place.ts';
import { isForeign } from './place.ts';
import { reservePlaces } from './reserve.ts';
import { isDown } from './rolling-update.ts';

export const cleanUp: Concern = (situation) => {
  const { places, view } = situation;
  const needed = new Set([...view.voters, ...view.learners, ...reservePlaces(situation)].map(({ name }) => name));
  let waiting: Intent | null = null;
  for (const place of [...places.values()].reverse()) {
    if (needed.has(place.name) || isForeign(view.clusterId, place)) continue;
    const intent = discard(situation, place);
    if (intent?.step) return intent;
    waiting ??= intent;
  }
  return waiting;
};

function discard({ view, rules }: LedSituation, place: Place): Intent | null {
  const { name, claim, statefulSet, pod } = place;
  if (claim !== null && !claim.deleting) {
    if (!rules.mayDeleteVolume(view, place)) {
      if (statefulSet === null && pod === null) return null;
      if (statefulSet === null && isDown(place)) {
        // A pod without one keeps the template it has, and may never run with that.
        const step = { kind: 'apply-stateful-set', member: name } as const;
        const message = `creating the StatefulSet of ${name} again, which is to tell what is on its volume`;
        return doStep('CleaningUp', step, 'CreatingMember', message);
      }
      return wait('CleaningUp', `${name} is not needed; it is deleted when it has told what is on its volume`);
    }
    const step = { kind: 'delete-claim', member: name, claimUid: claim.uid } as const;
    return doStep('CleaningUp', step, 'DeletingVolume', `deleting the volume of ${name}, which is no member any more`);
  }
  if (statefulSet !== null && !statefulSet.deleting) {
    const step = { kind: 'delete-stateful-set', member: name, statefulSetUid: statefulSet.uid } as const;
    return doStep('CleaningUp', step, 'DeletingMember', `deleting ${name}, which is no member any more`);
  }
  if (statefulSet === null && pod !== null && !pod.deleting) {
    const step = { kind: 'delete-pod', member: name, podUid: pod.uid } as const;
    return doStep('CleaningUp', step, 'DeletingMember', `deleting the pod of ${name}, which is no member any more`);
  }
  return wait('CleaningUp', `${name} is being deleted`);
}
