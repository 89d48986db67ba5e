/**
 * Whether a member is healthy, as far as its cluster knows: the word of the GraveyarCluster resource, whose operator knows of pods and volumes besides
 * and so may say no where this says yes, never the other way round.
 */
import type { ClusterMember } from '../../client/index.ts';
import { CAUGHT_UP_ENTRIES } from '../../cluster/caught-up.ts';

/**
 * The leader has heard of it within an election timeout, is not sending it a snapshot, and has at most {@link CAUGHT_UP_ENTRIES} entries that it
 * lacks. Null: no leader says. `members` are all of them, as the leader sees them.
 */
export function isHealthy(member: ClusterMember, members: readonly ClusterMember[]): boolean | null {
  if (member.active === null) return null;
  if (member.role === 'leader') return true;
  const lastIndex = members.find(({ role }) => role === 'leader')?.matchIndex ?? 0;
  const behind = lastIndex - (member.matchIndex ?? 0);
  return member.active && member.snapshotting !== true && behind <= CAUGHT_UP_ENTRIES;
}
