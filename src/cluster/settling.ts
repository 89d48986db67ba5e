/**
 * That a change of the configuration lasts: no loss of power takes the members that it leaves back to the one before. A commit index goes to disk
 * with the entries behind it, so a leader puts an entry behind every change that it applies. Without it, two members that became one would
 * wait for the other for ever. Must not know what a change is.
 */
import { NO_DATA } from '../raft/messages.ts';
import type { ProposalResult } from '../raft/results.ts';

/** The leader, as far as this needs it. */
export interface SettlingMember {
  readonly term: number;
  readonly leading: boolean;
  readonly deciding: boolean;
  readonly applier: { readonly appliedIndex: number };
}

export class Settling {
  readonly #member: SettlingMember;
  readonly #propose: (data: Uint8Array) => ProposalResult | null;
  /** What has to be applied in this term; infinite: it was not taken yet. */
  #awaited = { term: 0, index: 0 };

  constructor(member: SettlingMember, propose: (data: Uint8Array) => ProposalResult | null) {
    this.#member = member;
    this.#propose = propose;
  }

  /** The configuration has changed, as of what is applied now. */
  begin(): void {
    const { leading, term } = this.#member;
    if (!leading) return;
    const result = this.#propose(NO_DATA);
    this.#awaited = { term, index: result?.ok === true ? result.index : Infinity };
  }

  /** Tries again what was not taken, as during a transfer of leadership. */
  tick(): void {
    if (this.#awaited.index === Infinity && this.#awaited.term === this.#member.term) this.begin();
  }

  /** This leader knows that a majority of the configuration in force has it on disk that it is the one. */
  get done(): boolean {
    const { term, deciding, applier } = this.#member;
    return deciding && (this.#awaited.term !== term || applier.appliedIndex >= this.#awaited.index);
  }
}
