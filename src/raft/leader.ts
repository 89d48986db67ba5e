/**
 * A leader: hears from its followers how far they are, commits what a quorum has, and hands leadership over (Raft paper,
 * sections 5.3 and 5.4; dissertation, sections 3.10 and 6.2).
 */
import { type Message, MessageType, NONE } from './messages.ts';
import type { Progress } from './progress.ts';
import { handleProposal } from './proposals.ts';
import type { Raft } from './raft.ts';
import { handleReadAcknowledgement, handleReadIndex, releasePendingReads } from './reads.ts';
import { broadcastAppend, broadcastHeartbeat, maybeSendAppend, sendAppend, sendTimeoutNow } from './replication.ts';
import { STEPPED, type StepResult } from './results.ts';
import { ProgressState } from './status.ts';

/** Leader: a message of the current term. */
export function stepLeader(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case MessageType.MsgBeat:
      broadcastHeartbeat(raft);
      return STEPPED;
    case MessageType.MsgCheckQuorum:
      checkQuorum(raft);
      return STEPPED;
    case MessageType.MsgProp:
      return handleProposal(raft, message);
    case MessageType.MsgReadIndex:
      handleReadIndex(raft, message);
      return STEPPED;
    default: {
      // Whoever is not in the configuration does not count.
      const progress = raft.tracker.get(message.from);
      if (progress !== undefined) stepPeer(raft, message, progress);
      return STEPPED;
    }
  }
}

/** A message from, or about, a member. */
function stepPeer(raft: Raft, message: Message, progress: Progress): void {
  switch (message.type) {
    case MessageType.MsgAppResp:
      progress.recentActive = true;
      if (message.reject) handleRejection(raft, message, progress);
      else handleAcknowledgement(raft, message, progress);
      break;
    case MessageType.MsgHeartbeatResp:
      handleHeartbeatResponse(raft, message, progress);
      break;
    case MessageType.MsgSnapStatus:
      handleSnapshotStatus(message, progress);
      break;
    case MessageType.MsgUnreachable:
      // What is in flight is probably lost; find out where to begin again.
      if (progress.state === ProgressState.Replicate) progress.becomeProbe();
      break;
    case MessageType.MsgTransferLeader:
      handleTransferLeader(raft, message.from, progress);
      break;
    default:
  }
}

/** Steps down without a quorum heard of since the last time (dissertation, section 6.2). */
function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) raft.becomeFollower(raft.term, NONE);
  for (const [id, progress] of raft.tracker.progress) {
    if (id !== raft.id) progress.recentActive = false;
  }
}

/**
 * The follower has no matching entry before those sent. Its hint is the greatest index, with its term there, at which the
 * logs may agree; entries of ours above that term cannot match either, so that one probe a term is enough (end of paper
 * section 5.3, in both directions).
 */
function handleRejection(raft: Raft, message: Message, progress: Progress): void {
  const hint =
    message.logTerm > 0 ? raft.log.findConflictByTerm(message.rejectHint, message.logTerm) : message.rejectHint;
  if (!progress.maybeDecrementTo(message.index, hint)) return;
  if (progress.state === ProgressState.Replicate) progress.becomeProbe();
  sendAppend(raft, message.from);
}

/** The follower has durably what the leader has up to message.index. */
function handleAcknowledgement(raft: Raft, message: Message, progress: Progress): void {
  const { log } = raft;
  const moved = progress.maybeUpdate(message.index);
  // An acknowledgement of what is known already still ends a probe.
  if (!moved && (progress.match !== message.index || progress.state !== ProgressState.Probe)) return;

  if (progress.state === ProgressState.Probe) {
    progress.becomeReplicate();
  } else if (progress.state === ProgressState.Replicate) {
    progress.inflights.freeUpTo(message.index);
  } else if (progress.match + 1 >= log.firstIndex()) {
    // Wherever the follower got its state from, it can go on from the log now.
    progress.becomeProbe();
    progress.becomeReplicate();
  }

  const isOther = message.from !== raft.id;
  if (raft.maybeCommit()) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else if (isOther && progress.canBumpCommit(log.committed)) {
    sendAppend(raft, message.from);
  }
  if (isOther) {
    // The window has room again: fill it.
    while (maybeSendAppend(raft, message.from, false));
  }
  if (message.from === raft.leadTransferee && progress.match === log.lastIndex()) {
    sendTimeoutNow(raft, message.from);
  }
}

function handleHeartbeatResponse(raft: Raft, message: Message, progress: Progress): void {
  progress.recentActive = true;
  progress.flowPaused = false;
  // Recovers from a window that was lost as a whole, and from a probe after which nothing was left to send.
  if (progress.match < raft.log.lastIndex() || progress.state === ProgressState.Probe) {
    sendAppend(raft, message.from);
  }
  handleReadAcknowledgement(raft, message.from, message.context);
}

/** The transport tells how sending a snapshot ended; whether it was installed shows in the follower's next answer. */
function handleSnapshotStatus(message: Message, progress: Progress): void {
  if (progress.state !== ProgressState.Snapshot) return;
  if (message.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // The next message waits for an answer, or for the next heartbeat.
  progress.flowPaused = true;
}

/** Hands leadership to a voter: brings it up to date, then tells it to campaign at once (dissertation, section 3.10). */
function handleTransferLeader(raft: Raft, transferee: number, progress: Progress): void {
  if (progress.isLearner || raft.leadTransferee === transferee) return;
  raft.leadTransferee = NONE;
  if (transferee === raft.id) return;
  // The transfer has one election timeout to succeed.
  raft.electionElapsed = 0;
  raft.leadTransferee = transferee;
  if (progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, transferee);
  else sendAppend(raft, transferee);
}
