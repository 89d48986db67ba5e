/**
 * The active configuration with what is known of each of its members: progress, and the votes of a running election.
 *
 * Iteration is always in ascending order of ids, so that equal inputs give equal outputs on every machine. Must not know
 * messages or the log.
 */
import { type ConfState, EMPTY_CONF_STATE } from './messages.ts';
import type { Progress } from './progress.ts';
import { type JointConfig, jointCommittedIndex, jointIds, jointVoteResult, sortedIds, VoteResult } from './quorum.ts';

/** Progress of every member, learners included. */
export type ProgressMap = ReadonlyMap<number, Progress>;

export class ProgressTracker {
  #confState: ConfState = EMPTY_CONF_STATE;
  #voters: JointConfig = { incoming: [], outgoing: [] };
  #progress: ProgressMap = new Map();
  #ids: readonly number[] = [];
  #votes = new Map<number, boolean>();
  readonly #matchOf = (id: number): number | undefined => this.#progress.get(id)?.match;

  /** Takes over a configuration and the progress of its members. */
  reset(confState: ConfState, progress: ProgressMap): void {
    this.#confState = confState;
    this.#voters = { incoming: confState.voters, outgoing: confState.votersOutgoing };
    this.#progress = progress;
    this.#ids = sortedIds(progress.keys());
  }

  /** The active configuration. */
  get confState(): ConfState {
    return this.#confState;
  }

  get voters(): JointConfig {
    return this.#voters;
  }

  get progress(): ProgressMap {
    return this.#progress;
  }

  /** Ids of all members, learners included, ascending. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  /** Ids of the voters of both halves, ascending. */
  voterIds(): readonly number[] {
    return jointIds(this.#voters);
  }

  get(id: number): Progress | undefined {
    return this.#progress.get(id);
  }

  get isJoint(): boolean {
    return this.#voters.outgoing.length > 0;
  }

  /** Whether there is exactly one voter. */
  get isSingleton(): boolean {
    return this.#voters.incoming.length === 1 && this.#voters.outgoing.length === 0;
  }

  /** Greatest index that is on a quorum, by what members have acknowledged. */
  committed(): number {
    return jointCommittedIndex(this.#voters, this.#matchOf);
  }

  /** Whether a quorum was heard of lately. */
  quorumActive(): boolean {
    const votes = new Map<number, boolean>();
    for (const [id, progress] of this.#progress) {
      if (!progress.isLearner) votes.set(id, progress.recentActive);
    }
    return jointVoteResult(this.#voters, votes) === VoteResult.Won;
  }

  /** Result of acknowledgements by `ids`, which never refuse. */
  ackResult(ids: ReadonlyMap<number, boolean>): VoteResult {
    return jointVoteResult(this.#voters, ids);
  }

  /** Forgets all votes. */
  resetVotes(): void {
    this.#votes = new Map();
  }

  /** Notes a vote; the first of a voter counts, however often it is repeated. */
  recordVote(id: number, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  /** Where the election stands. */
  tallyVotes(): VoteResult {
    return jointVoteResult(this.#voters, this.#votes);
  }
}
