/**
 * The part of the log that storage does not hold for certain yet: new entries, and a snapshot being installed.
 *
 * `entries[i]` has index `offset + i`. `offset` may be below what storage holds: then the next write replaces the tail of
 * storage from there. Entries below `offsetInProgress` have been handed out to be written. They stay here until the write
 * is known to be durable *and* unaffected by a later one (see {@link stableTo}). Must not know storage.
 */
import { assert } from '../lib/assert.ts';
import type { Entry, Snapshot } from './messages.ts';

const NO_ENTRIES: readonly Entry[] = [];

export class Unstable {
  #snapshot: Snapshot | null = null;
  #snapshotInProgress = false;
  #entries: Entry[] = [];
  #offset: number;
  #offsetInProgress: number;

  /** @param offset one more than the last index that storage holds */
  constructor(offset: number) {
    this.#offset = offset;
    this.#offsetInProgress = offset;
  }

  /** Index of the first entry that is, or would be, here. */
  get offset(): number {
    return this.#offset;
  }

  /** The snapshot that is being installed, handed out or not. */
  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Last index here, or 0 when there is neither an entry nor a snapshot. */
  get lastIndex(): number {
    if (this.#entries.length > 0) return this.#offset + this.#entries.length - 1;
    return this.#snapshot === null ? 0 : this.#snapshot.index;
  }

  /** Term of the entry at `index`, or of the snapshot that ends there; undefined when neither is here. */
  term(index: number): number | undefined {
    if (index < this.#offset) return this.#snapshot?.index === index ? this.#snapshot.term : undefined;
    return this.#entries[index - this.#offset]?.term;
  }

  /** Whether there are entries that have not been handed out. */
  get hasNextEntries(): boolean {
    return this.#offset + this.#entries.length > this.#offsetInProgress;
  }

  /** The entries that have not been handed out. */
  nextEntries(): readonly Entry[] {
    if (!this.hasNextEntries) return NO_ENTRIES;
    return this.#entries.slice(this.#offsetInProgress - this.#offset);
  }

  /** The snapshot, unless it has been handed out. */
  nextSnapshot(): Snapshot | null {
    return this.#snapshotInProgress ? null : this.#snapshot;
  }

  /** Everything here has been handed out to be written. */
  acceptInProgress(): void {
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset + this.#entries.length);
    if (this.#snapshot !== null) this.#snapshotInProgress = true;
  }

  /**
   * Entries up to `index` are durable, if the one there still has that term; otherwise they have been replaced meanwhile
   * and the call is ignored. To be called only while no write is under way that replaces them (async storage ABA race):
   * the term under which the write was ordered must still be the current one.
   */
  stableTo(index: number, term: number): void {
    if (index < this.#offset || this.term(index) !== term) return;
    const count = index + 1 - this.#offset;
    if (count === this.#entries.length) this.#entries = [];
    else this.#entries.splice(0, count);
    this.#offset = index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset);
  }

  /** The snapshot at `index` is installed. Ignored when a later one has taken its place. */
  stableSnapshotTo(index: number): void {
    if (this.#snapshot?.index !== index) return;
    this.#snapshot = null;
    this.#snapshotInProgress = false;
  }

  /** The log now consists of a snapshot alone. */
  restore(snapshot: Snapshot): void {
    this.#offset = snapshot.index + 1;
    this.#offsetInProgress = this.#offset;
    this.#entries = [];
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Adds contiguous entries, replacing what is at and above the index of the first; not empty. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = (entries[0] as Entry).index;
    const end = this.#offset + this.#entries.length;
    assert(from <= end, () => `entries from ${from} would leave a hole behind the last unstable index ${end - 1}`);
    if (from === end) {
      for (const entry of entries) this.#entries.push(entry);
    } else if (from <= this.#offset) {
      this.#entries = entries.slice();
      this.#offset = from;
      this.#offsetInProgress = from;
    } else {
      this.#entries.length = from - this.#offset;
      for (const entry of entries) this.#entries.push(entry);
      this.#offsetInProgress = Math.min(this.#offsetInProgress, from);
    }
  }

  /** Entries [lo, hi), all of which must be here. A copy of the array. */
  slice(lo: number, hi: number): Entry[] {
    const end = this.#offset + this.#entries.length;
    assert(this.#offset <= lo && lo <= hi && hi <= end, () => `[${lo}, ${hi}) is outside [${this.#offset}, ${end})`);
    return this.#entries.slice(lo - this.#offset, hi - this.#offset);
  }
}
