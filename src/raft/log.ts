/**
 * The log as the Raft paper sees it: storage and its unstable tail as one sequence, and how far it is committed, being
 * applied, and applied.
 *
 * Invariants: applied <= applying <= committed <= lastIndex. Must not know roles, peers or messages.
 */
import { assert } from '../lib/assert.ts';
import { entriesSize, limitSize } from './entry-size.ts';
import type { Entry, Snapshot } from './messages.ts';
import {
  COMPACTED,
  type LogMiss,
  type RaftStorage,
  type SNAPSHOT_TEMPORARILY_UNAVAILABLE,
  UNAVAILABLE,
} from './storage.ts';
import { Unstable } from './unstable.ts';

const NO_ENTRIES: readonly Entry[] = [];

export class RaftLog {
  readonly #storage: RaftStorage;
  readonly #maxApplyingSize: number;
  readonly unstable: Unstable;
  #committed: number;
  #applying: number;
  #applied: number;
  // Bytes handed out to be applied and not acknowledged, and whether that holds back further entries.
  #applyingSize = 0;
  #applyingPaused = false;

  /** @param maxApplyingSize limit of the bytes handed out to be applied and not acknowledged */
  constructor(storage: RaftStorage, maxApplyingSize: number) {
    this.#storage = storage;
    this.#maxApplyingSize = maxApplyingSize;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    const compacted = storage.firstIndex() - 1;
    this.#committed = compacted;
    this.#applying = compacted;
    this.#applied = compacted;
  }

  /** Highest index known committed. */
  get committed(): number {
    return this.#committed;
  }

  /** Highest index the application has applied. */
  get applied(): number {
    return this.#applied;
  }

  /** Highest index handed out to be applied. */
  get applying(): number {
    return this.#applying;
  }

  /** Limit of the bytes handed out to be applied and not acknowledged. */
  get maxApplyingSize(): number {
    return this.#maxApplyingSize;
  }

  /** First index that is not replaced by a snapshot. */
  firstIndex(): number {
    const { snapshot } = this.unstable;
    return snapshot === null ? this.#storage.firstIndex() : snapshot.index + 1;
  }

  lastIndex(): number {
    const last = this.unstable.lastIndex;
    return last > 0 ? last : this.#storage.lastIndex();
  }

  lastTerm(): number {
    const last = this.lastIndex();
    const term = this.term(last);
    assert(typeof term === 'number', () => `the term of the last entry, at ${last}, is ${term}`);
    return term;
  }

  /** Term at `index`, which is known for [firstIndex() - 1, lastIndex()]. */
  term(index: number): number | LogMiss {
    const unstable = this.unstable.term(index);
    if (unstable !== undefined) return unstable;
    if (index + 1 < this.firstIndex()) return COMPACTED;
    if (index > this.lastIndex()) return UNAVAILABLE;
    return this.#storage.term(index);
  }

  /** Whether the entry at `index` is here and has `term`. */
  matchTerm(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends with the given entry holds at least what ours does (Raft paper, section 5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    const ourTerm = this.lastTerm();
    return lastTerm > ourTerm || (lastTerm === ourTerm && lastIndex >= this.lastIndex());
  }

  /**
   * Appends what a leader sent: contiguous `entries` behind the entry at (prevIndex, prevTerm) and its commit index
   * (Raft paper, figure 2, AppendEntries 2 to 5). Answers the last index they agree on now, or -1 without a match.
   */
  maybeAppend(prevIndex: number, prevTerm: number, entries: readonly Entry[], commit: number): number {
    if (!this.matchTerm(prevIndex, prevTerm)) return -1;
    const lastNew = prevIndex + entries.length;
    const conflict = this.#findConflict(entries);
    if (conflict > 0) {
      assert(
        conflict > this.#committed,
        () => `the leader's entry at ${conflict} conflicts with a committed one (committed: ${this.#committed})`,
      );
      this.append(conflict === prevIndex + 1 ? entries : entries.slice(conflict - prevIndex - 1));
    }
    this.commitTo(Math.min(commit, lastNew));
    return lastNew;
  }

  /** Appends contiguous entries, replacing what is at and above the first. Answers the last index. */
  append(entries: readonly Entry[]): number {
    const first = entries[0];
    if (first === undefined) return this.lastIndex();
    assert(
      first.index > this.#committed,
      () => `append from ${first.index} would replace committed entries (committed: ${this.#committed})`,
    );
    this.unstable.truncateAndAppend(entries);
    return this.lastIndex();
  }

  /** Index of the first entry that is not here with the same term; 0 when all are. */
  #findConflict(entries: readonly Entry[]): number {
    for (const entry of entries) {
      if (!this.matchTerm(entry.index, entry.term)) return entry.index;
    }
    return 0;
  }

  /**
   * Greatest index <= `index` whose entry has a term <= `term`, or whose term is not known: where this log may agree with
   * one that is only known to have `term` at `index` (Raft paper, end of section 5.3). 0 when there is none.
   */
  findConflictByTerm(index: number, term: number): number {
    for (let guess = index; guess > 0; guess--) {
      const ours = this.term(guess);
      if (typeof ours !== 'number' || ours <= term) return guess;
    }
    return 0;
  }

  /** Term at `index`, or 0 when it is not known. */
  termOrZero(index: number): number {
    const term = this.term(index);
    return typeof term === 'number' ? term : 0;
  }

