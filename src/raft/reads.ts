/**
 * Linearizable reads without log entries: ReadIndex and leases (Raft dissertation, section 6.4).
 *
 * A leader answers a read with an index such that a state machine which has applied it shows everything acknowledged
 * before the read began. Works on a leader's state.
 */
import type { Message } from './messages.ts';
import { MessageType, newMessage, NONE } from './messages.ts';
import type { Raft } from './raft.ts';
import { readContext } from './read-only.ts';
import { broadcastHeartbeatWithContext } from './replication.ts';
import { VoteResult } from './quorum.ts';

/** Answers a read with `index`: here, when it was asked here, or to the follower that passed it on. */
function respond(raft: Raft, request: Message, index: number): void {
  if (request.from === NONE || request.from === raft.id) {
    raft.readStates.push({ index, context: readContext(request) });
    return;
  }
  const response = newMessage(MessageType.MsgReadIndexResp, request.from);
  response.index = index;
  response.entries = request.entries;
  raft.send(response);
}

/** Leader: a read asked for here or passed on by a follower. */
export function handleReadIndex(raft: Raft, request: Message): void {
  // Before its first commit a leader does not know what its predecessors committed; nor does a single voter know, after a
  // restart, what it had committed itself, as the commit index on disk may lag.
  if (!raft.committedEntryInCurrentTerm()) {
    const waiting = raft.pendingReadIndexMessages;
    if (waiting.length < raft.config.maxPendingReads) waiting.push(request);
    return;
  }
  confirmLeadership(raft, request);
}

function confirmLeadership(raft: Raft, request: Message): void {
  if (raft.tracker.isSingleton || raft.config.readOnlyOption === 'lease-based') {
    respond(raft, request, raft.log.committed);
    return;
  }
  if (raft.readOnly.size >= raft.config.maxPendingReads) return;
  raft.readOnly.add(raft.log.committed, request);
  const context = readContext(request);
  raft.readOnly.acknowledge(raft.id, context);
  broadcastHeartbeatWithContext(raft, context);
}

/** Leader: the first commit of the term has come, so that reads that waited for it may go on. */
export function releasePendingReads(raft: Raft): void {
  if (raft.pendingReadIndexMessages.length === 0 || !raft.committedEntryInCurrentTerm()) return;
  const requests = raft.pendingReadIndexMessages;
  raft.pendingReadIndexMessages = [];
  for (const request of requests) confirmLeadership(raft, request);
}

/** Leader: a follower answered a heartbeat that carried `context`; answers the reads that a quorum has now confirmed. */
export function handleReadAcknowledgement(raft: Raft, from: number, context: Uint8Array): void {
  if (raft.config.readOnlyOption !== 'safe' || context.length === 0) return;
  const acks = raft.readOnly.acknowledge(from, context);
  if (acks === null || raft.tracker.ackResult(acks) !== VoteResult.Won) return;
  for (const read of raft.readOnly.advance(context)) respond(raft, read.request, read.index);
}
