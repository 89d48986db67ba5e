/**
 * What a node does with entries, heartbeats and snapshots of its term's leader (Raft paper, sections 5.3 and 7).
 *
 * The caller has made sure that the message is of the current term and that the node is a follower.
 */
import { assert } from '../lib/assert.ts';
import { restoreConfState } from './membership.ts';
import { type ConfState, type Message, MessageType, newMessage, type Snapshot } from './messages.ts';
import type { Raft } from './raft.ts';
import { StateType } from './ready.ts';

function acknowledge(raft: Raft, to: number, index: number): void {
  const response = newMessage(MessageType.MsgAppResp, to);
  response.index = index;
  raft.send(response);
}

/** Appends entries, or rejects them with a hint where the logs may agree. */
export function handleAppendEntries(raft: Raft, message: Message): void {
  const { log } = raft;
  if (message.index < log.committed) {
    acknowledge(raft, message.from, log.committed);
    return;
  }
  const lastNew = log.maybeAppend(message.index, message.logTerm, message.entries, message.commit);
  if (lastNew >= 0) {
    acknowledge(raft, message.from, lastNew);
    return;
  }
  // The leader's entries up to message.index have terms of at most message.logTerm: skip all of ours that are higher.
  const hint = log.findConflictByTerm(Math.min(message.index, log.lastIndex()), message.logTerm);
  const response = newMessage(MessageType.MsgAppResp, message.from);
  response.index = message.index;
  response.reject = true;
  response.rejectHint = hint;
  response.logTerm = hint === 0 ? 0 : log.termOrZero(hint);
  raft.send(response);
}

/** Takes up the leader's commit index; the leader never sends more than this node has acknowledged. */
export function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit);
  const response = newMessage(MessageType.MsgHeartbeatResp, message.from);
  response.context = message.context;
  raft.send(response);
}

/** Replaces the log by a snapshot, unless this node already has what it contains. */
export function handleSnapshot(raft: Raft, message: Message): void {
  const { snapshot } = message;
  const restored = snapshot !== null && restore(raft, snapshot);
  acknowledge(raft, message.from, restored ? raft.log.lastIndex() : raft.log.committed);
}

function isMember(confState: ConfState, id: number): boolean {
  const { voters, learners, votersOutgoing } = confState;
  return voters.includes(id) || learners.includes(id) || votersOutgoing.includes(id);
}

/** Whether the snapshot took the log's place. */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { log } = raft;
  if (snapshot.index <= log.committed) return false;
  assert(raft.state === StateType.Follower, () => `${raft.id} restores a snapshot without being a follower`);
  // Without itself in the configuration a node would work against the wrong one; the sender is mistaken.
  if (!isMember(snapshot.confState, raft.id)) return false;
  if (log.matchTerm(snapshot.index, snapshot.term)) {
    log.commitTo(snapshot.index);
    return false;
  }
  log.restore(snapshot);
  restoreConfState(raft, snapshot.confState);
  return true;
}
