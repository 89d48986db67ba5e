/**
 * Groups on their way through the log: what was proposed by this member, and what became of it.
 *
 * A proposal is an entry (index, term). While its term's leadership lasts, a commit index at or above it means that it is
 * committed. After that, only the entry that is committed at its index tells. Must not know the core.
 */
import { StoreError } from '../domain/errors.ts';
import type { Entry } from '../raft/messages.ts';
import type { CommitOutcome } from '../storage/store.ts';

interface Proposal {
  readonly index: number;
  readonly term: number;
  readonly resolve: (outcome: CommitOutcome) => void;
  readonly reject: (error: StoreError) => void;
}

export class Proposals {
  /** By index, ascending. */
  #proposals: Proposal[] = [];

  get count(): number {
    return this.#proposals.length;
  }

  /** Waits for the entry. Resolves with `committed`, with `lost-race` when another entry has its place; rejects as {@link giveUp} says. */
  add(index: number, term: number): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      this.#proposals.push({ index, term, resolve, reject });
    });
  }

  /** This member, leading in `term`, knows that everything up to `index` is committed. */
  committedWhileLeading(index: number, term: number): void {
    let settled = 0;
    for (const proposal of this.#proposals) {
      if (proposal.index > index || proposal.term !== term) break;
      proposal.resolve('committed');
      settled += 1;
    }
    if (settled > 0) this.#proposals.splice(0, settled);
  }

  /** These entries, contiguous, are committed. */
  committed(entries: readonly Entry[]): void {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined || this.#proposals.length === 0) return;
    this.#proposals = this.#proposals.filter(({ index, term, resolve }) => {
      if (index < first.index || index > last.index) return true;
      resolve(entries[index - first.index]?.term === term ? 'committed' : 'lost-race');
      return false;
    });
  }

  /**
   * Nothing more will be heard of the proposals up to `index`, or of all. The outcome of these is unknown, and so is that of those behind
   * them: a group is never answered `committed` behind one that was not.
   */
  giveUp(reason: string, index = Infinity): void {
    if ((this.#proposals[0]?.index ?? Infinity) > index) return;
    const given = this.#proposals;
    this.#proposals = [];
    const message = `the append may or may not become durable: ${reason}; sending it again with the same event ids is safe`;
    for (const { reject } of given) reject(new StoreError('OUTCOME_UNKNOWN', message, { reason }));
  }
}
