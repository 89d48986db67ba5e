/**
 * The state of one node and the transitions every role shares: changing role, changing term, sending, appending.
 *
 * What a role does with a message is in step.ts, follower.ts, election.ts and leader.ts, with replication.ts, reads.ts and
 * membership.ts; they work on this class, which knows none of them.
 *
 * Invariant that makes asynchronous storage safe: a message that promises something of this node's disk (an append
 * acknowledgement or a vote, also those to itself, and a candidate's request for votes) goes to `messagesAfterAppend`, and leaves only when everything that the
 * node has asked to persist so far is durable. All others go to `messages` and may leave at once.
 */
import { assert } from '../lib/assert.ts';
import { type RaftConfig, type ResolvedConfig, resolveConfig } from './config.ts';
import { payloadsSize } from './entry-size.ts';
import { Inflights } from './inflights.ts';
import { RaftLog } from './log.ts';
import {
  type Entry,
  EntryType,
  type HardState,
  type Message,
  type MessageDraft,
  messageTypeName,
  MessageType,
  newMessage,
  NO_DATA,
  NONE,
} from './messages.ts';
import { Progress } from './progress.ts';
import { ReadOnly } from './read-only.ts';
import { type ReadState, StateType } from './ready.ts';
import { ProgressTracker } from './tracker.ts';

/** An entry as proposed: the leader gives it term and index. */
export interface NewEntry {
  readonly type: EntryType;
  readonly data: Uint8Array;
}

const EMPTY_ENTRY: NewEntry = { type: EntryType.Normal, data: NO_DATA };

export class Raft {
  readonly config: ResolvedConfig;
  readonly id: number;
  readonly log: RaftLog;
  readonly tracker = new ProgressTracker();
  term = 0;
  vote = NONE;
  state: StateType = StateType.Follower;
  /** The leader of `term` as far as known. */
  lead = NONE;
  isLearner = false;
  /** The node that leadership is being handed to (dissertation, section 3.10). */
  leadTransferee = NONE;
  /** No configuration change may be proposed before this index is applied: an earlier one may still be at work. */
  pendingConfIndex = 0;
  /** Payload bytes of a leader's uncommitted entries; may be too low, never too high. */
  uncommittedSize = 0;
  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTimeout = 0;
  readOnly = new ReadOnly();
  /** Reads that came before the leader's first commit of its term. */
  pendingReadIndexMessages: Message[] = [];
  readStates: ReadState[] = [];
  messages: Message[] = [];
  messagesAfterAppend: Message[] = [];

  /** A node without a configuration yet; see newRaft() in membership.ts. */
  constructor(config: RaftConfig) {
    this.config = resolveConfig(config);
    this.id = this.config.id;
    this.log = new RaftLog(this.config.storage, this.config.maxCommittedSizePerReady);
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** Takes up what the node knew when it stopped. */
  loadHardState(hardState: HardState): void {
    this.log.loadCommit(hardState.commit);
    this.term = hardState.term;
    this.vote = hardState.vote;
  }

  /** Queues a message, filling in the sender and, where it is not the sender's to choose, the term. */
  send(message: MessageDraft): void {
    const { type } = message;
    if (message.from === NONE) message.from = this.id;
    switch (type) {
      case MessageType.MsgVote:
      case MessageType.MsgVoteResp:
      case MessageType.MsgPreVote:
      case MessageType.MsgPreVoteResp:
        // Pre-votes are for the term after the current one, so that the caller must say which is meant. A node that was
        // never in a term has none to tell when it refuses; its answer then counts as one of the candidate's own term.
        assert(message.term !== 0 || message.reject, () => `${messageTypeName(type)} to ${message.to} without a term`);
        break;
      case MessageType.MsgProp:
      case MessageType.MsgReadIndex:
        // Passed on to whoever leads, in whichever term.
        break;
      default:
        message.term = this.term;
    }
    if (type === MessageType.MsgAppResp || type === MessageType.MsgVoteResp || type === MessageType.MsgPreVoteResp) {
      this.messagesAfterAppend.push(message);
      return;
    }
    if (type === MessageType.MsgVote && this.config.voteRequestsAfterAppend) {
      this.messagesAfterAppend.push(message);
      return;
    }
    assert(message.to !== this.id, () => `${messageTypeName(type)} sent by ${this.id} to itself`);
    this.messages.push(message);
  }

  /** Forgets everything that belongs to a role and, in a new term, the vote. */
  reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.lead = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.resetRandomizedElectionTimeout();
    this.leadTransferee = NONE;
    this.tracker.resetVotes();
    this.#resetProgress();
    this.pendingConfIndex = 0;
    this.uncommittedSize = 0;
    this.readOnly = new ReadOnly();
  }

