/**
 * The two inputs of a node, ticks and messages, and what their terms decide before roles do (Raft paper, section 5.1).
 */
import { handleVoteRequest, hup, isWithinLease, rejectVote, stepCandidate } from './election.ts';
import { entriesSize, payloadsSize } from './entry-size.ts';
import { stepFollower } from './follower.ts';
import { stepLeader } from './leader.ts';
import { type Message, MessageType, newMessage, NONE, type Snapshot } from './messages.ts';
import { appliedTo } from './proposals.ts';
import type { Raft } from './raft.ts';
import { StateType } from './ready.ts';
import { STEPPED, type StepResult } from './results.ts';

/** One message, from a peer, from this node's storage, or local. Never changes it, but may keep it. */
export function step(raft: Raft, message: Message): StepResult {
  if (message.term !== 0 && message.term !== raft.term) {
    if (message.term < raft.term) {
      stepLowerTerm(raft, message);
      return STEPPED;
    }
    if (!acceptHigherTerm(raft, message)) return STEPPED;
  }
  switch (message.type) {
    case MessageType.MsgHup:
      hup(raft, raft.config.preVote ? 'pre-election' : 'election');
      return STEPPED;
    case MessageType.MsgStorageAppendResp:
      if (message.index !== 0) raft.log.unstable.stableTo(message.index, message.logTerm);
      if (message.snapshot !== null) snapshotInstalled(raft, message.snapshot);
      return STEPPED;
    case MessageType.MsgStorageApplyResp:
      entriesApplied(raft, message);
      return STEPPED;
    case MessageType.MsgVote:
    case MessageType.MsgPreVote:
      handleVoteRequest(raft, message);
      return STEPPED;
    default:
      return stepRole(raft, message);
  }
}

function stepRole(raft: Raft, message: Message): StepResult {
  if (raft.state === StateType.Follower) return stepFollower(raft, message);
  return raft.state === StateType.Leader ? stepLeader(raft, message) : stepCandidate(raft, message);
}

/** Takes up a higher term where the message proves one. False when the message is to be ignored. */
function acceptHigherTerm(raft: Raft, message: Message): boolean {
  const { type } = message;
  if ((type === MessageType.MsgVote || type === MessageType.MsgPreVote) && isWithinLease(raft, message)) return false;
  // A pre-vote is about a term nobody is in yet, and so is the answer that grants it.
  if (type === MessageType.MsgPreVote || (type === MessageType.MsgPreVoteResp && !message.reject)) return true;
  const isFromLeader = type === MessageType.MsgApp || type === MessageType.MsgHeartbeat || type === MessageType.MsgSnap;
  raft.becomeFollower(message.term, isFromLeader ? message.from : NONE);
  return true;
}

/** A message of an older term. Most are ignored; some senders must be told the term, or they would be stuck. */
function stepLowerTerm(raft: Raft, message: Message): void {
  const { type } = message;
  const { checkQuorum, preVote } = raft.config;
  if ((checkQuorum || preVote) && (type === MessageType.MsgHeartbeat || type === MessageType.MsgApp)) {
    // With leases or pre-votes this node's higher term, of a lost election, does not spread by vote requests: without this
    // answer neither could it follow that leader, nor the leader learn of the term.
    raft.send(newMessage(MessageType.MsgAppResp, message.from));
  } else if (type === MessageType.MsgPreVote) {
    // A pre-candidate with a longer log but an older term must be able to catch up, or nobody could win.
    rejectVote(raft, message);
  } else if (type === MessageType.MsgStorageAppendResp && message.snapshot !== null) {
    // Entries may have been replaced since, so that they do not count as durable; a snapshot is committed state.
    snapshotInstalled(raft, message.snapshot);
  }
}

function snapshotInstalled(raft: Raft, snapshot: Snapshot): void {
  raft.log.unstable.stableSnapshotTo(snapshot.index);
  appliedTo(raft, snapshot.index, 0);
}

function entriesApplied(raft: Raft, message: Message): void {
  const last = message.entries.at(-1);
  if (last === undefined) return;
  appliedTo(raft, last.index, entriesSize(message.entries));
  raft.reduceUncommittedSize(payloadsSize(message.entries));
}

/** One tick of logical time. */
export function tick(raft: Raft): void {
  if (raft.state === StateType.Leader) tickHeartbeat(raft);
  else tickElection(raft);
}

function tickElection(raft: Raft): void {
  raft.electionElapsed++;
  if (raft.promotable() && raft.electionElapsed >= raft.randomizedElectionTimeout) {
    raft.electionElapsed = 0;
    stepLocal(raft, MessageType.MsgHup);
  }
}

function tickHeartbeat(raft: Raft): void {
  raft.heartbeatElapsed++;
  raft.electionElapsed++;
  if (raft.electionElapsed >= raft.config.electionTick) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum) stepLocal(raft, MessageType.MsgCheckQuorum);
    // A transfer that took an election timeout has failed.
    if (raft.state === StateType.Leader) raft.leadTransferee = NONE;
  }
  if (raft.state === StateType.Leader && raft.heartbeatElapsed >= raft.config.heartbeatTick) {
    raft.heartbeatElapsed = 0;
    stepLocal(raft, MessageType.MsgBeat);
  }
}

function stepLocal(raft: Raft, type: MessageType): void {
  const message = newMessage(type, NONE);
  message.from = raft.id;
  step(raft, message);
}