  /** Up to `maxSize` bytes of entries from `index` on, at least one if there is any; or why they cannot be read. */
  entries(index: number, maxSize: number): readonly Entry[] | LogMiss {
    const last = this.lastIndex();
    return index > last ? NO_ENTRIES : this.slice(index, last + 1, maxSize);
  }

  /** Up to `maxSize` bytes of the entries [lo, hi), at least one; `compacted` when they begin below firstIndex(). */
  slice(lo: number, hi: number, maxSize: number): readonly Entry[] | typeof COMPACTED {
    if (lo < this.firstIndex()) return COMPACTED;
    const last = this.lastIndex();
    assert(lo <= hi && hi <= last + 1, () => `entries [${lo}, ${hi}) asked for, but the log ends at ${last}`);
    if (lo === hi) return NO_ENTRIES;
    const { offset } = this.unstable;
    if (lo >= offset) return limitSize(this.unstable.slice(lo, hi), maxSize);

    const cut = Math.min(hi, offset);
    const stable = this.#storage.entries(lo, cut, maxSize);
    if (stable === COMPACTED) return COMPACTED;
    assert(stable !== UNAVAILABLE, () => `storage has lost the entries [${lo}, ${cut})`);
    if (hi <= offset || stable.length < cut - lo) return stable;
    const size = maxSize === Infinity ? 0 : entriesSize(stable);
    if (size >= maxSize) return stable;
    const tail = limitSize(this.unstable.slice(offset, hi), maxSize - size);
    if (tail.length === 1 && size + entriesSize(tail) > maxSize) return stable;
    return [...stable, ...tail];
  }

  /** Whether a snapshot waits to be installed. */
  get hasPendingSnapshot(): boolean {
    return this.unstable.snapshot !== null;
  }

  /** The latest snapshot, of the unstable log or of storage. */
  snapshot(): Snapshot | typeof SNAPSHOT_TEMPORARILY_UNAVAILABLE {
    return this.unstable.snapshot ?? this.#storage.snapshot();
  }

  /** Whether there are entries to apply; with `allowUnstable` also those not durable here yet. */
  hasNextCommittedEntries(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.hasPendingSnapshot) return false;
    return this.#applying < this.#maxAppliable(allowUnstable);
  }

  /** The entries to apply next, within the limit of bytes being applied. */
  nextCommittedEntries(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommittedEntries(allowUnstable)) return NO_ENTRIES;
    const room = this.#maxApplyingSize - this.#applyingSize;
    assert(room > 0, () => `${this.#applyingSize} of ${this.#maxApplyingSize} bytes being applied, yet not paused`);
    const entries = this.slice(this.#applying + 1, this.#maxAppliable(allowUnstable) + 1, room);
    assert(
      entries !== COMPACTED,
      () => `entries from ${this.#applying + 1} are compacted but not applied (applied: ${this.#applied})`,
    );
    return entries;
  }

  #maxAppliable(allowUnstable: boolean): number {
    return allowUnstable ? this.#committed : Math.min(this.#committed, this.unstable.offset - 1);
  }

  /** Entries up to `index`, of `size` bytes, have been handed out to be applied. */
  acceptApplying(index: number, size: number, allowUnstable: boolean): void {
    assert(index <= this.#committed, () => `applying ${index} beyond the committed ${this.#committed}`);
    this.#applying = index;
    this.#applyingSize += size;
    // Being cut short of what could be applied means that the next entry would not fit either.
    this.#applyingPaused = this.#applyingSize >= this.#maxApplyingSize || index < this.#maxAppliable(allowUnstable);
  }

  /** The application has applied up to `index`, and `size` bytes less are being applied. */
  appliedTo(index: number, size: number): void {
    assert(
      this.#applied <= index && index <= this.#committed,
      () => `applied ${index} is outside [${this.#applied}, ${this.#committed}] (applied, committed)`,
    );
    this.#applied = index;
    this.#applying = Math.max(this.#applying, index);
    this.#applyingSize = Math.max(0, this.#applyingSize - size);
    this.#applyingPaused = this.#applyingSize >= this.#maxApplyingSize;
  }

  /** Commits up to `index`; never goes back. */
  commitTo(index: number): void {
    if (index <= this.#committed) return;
    const last = this.lastIndex();
    assert(
      index <= last,
      () => `told that ${index} is committed, but the log ends at ${last}: entries this node acknowledged are lost`,
    );
    this.#committed = index;
  }

  /**
   * Commits up to `index` if the entry there is of `term`. A leader gives its own: entries of older terms are committed only
   * along with one of it (Raft paper, section 5.4.2). Whether the commit index moved.
   */
  maybeCommit(index: number, term: number): boolean {
    if (term === 0 || index <= this.#committed || !this.matchTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  /** Takes up the commit index of the hard state at start. */
  loadCommit(commit: number): void {
    const last = this.lastIndex();
    assert(
      this.#committed <= commit && commit <= last,
      () => `the hard state's commit ${commit} is outside [${this.#committed}, ${last}] (compacted, last)`,
    );
    this.#committed = commit;
  }

  /** Replaces the whole log by a snapshot. */
  restore(snapshot: Snapshot): void {
    this.#committed = snapshot.index;
    this.unstable.restore(snapshot);
  }
}
