/**
 * More members: their StatefulSets are made at once (who waits costs nothing), and they are added one after the other, each as a learner
 * first. The lowest free numbers are taken.
 */
import { HIGHEST_MEMBER_NUMBER, memberName } from '../resources/names.ts';
import type { Concern, Intent, LedSituation } from './concern.ts';
import { doStep, wait } from './concern.ts';
import type { Place } from './place.ts';
import { silence } from './place.ts';
import { reservePlaces, votersWanted } from './reserve.ts';

export const scaleUp: Concern = (situation) => {
  const { observed, places, view, rules } = situation;
  const { name } = observed.resource;
  const wanted = votersWanted(situation);
  const missing = wanted - view.voters.length;
  if (missing <= 0) return null;
  const goal = `from ${view.voters.length} voters to ${wanted}`;
  const reserve = reservePlaces(situation);
  const learners = view.learners.filter((one) => !view.voters.some((voter) => voter.name === one.name)).length;
  if (reserve.length + learners < missing) {
    const free = freeName(name, new Set([...places.keys(), ...view.voters.map((one) => one.name)]));
    if (free === null) return wait('ScalingUp', `${goal}: no number up to ${HIGHEST_MEMBER_NUMBER} is free`);
    return doStep(
      'ScalingUp',
      { kind: 'apply-stateful-set', member: free },
      'CreatingMember',
      `creating ${free}, ${goal}`,
    );
  }
  if (!rules.mayAddLearner(view)) return null;
  return add(situation, reserve, goal);
};

function add({ view }: LedSituation, reserve: readonly Place[], goal: string): Intent | null {
  for (const { name: member, answer, claim } of reserve) {
    if (answer.kind !== 'waiting' || claim === null || claim.deleting || claim.phase === 'Lost') continue;
    const { memberId } = answer;
    const step = { kind: 'add-learner', leader: view.leader.name, member, memberId } as const;
    return doStep('ScalingUp', step, 'AddingMember', `adding ${member} (${memberId}) as a learner, ${goal}`);
  }
  const first = reserve[0];
  if (first === undefined) return null;
  return wait('ScalingUp', `${goal}: ${first.name} is to be added: ${silence(first)}`);
}

function freeName(cluster: string, taken: ReadonlySet<string>): string | null {
  for (let number = 1; number <= HIGHEST_MEMBER_NUMBER; number++) {
    const name = memberName(cluster, number);
    if (!taken.has(name)) return name;
  }
  return null;
}
