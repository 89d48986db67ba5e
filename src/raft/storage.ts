/**
 * The storage port: what the core must be able to read back of what its driver has persisted.
 *
 * Reads only, and synchronous: an implementation keeps the tail of the log, or an index of it, in memory. Writing is the
 * driver's work, told by the append task of a Ready (ready.ts). Must not know files, and never throws for a range that
 * has been compacted: that is an ordinary answer.
 */
import type { ConfState, Entry, HardState, Snapshot } from './messages.ts';

/** The index is below `firstIndex()`: a snapshot has taken its place. */
export const COMPACTED = 'compacted';
/** The index is above `lastIndex()`: it was never persisted. */
export const UNAVAILABLE = 'unavailable';
/** A snapshot is being made; the core asks again with a later message. */
export const SNAPSHOT_TEMPORARILY_UNAVAILABLE = 'snapshot-temporarily-unavailable';

/** Why an index cannot be read. */
export type LogMiss = typeof COMPACTED | typeof UNAVAILABLE;

/** What a node knew when it stopped. */
export interface InitialState {
  /** The last hard state written; {@link EMPTY_HARD_STATE} for a new node. Its commit is at most `lastIndex()`. */
  readonly hardState: HardState;
  /**
   * Configuration as of the applied index that the node starts with (`RaftConfig.applied`), so that replaying the entries
   * behind it applies each configuration change once.
   */
  readonly confState: ConfState;
}

/**
 * Read access to the persisted log.
 *
 * Consistency: an answer shows every append task that has been acknowledged with its MsgStorageAppendResp, and may show
 * later ones. A task that replaces entries from an index i also removes all persisted entries above it. While a node
 * runs, entries of the log disappear only by compaction, and never above the applied index.
 *
 * Ownership: returned entries and arrays are shared and immutable for both sides.
 *
 * Failure: an implementation that cannot read what it has persisted must not answer with a {@link LogMiss}; it throws,
 * and the process ends, as the node can no longer keep its promises.
 */
export interface RaftStorage {
  /** Called once, when the node starts. */
  initialState(): InitialState;

  /**
   * Entries of the range [lo, hi), with firstIndex() <= lo < hi <= lastIndex() + 1: the longest prefix of them whose
   * total {@link entrySize} is at most `maxBytes` (Infinity for no limit), but at least the first.
   * `compacted` when lo < firstIndex(); `unavailable` when the range holds nothing.
   */
  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] | LogMiss;

  /**
   * Term of the entry at `index`, which is in [firstIndex() - 1, lastIndex()]: the term of the entry just before the
   * first is kept for matching (0 for index 0). `compacted` below that range, `unavailable` above it.
   */
  term(index: number): number | LogMiss;

  /** Index of the first entry that `entries` can return: 1 for a new log, else one more than the compacted index. */
  firstIndex(): number;

  /** Index of the last persisted entry; firstIndex() - 1 when there is none. */
  lastIndex(): number;

  /**
   * The latest snapshot, with index >= firstIndex() - 1 and at most the applied index. Asked for only when a follower
   * needs entries that are compacted.
   */
  snapshot(): Snapshot | typeof SNAPSHOT_TEMPORARILY_UNAVAILABLE;
}
