/**
 * The learner there is: when it has caught up it gets a vote, or takes that of the voter of its name whose volume is lost; one that is not
 * needed any more, or has lost its volume, is removed. There is never a second one.
 */
import type { ViewedMember } from './cluster-view.ts';
import type { Concern, Intent, LedSituation } from './concern.ts';
import { doStep, hold, wait } from './concern.ts';
import { silence } from './place.ts';
import { reservePlaces, votersWanted } from './reserve.ts';

export const finishLearner: Concern = (situation) => {
  const { view } = situation;
  const learner = view.learners[0];
  if (learner === undefined) return null;
  const wanted = votersWanted(situation);
  const old = view.voters.find(({ name }) => name === learner.name);
  const work = old === undefined ? 'ScalingUp' : 'ReplacingMember';
  if (view.voters.length > wanted || (old === undefined && view.voters.length >= wanted)) {
    return removeLearner(situation, learner, 'it is not needed any more');
  }
  if (learner.place !== undefined && isAnother(learner)) {
    return removeLearner(situation, learner, 'its volume is not there any more');
  }
  if (!learner.present) {
    return wait(work, `learner ${learner.name} (${learner.id}) is to catch up: ${silence(learner.place)}`);
  }
  if (!learner.caughtUp) return hold(work, `learner ${learner.name} (${learner.id}) catches up`);
  if (!learner.healthy)
    return wait(work, `learner ${learner.name} (${learner.id}) is to stay: ${silence(learner.place)}`);
  return old === undefined ? promote(situation, learner) : replace(situation, old, learner);
};

/** Another identity than the learner's is in its place. */
function isAnother({ place, id }: ViewedMember): boolean {
  const answer = place?.answer;
  return answer !== undefined && answer.kind !== 'unreachable' && answer.memberId !== id;
}

function removeLearner({ view }: LedSituation, learner: ViewedMember, why: string): Intent {
  const { name: member, id: memberId } = learner;
  const step = { kind: 'remove', leader: view.leader.name, member, memberId } as const;
  return doStep('ChangingMembers', step, 'RemovingMember', `removing learner ${member} (${memberId}): ${why}`);
}

function promote(situation: LedSituation, learner: ViewedMember): Intent {
  const { view, rules } = situation;
  const voters = view.voters.length + 1;
  if (!rules.mayPromote(view, learner)) {
    return hold('ScalingUp', `${learner.name} has caught up, but too few voters are healthy to give it a vote`);
  }
  // An even number tolerates no more failures than the odd one below it and needs one more voter: it is only passed through.
  if (voters % 2 === 0 && voters < votersWanted(situation)) {
    const next = reservePlaces(situation);
    if (!next.some(({ answer }) => answer.kind === 'waiting')) {
      const missing = next[0] === undefined ? 'another member' : `${next[0].name} (${silence(next[0])})`;
      return wait(
        'ScalingUp',
        `${learner.name} has caught up, and gets its vote when ${missing} is there to be added too`,
      );
    }
  }
  const { name: member, id: memberId } = learner;
  const step = { kind: 'promote', leader: view.leader.name, member, memberId } as const;
  return doStep(
    'ScalingUp',
    step,
    'PromotingMember',
    `${member} (${memberId}) has caught up and gets a vote, voter ${voters}`,
  );
}

function replace({ view, rules }: LedSituation, old: ViewedMember, learner: ViewedMember): Intent {
  const { name: member, id: memberId } = learner;
  if (!rules.mayReplace(view, old, learner)) {
    return hold(
      'ReplacingMember',
      `${member} has caught up, but too few voters are healthy to replace ${old.id} by it`,
    );
  }
  const step = { kind: 'replace', leader: view.leader.name, member, oldMemberId: old.id, memberId } as const;
  const message = `${member} (${memberId}) has caught up and takes the vote of ${old.id}, whose volume is lost`;
  return doStep('ReplacingMember', step, 'ReplacingMember', message);
}
