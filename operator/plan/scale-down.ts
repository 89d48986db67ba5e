/**
 * Fewer members: one voter after the other is taken out, through even numbers. First one whose volume is lost, then one that is not
 * healthy, else the one with the highest number; a leader hands over first. Its StatefulSet and volume go later, as leftovers.
 */
import { memberNumber } from '../resources/names.ts';
import type { ViewedMember } from './cluster-view.ts';
import type { Concern } from './concern.ts';
import { doStep, hold } from './concern.ts';
import { handOver } from './hand-over.ts';

export const scaleDown: Concern = ({ observed, view, rules }) => {
  const { replicas, name } = observed.resource;
  if (view.voters.length <= replicas) return null;
  const number = (member: ViewedMember): number => memberNumber(name, member.name) ?? Number.MAX_SAFE_INTEGER;
  const order = [...view.voters].sort((a, b) => worth(a) - worth(b) || number(b) - number(a) || b.id - a.id);
  const victim = order[0];
  if (victim === undefined) return null;
  const from = `${view.voters.length} voters to ${replicas}`;
  if (!rules.mayRemove(view, victim)) {
    return hold('ScalingDown', `from ${from}: too few voters are healthy to remove ${victim.name}`);
  }
  if (victim.id === view.leader.id) {
    const why = `it is to be removed, from ${from}`;
    return handOver(view, 'ScalingDown', why, [...order].reverse());
  }
  const { name: member, id: memberId } = victim;
  const step = { kind: 'remove', leader: view.leader.name, member, memberId } as const;
  return doStep('ScalingDown', step, 'RemovingMember', `removing ${member} (${memberId}), from ${from}`);
};

/** What the cluster would lose with it. */
function worth({ healthy, volumeStays }: ViewedMember): number {
  if (!volumeStays) return 0;
  return healthy ? 2 : 1;
}
