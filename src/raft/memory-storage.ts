/**
 * The storage port in memory: for tests, simulations and as the model that other implementations are compared with.
 *
 * Holds the compacted index with its term, and the entries behind it. Loses everything with the process, so that a real
 * node must not run on it.
 */
import { assert } from '../lib/assert.ts';
import { limitSize } from './entry-size.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  type HardState,
  NO_DATA,
  type Snapshot,
} from './messages.ts';
import { COMPACTED, type InitialState, type LogMiss, type RaftStorage, UNAVAILABLE } from './storage.ts';

const EMPTY_SNAPSHOT: Snapshot = { index: 0, term: 0, confState: EMPTY_CONF_STATE, data: NO_DATA };

/** Why a snapshot or a compaction was not done: it is behind what there already is. */
export type OutOfDate = 'out-of-date';

export class MemoryStorage implements RaftStorage {
  #hardState: HardState = EMPTY_HARD_STATE;
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  #compactedIndex = 0;
  #compactedTerm = 0;
  #entries: Entry[] = [];

  initialState(): InitialState {
    return { hardState: this.#hardState, confState: this.#snapshot.confState };
  }

  firstIndex(): number {
    return this.#compactedIndex + 1;
  }

  lastIndex(): number {
    return this.#compactedIndex + this.#entries.length;
  }

  term(index: number): number | LogMiss {
    if (index < this.#compactedIndex) return COMPACTED;
    if (index === this.#compactedIndex) return this.#compactedTerm;
    return this.#entries[index - this.#compactedIndex - 1]?.term ?? UNAVAILABLE;
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] | LogMiss {
    if (lo <= this.#compactedIndex) return COMPACTED;
    const first = this.#compactedIndex + 1;
    if (hi > this.lastIndex() + 1) return UNAVAILABLE;
    return limitSize(this.#entries.slice(lo - first, hi - first), maxBytes);
  }

  snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Replaces the hard state. */
  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** Appends contiguous entries, replacing what is at and above the first; those already compacted are left out. */
  append(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined || last.index <= this.#compactedIndex) return;
    const kept = entries.filter((entry) => entry.index > this.#compactedIndex);
    const from = (kept[0] as Entry).index;
    assert(from <= this.lastIndex() + 1, () => `append at ${from} leaves a hole behind ${this.lastIndex()}`);
    this.#entries.length = from - this.#compactedIndex - 1;
    for (const entry of kept) this.#entries.push(entry);
  }

  /** Replaces the log by a snapshot received. */
  applySnapshot(snapshot: Snapshot): 'applied' | OutOfDate {
    if (snapshot.index <= this.#snapshot.index) return 'out-of-date';
    this.#snapshot = snapshot;
    this.#compactedIndex = snapshot.index;
    this.#compactedTerm = snapshot.term;
    this.#entries = [];
    return 'applied';
  }

  /** Makes a snapshot as of `index`, which must be applied; with the configuration given, or that of the last snapshot. */
  createSnapshot(index: number, confState: ConfState | null, data: Uint8Array): Snapshot | OutOfDate {
    if (index <= this.#snapshot.index) return 'out-of-date';
    const term = this.term(index);
    assert(typeof term === 'number', () => `snapshot at ${index}, but the log ends at ${this.lastIndex()}`);
    this.#snapshot = { index, term, confState: confState ?? this.#snapshot.confState, data };
    return this.#snapshot;
  }

  /** Drops the entries up to and including `index`, which must be applied. */
  compact(index: number): 'compacted' | OutOfDate {
    if (index <= this.#compactedIndex) return 'out-of-date';
    const term = this.term(index);
    assert(typeof term === 'number', () => `compaction at ${index}, but the log ends at ${this.lastIndex()}`);
    this.#entries = this.#entries.slice(index - this.#compactedIndex);
    this.#compactedIndex = index;
    this.#compactedTerm = term;
    return 'compacted';
  }
}
