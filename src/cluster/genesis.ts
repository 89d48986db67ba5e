/** The first snapshot of a cluster: its first configuration, at index 1. Must not know who decides that there is to be a cluster. */
import type { Snapshot } from '../raft/messages.ts';
import { encodeSnapshotFacts } from './configuration.ts';
import type { MemberInfo } from './member.ts';

/** Of the snapshot that begins a cluster. The first leader of any cluster has a higher one. */
export const GENESIS_TERM = 1;

/** `members`, all voters; `nextPosition`: of the first event. */
export function genesisSnapshot(clusterId: string, members: readonly MemberInfo[], nextPosition: number): Snapshot {
  const byId = members.toSorted((a, b) => a.id - b.id);
  const voters = byId.map(({ id }) => id);
  const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  return {
    index: 1,
    term: GENESIS_TERM,
    confState,
    data: encodeSnapshotFacts({ clusterId, members: byId, nextPosition }),
  };
}