  #resetProgress(): void {
    const lastIndex = this.log.lastIndex();
    const progress = new Map<number, Progress>();
    for (const id of this.tracker.ids) {
      const window = new Inflights(this.config.maxInflightMsgs, this.config.maxInflightBytes);
      const match = id === this.id ? lastIndex : 0;
      const isLearner = this.tracker.get(id)?.isLearner === true;
      progress.set(id, new Progress(match, lastIndex + 1, window, isLearner));
    }
    this.tracker.reset(this.tracker.confState, progress);
  }

  resetRandomizedElectionTimeout(): void {
    const { electionTick } = this.config;
    const timeout = this.config.randomizedElectionTimeout(electionTick);
    assert(timeout >= 1, () => `a randomized election timeout of ${timeout} ticks`);
    this.randomizedElectionTimeout = timeout;
  }

  becomeFollower(term: number, lead: number): void {
    this.reset(term);
    this.lead = lead;
    this.state = StateType.Follower;
  }

  /** Starts an election in the next term, with this node's own vote. */
  becomeCandidate(): void {
    assert(this.state !== StateType.Leader, () => `leader ${this.id} of term ${this.term} became a candidate`);
    this.reset(this.term + 1);
    this.vote = this.id;
    this.state = StateType.Candidate;
  }

  /** Asks whether an election could be won; neither the term nor the vote changes (dissertation, section 9.6). */
  becomePreCandidate(): void {
    assert(this.state !== StateType.Leader, () => `leader ${this.id} of term ${this.term} became a pre-candidate`);
    this.tracker.resetVotes();
    this.lead = NONE;
    this.state = StateType.PreCandidate;
  }

  /** Takes office, with an empty entry of the new term, by which older entries get committed (paper, section 8). */
  becomeLeader(): void {
    assert(this.state !== StateType.Follower, () => `follower ${this.id} of term ${this.term} became leader`);
    this.reset(this.term);
    this.lead = this.id;
    this.state = StateType.Leader;
    const own = this.tracker.get(this.id);
    assert(own !== undefined, () => `leader ${this.id} of term ${this.term} is not in its configuration`);
    own.becomeReplicate();
    own.recentActive = true;
    // An older configuration change may be anywhere in the log: wait until all of it is applied.
    this.pendingConfIndex = this.log.lastIndex();
    assert(this.appendEntries([EMPTY_ENTRY]), 'the empty entry of a new leader was refused');
  }

  /**
   * Appends proposals to a leader's own log. Its own acknowledgement follows when they are durable, like any follower's,
   * so that a leader never counts what it could lose. False when the bound on uncommitted bytes refuses them.
   */
  appendEntries(proposed: readonly NewEntry[]): boolean {
    const { term } = this;
    let index = this.log.lastIndex();
    const entries: Entry[] = [];
    for (const { type, data } of proposed) {
      index++;
      entries.push({ type, term, index, data });
    }
    if (!this.#increaseUncommittedSize(payloadsSize(entries))) return false;
    const acknowledgement = newMessage(MessageType.MsgAppResp, this.id);
    acknowledgement.index = this.log.append(entries);
    this.send(acknowledgement);
    return true;
  }

  /** Empty entries always pass, and so does anything when nothing is uncommitted: else it could never be proposed. */
  #increaseUncommittedSize(size: number): boolean {
    const total = this.uncommittedSize + size;
    if (this.uncommittedSize > 0 && size > 0 && total > this.config.maxUncommittedEntriesSize) return false;
    this.uncommittedSize = total;
    return true;
  }

  /** Entries of `size` payload bytes were applied, hence are committed. */
  reduceUncommittedSize(size: number): void {
    this.uncommittedSize = Math.max(0, this.uncommittedSize - size);
  }

  /** Leader: commits what is on a quorum and of its own term (paper, figure 2, last rule for leaders). */
  maybeCommit(): boolean {
    return this.log.maybeCommit(this.tracker.committed(), this.term);
  }

  /** Whether a leader has committed an entry of its own term, so that it knows what is committed (paper, section 8). */
  committedEntryInCurrentTerm(): boolean {
    return this.log.termOrZero(this.log.committed) === this.term;
  }

  /** Whether this node may campaign: a voter that is not installing a snapshot. */
  promotable(): boolean {
    const own = this.tracker.get(this.id);
    return own !== undefined && !own.isLearner && !this.log.hasPendingSnapshot;
  }
}
