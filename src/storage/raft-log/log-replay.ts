/**
 * The Raft log as the records, taken one after the other, make it: hard state, base, and where each entry lies.
 *
 * The same transitions run when a log is read back and when it is written, so both sides agree on what a record does.
 * Invariants: entries follow each other without a gap from the base on; nothing committed is replaced. Must not know
 * files; a record that breaks the rules is answered with what is wrong, for the caller to place.
 */
import type { HardState } from '../../raft/messages.ts';
import { EMPTY_CONF_STATE, EMPTY_HARD_STATE, NO_DATA } from '../../raft/messages.ts';
import { EntryIndex } from './entry-index.ts';
import type { Checkpoint, LogBase, RaftRecord } from './record-codec.ts';
import { ENTRY_HEAD_BYTES } from './record-codec.ts';

/** The base of a log that begins with entry 1. */
export const EMPTY_BASE: LogBase = {
  origin: 'empty',
  index: 0,
  term: 0,
  confState: EMPTY_CONF_STATE,
  data: NO_DATA,
};

export class LogReplay {
  readonly index = new EntryIndex();
  #hardState: HardState = EMPTY_HARD_STATE;
  #base: LogBase = EMPTY_BASE;
  #empty = true;

  get hardState(): HardState {
    return this.#hardState;
  }

  get base(): LogBase {
    return this.#base;
  }

  get checkpoint(): Checkpoint {
    return { hardState: this.#hardState, base: this.#base, lastIndex: this.index.last };
  }

  /**
   * Takes the next record, which lies at `segment` and `offset` (segment 0 for one that is not durable yet). Returns what
   * is wrong with it, and has then done nothing; null when all is well.
   */
  apply(record: RaftRecord, segment: number, offset: number): string | null {
    const problem = this.#apply(record, segment, offset);
    if (problem === null) this.#empty = false;
    return problem;
  }

  #apply(record: RaftRecord, segment: number, offset: number): string | null {
    switch (record.kind) {
      case 'entry': {
        const { index, term, data } = record.entry;
        return this.#applyEntry(index, term, ENTRY_HEAD_BYTES + data.length, segment, offset);
      }
      case 'hardState':
        return this.#applyHardState(record.hardState);
      case 'base':
        return this.#applyBase(record.base);
      case 'checkpoint':
        return this.#empty ? this.#start(record.checkpoint) : this.#compare(record.checkpoint);
    }
  }

  #applyEntry(index: number, term: number, payloadBytes: number, segment: number, offset: number): string | null {
    const { base, last } = this.index;
    if (index <= base || index > last + 1) return `entry ${index} does not fit the log, which holds (${base}, ${last}]`;
    if (index <= this.#hardState.commit)
      return `entry ${index} replaces one at or below the commit index ${this.#hardState.commit}`;
    const before = this.index.term(index - 1);
    if (term < before) return `entry ${index} has term ${term}, below the term ${before} of the entry before it`;
    if (index <= last) this.index.truncate(index);
    this.index.append(term, payloadBytes);
    if (segment !== 0) this.index.setPlace(index, segment, offset);
    return null;
  }

  #applyHardState(next: HardState): string | null {
    const { term, vote, commit } = this.#hardState;
    if (next.term < term) return `the term goes back from ${term} to ${next.term}`;
    if (next.term === term && vote !== 0 && next.vote !== vote) {
      return `the vote in term ${term} changes from ${vote} to ${next.vote}`;
    }
    if (next.commit < commit) return `the commit index goes back from ${commit} to ${next.commit}`;
    if (next.commit > this.index.last) {
      return `the commit index ${next.commit} is above the last index ${this.index.last}`;
    }
    this.#hardState = next;
    return null;
  }

  #applyBase(base: LogBase): string | null {
    if (base.index < this.#base.index) return `the base goes back from ${this.#base.index} to ${base.index}`;
    if (base.origin === 'snapshot') {
      this.index.reset(base.index, base.term);
      const { term, vote, commit } = this.#hardState;
      this.#hardState = { term, vote, commit: Math.max(commit, base.index) };
    } else {
      if (base.index > this.index.last)
        return `compaction up to ${base.index}, above the last index ${this.index.last}`;
      this.index.compact(base.index, base.term);
    }
    this.#base = base;
    return null;
  }

  /** The oldest segment is left of a longer log: entries that it begins behind have no place. */
  #start({ hardState, base, lastIndex }: Checkpoint): string | null {
    if (lastIndex < base.index) return `the last index ${lastIndex} is below the base ${base.index}`;
    this.index.reset(base.index, base.term);
    for (let i = base.index; i < lastIndex; i++) this.index.append(base.term, 0);
    this.#hardState = hardState;
    this.#base = base;
    return null;
  }

  #compare(found: Checkpoint): string | null {
    const { hardState, base, lastIndex } = this.checkpoint;
    const same =
      found.lastIndex === lastIndex &&
      found.base.index === base.index &&
      found.base.term === base.term &&
      found.hardState.term === hardState.term &&
      found.hardState.vote === hardState.vote &&
      found.hardState.commit === hardState.commit;
    return same ? null : 'the checkpoint of the segment contradicts the records before it';
  }
}
