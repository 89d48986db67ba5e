/**
 * Membership changes as an operator, or a careless one, might ask for them.
 *
 * Invariant: carried out, a change leaves a majority of voters whose disks are there; the rest (whether the change is legal
 * now) is the core's to judge. Must not know how changes are proposed.
 */
import {
  type ConfChange,
  confChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  LEAVE_JOINT,
} from '../../src/raft/conf-change.ts';
import type { ConfState } from '../../src/raft/messages.ts';
import type { SeededRandom } from './random.ts';

/** What a plan needs to know of the machines. */
export interface MembershipFacts {
  isLost(id: number): boolean;
  /** Machines that are not in the configuration and could be. */
  readonly candidates: readonly number[];
}

/** A change to propose on top of `configuration`, or null when nothing sensible comes to mind. */
export function planChange(configuration: ConfState, facts: MembershipFacts, random: SeededRandom): ConfChange | null {
  if (configuration.votersOutgoing.length > 0) {
    return !configuration.autoLeave || random.chance(0.2) ? LEAVE_JOINT : null;
  }
  const steps: ConfChangeSingle[] = [];
  const wanted = random.pick([1, 1, 1, 2, 3]) ?? 1;
  for (let i = 0; i < wanted; i++) {
    const step = planStep(configuration, facts, random);
    if (step !== null && !steps.some(({ nodeId }) => nodeId === step.nodeId)) steps.push(step);
  }
  const transition = random.pick([
    ConfChangeTransition.Auto,
    ConfChangeTransition.Auto,
    ConfChangeTransition.JointImplicit,
    ConfChangeTransition.JointExplicit,
  ]);
  if (steps.length === 0 || !isSafe(configuration, steps, facts)) return null;
  return confChange(steps, transition ?? ConfChangeTransition.Auto);
}

function planStep(
  { voters, learners }: ConfState,
  facts: MembershipFacts,
  random: SeededRandom,
): ConfChangeSingle | null {
  const lost = [...voters, ...learners].filter((id) => facts.isLost(id));
  const what = random.weighted({
    removeLost: lost.length > 0 ? 20 : 0,
    add: 3,
    promote: 4,
    remove: 3,
    demote: 1,
    vote: 1,
  });
  const step = (type: ConfChangeType, nodeId: number | undefined): ConfChangeSingle | null => {
    return nodeId === undefined ? null : { type, nodeId };
  };
  switch (what) {
    case 'removeLost':
      return step(ConfChangeType.RemoveNode, random.pick(lost));
    case 'add':
      return step(ConfChangeType.AddLearnerNode, random.pick(facts.candidates));
    case 'vote':
      return step(ConfChangeType.AddNode, random.pick(facts.candidates));
    case 'promote':
      return step(ConfChangeType.AddNode, random.pick(learners.filter((id) => !facts.isLost(id))));
    case 'remove':
      return step(ConfChangeType.RemoveNode, random.pick([...voters, ...learners]));
    case 'demote':
      return step(ConfChangeType.AddLearnerNode, random.pick(voters));
  }
}

/** A majority of the new voters is not lost. A change that would remove all voters is refused by the core, not here. */
function isSafe({ voters }: ConfState, steps: readonly ConfChangeSingle[], facts: MembershipFacts): boolean {
  const next = new Set(voters);
  for (const { type, nodeId } of steps) {
    if (type === ConfChangeType.AddNode) next.add(nodeId);
    else next.delete(nodeId);
  }
  const present = [...next].filter((id) => !facts.isLost(id)).length;
  return next.size === 0 || present > next.size / 2;
}
