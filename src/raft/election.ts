/**
 * Elections: starting one, voting in one, and what a candidate makes of the answers (Raft paper, section 5.2 and 5.4.1;
 * dissertation, sections 4.2.3, 6.4 and 9.6 for pre-votes, leases and disruptive servers).
 *
 * A vote counts only once it is durable: a candidate's own vote for itself comes back to it as a message, like the others.
 */
import { assert } from '../lib/assert.ts';
import { handleAppendEntries, handleHeartbeat, handleSnapshot } from './append-entries.ts';
import { CAMPAIGN_TRANSFER, EntryType, type Message, MessageType, newMessage, NO_DATA, NONE } from './messages.ts';
import { VoteResult } from './quorum.ts';
import type { Raft } from './raft.ts';
import { StateType } from './ready.ts';
import { broadcastAppend } from './replication.ts';
import type { ProposalRefused, StepResult } from './results.ts';
import { STEPPED } from './results.ts';

/** Why an election is held; a transfer skips the pre-vote and overrides leases, as the leader itself asked for it. */
export type CampaignType = 'pre-election' | 'election' | 'transfer';

/** Starts an election, if this node may: a voter without a committed configuration change still to apply. */
export function hup(raft: Raft, type: CampaignType): void {
  if (raft.state === StateType.Leader || !raft.promotable() || hasUnappliedConfChanges(raft)) return;
  campaign(raft, type);
}

/** A change committed but not applied may have removed this node, or changed the quorum it needs. */
function hasUnappliedConfChanges(raft: Raft): boolean {
  const { log } = raft;
  const end = log.committed + 1;
  for (let lo = log.applied + 1; lo < end;) {
    const page = log.slice(lo, end, log.maxApplyingSize);
    assert(
      typeof page !== 'string' && page.length > 0,
      () => `entries from ${lo} are committed (${log.committed}) and not applied (${log.applied}), but not readable`,
    );
    if (page.some((entry) => entry.type !== EntryType.Normal)) return true;
    lo += page.length;
  }
  return false;
}

/** Becomes a candidate, or pre-candidate, and asks all voters, itself included. */
function campaign(raft: Raft, type: CampaignType): void {
  const isPreVote = type === 'pre-election';
  if (isPreVote) raft.becomePreCandidate();
  else raft.becomeCandidate();
  const term = isPreVote ? raft.term + 1 : raft.term;
  for (const id of raft.tracker.voterIds()) {
    if (id === raft.id) {
      const own = newMessage(isPreVote ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp, id);
      own.term = term;
      raft.send(own);
      continue;
    }
    const request = newMessage(isPreVote ? MessageType.MsgPreVote : MessageType.MsgVote, id);
    request.term = term;
    request.index = raft.log.lastIndex();
    request.logTerm = raft.log.lastTerm();
    request.context = type === 'transfer' ? CAMPAIGN_TRANSFER : NO_DATA;
    raft.send(request);
  }
}

/** Whether a vote request is part of a leadership transfer. */
function isTransfer(context: Uint8Array): boolean {
  if (context.length !== CAMPAIGN_TRANSFER.length) return false;
  return context.every((byte, i) => byte === CAMPAIGN_TRANSFER[i]);
}

/**
 * Whether a vote request of a higher term is to be ignored, term and all: this node heard of a leader within the minimum
 * election timeout, so that the candidate was cut off or removed (paper, section 6; dissertation, section 4.2.3).
 */
export function isWithinLease(raft: Raft, request: Message): boolean {
  if (!raft.config.checkQuorum || raft.lead === NONE || isTransfer(request.context)) return false;
  return raft.electionElapsed < raft.config.electionTick;
}

function voteResponseType(type: MessageType): MessageType {
  return type === MessageType.MsgPreVote ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp;
}

/** Refuses a vote, telling the candidate our term and what we know to be committed. */
export function rejectVote(raft: Raft, request: Message): void {
  const response = newMessage(voteResponseType(request.type), request.from);
  response.term = raft.term;
  response.reject = true;
  if (raft.config.commitInVoteRejections) {
    response.commit = raft.log.committed;
    response.logTerm = raft.log.termOrZero(response.commit);
  }
  raft.send(response);
}

/**
 * Votes, or not, on a request of the current term or, for a pre-vote, a later one. Learners vote too: one that was
 * promoted may not know it yet, and its vote may be needed.
 */
export function handleVoteRequest(raft: Raft, request: Message): void {
  const isPreVote = request.type === MessageType.MsgPreVote;
  const mayVote =
    raft.vote === request.from || (raft.vote === NONE && raft.lead === NONE) || (isPreVote && request.term > raft.term);
  if (!mayVote || !raft.log.isUpToDate(request.index, request.logTerm)) {
    rejectVote(raft, request);
    return;
  }
  // A granted pre-vote carries the term asked for, which is not ours: with ours the candidate would ignore it as stale.
  const response = newMessage(voteResponseType(request.type), request.from);
  response.term = request.term;
  raft.send(response);
  if (!isPreVote) {
    raft.electionElapsed = 0;
    raft.vote = request.from;
  }
}

/** Candidate or pre-candidate: a message of the current term. */
export function stepCandidate(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case MessageType.MsgProp:
      return { ok: false, reason: 'no-leader', leader: NONE } satisfies ProposalRefused;
    case MessageType.MsgApp:
      raft.becomeFollower(message.term, message.from);
      handleAppendEntries(raft, message);
      return STEPPED;
    case MessageType.MsgHeartbeat:
      raft.becomeFollower(message.term, message.from);
      handleHeartbeat(raft, message);
      return STEPPED;
    case MessageType.MsgSnap:
      raft.becomeFollower(message.term, message.from);
      handleSnapshot(raft, message);
      return STEPPED;
    case MessageType.MsgPreVoteResp:
      // Answers to the other round are stale: a pre-vote is no vote.
      if (raft.state === StateType.PreCandidate) handleVoteResponse(raft, message);
      return STEPPED;
    case MessageType.MsgVoteResp:
      if (raft.state === StateType.Candidate) handleVoteResponse(raft, message);
      return STEPPED;
    default:
      return STEPPED;
  }
}

/**
 * Takes for committed what whoever refused a vote knows to be: the logs are equal up to an entry that both have. True when this election is over,
 * as a configuration change among it is to be applied first.
 */
function learnCommit(raft: Raft, { reject, commit, logTerm }: Message): boolean {
  if (!reject || !raft.log.maybeCommit(commit, logTerm) || !hasUnappliedConfChanges(raft)) return false;
  raft.becomeFollower(raft.term, NONE);
  return true;
}

function handleVoteResponse(raft: Raft, response: Message): void {
  if (learnCommit(raft, response)) return;
  raft.tracker.recordVote(response.from, !response.reject);
  const result = raft.tracker.tallyVotes();
  if (result === VoteResult.Lost) {
    raft.becomeFollower(raft.term, NONE);
  } else if (result === VoteResult.Won) {
    if (raft.state === StateType.PreCandidate) {
      campaign(raft, 'election');
    } else {
      raft.becomeLeader();
      broadcastAppend(raft);
    }
  }
}
