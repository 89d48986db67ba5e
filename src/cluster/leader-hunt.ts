/**
 * Elections that need not wait for a timeout: the connection to the leader broke, as it does at once when a process is killed; or
 * a member came into reach while nobody leads. Then voters ask for pre-votes one after the other, in the order of their ids,
 * which is quicker than chance and keeps two from splitting the vote.
 *
 * Why this is safe: an election is. And why it does not unseat a leader that is well: it begins with a pre-vote, which every member
 * that has heard of the leader within an election timeout refuses, the leader itself among them; only who lost its own connection
 * forgets the lease. So a majority must have lost the leader. Reads do not rely on the lease (ReadIndex asks a majority).
 *
 * Invariant: only pre-votes are asked for, never while this member is a candidate of a real election; a bounded number of times.
 */
import type { CancelTimer, Clock } from '../lib/clock.ts';
import { StateType } from '../raft/ready.ts';
import type { Configuration } from './configuration.ts';

/** What it has to know and do. */
export interface HuntingMember {
  readonly id: number;
  readonly term: number;
  readonly leaderId: number;
  readonly role: StateType;
  readonly diskStalled: boolean;
  readonly electionMillis: number;
  readonly configuration: Configuration;
  forgetLeader(): void;
  campaign(): void;
}

/** Rounds of all voters, after which the ordinary timeout is left to it. */
const rounds = 3;

/** One member's part in it. */
export class LeaderHunt {
  readonly #member: HuntingMember;
  readonly #clock: Clock;
  #cancel: CancelTimer | null = null;
  #stopped = false;

  constructor(member: HuntingMember, clock: Clock) {
    this.#member = member;
    this.#clock = clock;
  }

  /** A connection to this member broke. */
  disconnected(id: number): void {
    const { leaderId, role, electionMillis } = this.#member;
    if (this.#stopped || id !== leaderId || role === StateType.Leader) return;
    this.#member.forgetLeader();
    this.#end();
    // The others notice it at about the same time; and would refuse who noticed it before them.
    this.#begin(electionMillis / 50, id);
  }

  /** Some member can be sent to. */
  reached(): void {
    const { leaderId, role, electionMillis } = this.#member;
    if (this.#stopped || this.#cancel !== null || leaderId !== 0 || role === StateType.Leader) return;
    // A leader that is there is heard of before that.
    this.#begin(electionMillis / 5, 0);
  }

  /** Ends it for good. */
  stop(): void {
    this.#stopped = true;
    this.#end();
  }

  #end(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** `gone` is a voter that need not be waited for. */
  #begin(firstMillis: number, gone: number): void {
    const { id, term, configuration, electionMillis } = this.#member;
    const others = configuration.confState.voters.filter((voter) => voter !== gone).sort((a, b) => a - b);
    const rank = others.indexOf(id);
    if (rank < 0) return;
    const stepMillis = electionMillis / 5;
    this.#turn(firstMillis + rank * stepMillis, others.length * stepMillis, term, rounds);
  }

  #turn(millis: number, roundMillis: number, term: number, left: number): void {
    this.#cancel = this.#clock.setTimer(millis, () => {
      this.#cancel = null;
      const { leaderId, role, diskStalled } = this.#member;
      const following = role === StateType.Follower || role === StateType.PreCandidate;
      if (leaderId !== 0 || !following || this.#member.term !== term) return;
      if (!diskStalled) this.#member.campaign();
      if (left > 1) this.#turn(roundMillis, roundMillis, term, left - 1);
    });
  }
}
