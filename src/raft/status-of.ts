/** Reading a node's status off its state. */
import type { Raft } from './raft.ts';
import { StateType } from './ready.ts';
import type { ProgressStatus, Status } from './status.ts';

function progressOf(raft: Raft): readonly ProgressStatus[] {
  return raft.tracker.ids.flatMap((id) => {
    const progress = raft.tracker.get(id);
    if (progress === undefined) return [];
    const { match, next, state, pendingSnapshot, recentActive, isLearner, paused, inflights } = progress;
    const inflight = inflights.count;
    return [{ id, match, next, state, pendingSnapshot, recentActive, isLearner, paused, inflight }];
  });
}

/** A copy of what a node knows of itself. */
export function statusOf(raft: Raft): Status {
  return {
    id: raft.id,
    state: raft.state,
    leader: raft.lead,
    hardState: raft.hardState(),
    applied: raft.log.applied,
    firstIndex: raft.log.firstIndex(),
    lastIndex: raft.log.lastIndex(),
    lastTerm: raft.log.lastTerm(),
    confState: raft.tracker.confState,
    isLearner: raft.isLearner,
    leadTransferee: raft.leadTransferee,
    progress: raft.state === StateType.Leader ? progressOf(raft) : [],
  };
}
