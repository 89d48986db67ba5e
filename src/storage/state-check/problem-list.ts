/**
 * What a check found wrong. Bounded: the first problems are kept, all are counted.
 */
import { StoreError } from '../../domain/errors.ts';

/**
 * `damaged`: bytes that cannot be read or decoded, or contradict themselves. `gap`: positions or revisions that are missing.
 * `order`: places or times that do not follow each other. `index`: an index entry that is missing, wrong or too many. `head`: a
 * stream head that does not fit the stream. `meta`: the state's own numbers do not fit what is there. `unknown-key`: an entry
 * that no version known here writes.
 */
export type StateProblemKind = 'damaged' | 'gap' | 'order' | 'index' | 'head' | 'meta' | 'unknown-key';

export interface StateProblem {
  readonly kind: StateProblemKind;
  /** For people: what is wrong, where. */
  readonly message: string;
}

export class ProblemList {
  readonly kept: StateProblem[] = [];
  readonly #capacity: number;
  #count = 0;

  /** Keeps the first `capacity` problems. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get count(): number {
    return this.#count;
  }

  add(kind: StateProblemKind, message: string): void {
    this.#count += 1;
    if (this.kept.length < this.#capacity) this.kept.push({ kind, message });
  }

  /** Runs `action`; damage that it meets becomes a problem. Undefined when it met damage. */
  async guard<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'STORAGE_CORRUPT') throw error;
      this.add('damaged', error.message);
      return undefined;
    }
  }
}
