/**
 * Leadership handed to another voter before its holder is stopped or removed.
 */
import type { ClusterView, ViewedMember } from './cluster-view.ts';
import type { Intent, Work } from './concern.ts';
import { doStep, hold } from './concern.ts';

/**
 * Hands leadership to a healthy voter, the first in the order of `preferred`, which may leave some out: they come last, by name. Waits
 * while there is none.
 */
export function handOver(view: ClusterView, work: Work, why: string, preferred: readonly ViewedMember[] = []): Intent {
  const { leader } = view;
  const successor = [...preferred, ...view.voters].find(({ healthy, id }) => healthy && id !== leader.id);
  if (successor === undefined) return hold(work, `${why}: no voter is healthy to take over from ${leader.name}`);
  const { name: member, id: memberId } = successor;
  const step = { kind: 'transfer-leadership', leader: leader.name, member, memberId } as const;
  return doStep(work, step, 'TransferringLeadership', `${leader.name} hands leadership to ${member}: ${why}`);
}
