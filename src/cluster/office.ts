/**
 * What a member is at present, as the core has said it: its role, its term, the leader it knows, how far it knows the log committed.
 *
 * Invariant: all of it is of the same Ready. Must not know what follows from it.
 */
import type { HardState } from '../raft/messages.ts';
import type { SoftState } from '../raft/ready.ts';
import { StateType } from '../raft/ready.ts';

/** What a Ready has changed. */
export interface OfficeChange {
  /** Role, term or leader. */
  readonly changed: boolean;
  /** An election for a new term has begun. */
  readonly candidacy: boolean;
}

export class Office {
  #soft: SoftState = { leader: 0, state: StateType.Follower };
  #term: number;
  #commit: number;
  #ownTermIndex = 0;

  constructor({ term, commit }: HardState) {
    this.#term = term;
    this.#commit = commit;
  }

  get term(): number {
    return this.#term;
  }

  get commitIndex(): number {
    return this.#commit;
  }

  /** The leader known, or 0. */
  get leaderId(): number {
    return this.#soft.leader;
  }

  get role(): StateType {
    return this.#soft.state;
  }

  get leading(): boolean {
    return this.#soft.state === StateType.Leader;
  }

  /** First index of the present leadership's own term; 0 when not leading. */
  get ownTermIndex(): number {
    return this.#ownTermIndex;
  }

  /** Takes what a Ready says. `lastIndex` is asked when a leadership begins, whose first entry is the last of the log then. */
  take(softState: SoftState | null, hardState: HardState | null, lastIndex: () => number): OfficeChange {
    const wasLeading = this.leading;
    const termBefore = this.#term;
    if (hardState !== null) {
      this.#term = hardState.term;
      this.#commit = hardState.commit;
    }
    if (softState !== null) this.#soft = softState;
    const isNewTerm = termBefore !== this.#term;
    if (this.leading && (!wasLeading || isNewTerm)) this.#ownTermIndex = lastIndex();
    if (!this.leading) this.#ownTermIndex = 0;
    const changed = softState !== null || isNewTerm;
    return { changed, candidacy: changed && isNewTerm && this.#soft.state === StateType.Candidate };
  }

  /** For people. */
  roleName(isLearner: boolean): 'leader' | 'candidate' | 'learner' | 'follower' {
    if (this.leading) return 'leader';
    if (this.role === StateType.Candidate || this.role === StateType.PreCandidate) return 'candidate';
    return isLearner ? 'learner' : 'follower';
  }
}
