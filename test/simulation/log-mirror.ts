/**
 * What a node's log must hold, kept apart from the node: by what it has asked to persist, and by what it was told is
 * durable.
 *
 * Invariants: `durable` with the pending tasks applied is `issued`; what recovery finds must be `durable` with a prefix of
 * the pending tasks. Must not know the cluster.
 */
import type { HardState } from '../../src/raft/messages.ts';
import { EMPTY_HARD_STATE } from '../../src/raft/messages.ts';
import type { AppendTask } from '../../src/raft/ready.ts';
import type { RaftStorage } from '../../src/raft/storage.ts';
import { ensure } from './violation.ts';

/** A log as terms: of the snapshot in front, and of the entries behind it. */
export class LogImage {
  hardState: HardState = EMPTY_HARD_STATE;
  #base = 0;
  #baseTerm = 0;
  #terms: number[] = [];

  get lastIndex(): number {
    return this.#base + this.#terms.length;
  }

  /** Index of the snapshot in front. */
  get base(): number {
    return this.#base;
  }

  /** Term at `index`; undefined when the log does not tell. */
  termAt(index: number): number | undefined {
    return index === this.#base ? this.#baseTerm : this.#terms[index - this.#base - 1];
  }

  get lastTerm(): number {
    return this.#terms.at(-1) ?? this.#baseTerm;
  }

  apply({ hardState, entries, snapshot }: Pick<AppendTask, 'hardState' | 'entries' | 'snapshot'>): void {
    if (snapshot !== null) {
      this.#base = snapshot.index;
      this.#baseTerm = snapshot.term;
      this.#terms = [];
    }
    const first = entries[0];
    if (first !== undefined) {
      ensure(first.index > this.#base && first.index <= this.lastIndex + 1, 'contiguous log', () => {
        return `entries from ${first.index} on a log of ${this.#base}..${this.lastIndex}`;
      });
      this.#terms.length = first.index - this.#base - 1;
      for (const entry of entries) this.#terms.push(entry.term);
    }
    if (hardState !== null) this.hardState = hardState;
  }

  /**
   * A large task is written in pieces. When the log holds some of its entries and a hard state on the way to that of the
   * task, takes these in and answers true.
   */
  tookPartOf(task: AppendTask, storage: RaftStorage, found: HardState): boolean {
    const { entries, snapshot } = task;
    const first = entries[0];
    if (first === undefined || snapshot !== null) return false;
    const count = storage.lastIndex() - first.index + 1;
    if (count < 0 || count >= entries.length) return false;
    const before = this.hardState;
    const after = task.hardState ?? before;
    if (found.commit < before.commit || found.commit > after.commit) return false;
    const voted = count > 0 ? after : before;
    if (!sameVote(found, after) && !sameVote(found, voted)) return false;
    const trial = this.copy();
    trial.apply({ hardState: found, entries: entries.slice(0, count), snapshot });
    if (trial.differenceFrom(storage, found) !== null) return false;
    this.apply({ hardState: found, entries: entries.slice(0, count), snapshot });
    return true;
  }

  copy(): LogImage {
    const image = new LogImage();
    image.hardState = this.hardState;
    image.#base = this.#base;
    image.#baseTerm = this.#baseTerm;
    image.#terms = [...this.#terms];
    return image;
  }

  /** How a recovered log differs from this one, or null. The log may have been compacted since. */
  differenceFrom(storage: RaftStorage, hardState: HardState): string | null {
    const { term, vote, commit } = this.hardState;
    if (hardState.term !== term || hardState.vote !== vote || hardState.commit !== commit) {
      return `hard state ${JSON.stringify(hardState)}, expected ${JSON.stringify(this.hardState)}`;
    }
    if (storage.lastIndex() !== this.lastIndex) return `ends at ${storage.lastIndex()}, expected ${this.lastIndex}`;
    const first = storage.firstIndex() - 1;
    if (first < this.#base) return `begins behind ${first}, expected ${this.#base} at least`;
    for (let index = first; index <= this.lastIndex; index++) {
      if (storage.term(index) !== this.termAt(index)) {
        return `term ${storage.term(index)} at ${index}, expected ${this.termAt(index) ?? 'none'}`;
      }
    }
    return null;
  }
}

function sameVote(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote;
}

/** Both views of one node's log. */
export class LogMirror {
  issued = new LogImage();
  durable = new LogImage();
  #pending: AppendTask[] = [];

  issue(task: AppendTask): void {
    this.issued.apply(task);
    this.#pending.push(task);
  }

  /** The oldest task is durable. */
  settle(task: AppendTask): void {
    const oldest = this.#pending.shift();
    ensure(oldest === task, 'tasks in order', () => 'an append task became durable before an older one');
    this.durable.apply(task);
  }

  /** After a start: what was found is exactly what some prefix of the tasks left. */
  recovered(storage: RaftStorage, hardState: HardState): void {
    const image = this.durable;
    const acknowledged = image.differenceFrom(storage, hardState);
    let difference = acknowledged;
    for (const task of this.#pending) {
      if (difference === null || image.tookPartOf(task, storage, hardState)) break;
      image.apply(task);
      difference = image.differenceFrom(storage, hardState);
    }
    difference = image.differenceFrom(storage, hardState);
    ensure(difference === null, 'nothing acknowledged is lost', () => {
      return `the recovered log (${storage.firstIndex()}..${storage.lastIndex()}): ${acknowledged ?? ''}; with all that was issued: ${difference ?? ''}`;
    });
    this.issued = image.copy();
    this.#pending = [];
  }
}
