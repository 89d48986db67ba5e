/**
 * Lost volumes. That a volume is lost is known from whoever answers in the place (an empty volume is another id, and waits) or from
 * Kubernetes (the claim is Lost, or somebody deletes it), never from silence: who is silent comes back.
 *
 * A claim that is lost or being deleted is let go together with its pod, when the others are a majority without it; both come
 * anew, empty. Volumes with an identity that has no part in the cluster any more are emptied so too. Then the new id is added as a learner, and
 * `learner.ts` gives it the vote of the old one.
 */
import type { ViewedMember } from './cluster-view.ts';
import type { Concern, Intent, LedSituation } from './concern.ts';
import { doStep, wait } from './concern.ts';
import { handOver } from './hand-over.ts';
import type { Place } from './place.ts';
import { reservePlaces } from './reserve.ts';

/** Lets go of volumes that are lost, being deleted or of no use, where a member is wanted. */
export const letVolumesGo: Concern = (situation) => {
  const { places, view } = situation;
  const members = [...view.voters, ...view.learners];
  const wanted = new Set([...members, ...reservePlaces(situation)].map(({ name }) => name));
  let waiting: Intent | null = null;
  for (const place of places.values()) {
    if (!wanted.has(place.name)) continue;
    const member = members.find(({ name }) => name === place.name);
    const intent = letGo(situation, place, member);
    if (intent?.step) return intent;
    waiting ??= intent;
  }
  return waiting;
};

function letGo(situation: LedSituation, place: Place, member: ViewedMember | undefined): Intent | null {
  const { rules, view } = situation;
  const { claim, pod, name } = place;
  if (claim === null) return null;
  const useless = rules.isOut(view, place);
  if (!claim.deleting && claim.phase !== 'Lost' && !useless) return null;
  if (claim.deleting && (pod === null || pod.deleting))
    return wait('ReplacingMember', `the volume of ${name} is going`);
  if (member !== undefined && !rules.mayStop(view, member)) {
    return wait('ReplacingMember', `the volume of ${name} is lost; too few others are healthy to let it go`);
  }
  if (member?.id === view.leader.id) return handOver(view, 'ReplacingMember', 'its volume is being deleted');
  if (claim.deleting && pod !== null) {
    const step = { kind: 'delete-pod', member: name, podUid: pod.uid } as const;
    return doStep('ReplacingMember', step, 'RestartingMember', `restarting ${name}, whose volume is being deleted`);
  }
  if (!rules.mayDeleteVolume(view, place)) return null;
  const step = { kind: 'delete-claim', member: name, claimUid: claim.uid } as const;
  const why = useless ? 'is of a member that was removed' : 'is lost';
  return doStep('ReplacingMember', step, 'DeletingVolume', `deleting the volume claim of ${name}: the volume ${why}`);
}

/** Adds the new id of a place whose voter has lost its volume, as a learner. */
export const replaceLost: Concern = ({ view, rules }) => {
  for (const voter of view.voters) {
    const { place, name, id } = voter;
    if (place?.answer.kind !== 'waiting' || place.answer.memberId === id) continue;
    if (place.claim === null || place.claim.deleting || place.pod === null || place.pod.deleting) continue;
    const { memberId } = place.answer;
    const what = `${name} has an empty volume (${memberId}) instead of that of ${id}`;
    if (!rules.mayAddLearner(view)) return wait('ReplacingMember', `${what}; it is replaced when the learner is done`);
    const step = { kind: 'add-learner', leader: view.leader.name, member: name, memberId } as const;
    return doStep('ReplacingMember', step, 'AddingMember', `${what}; adding it as a learner`);
  }
  return null;
};
