/**
 * The journal port: an ordered log of entries that are never lost once committed. The store writes decided groups to it and
 * applies what it gives back. With one node it is the log on disk (local-journal.ts); with replicas it is a Raft group. Must
 * not know what entries mean.
 */

/** An entry that will never be lost or replaced. Indexes begin at 1 and have no gaps. */
export interface CommittedEntry {
  readonly index: number;
  readonly term: number;
  /** Empty for an entry that only the journal itself needs. For an entry of this process, the very bytes it appended. */
  readonly data: Uint8Array;
}

/** Gets every committed entry above the index that was applied at the start, once, in order. Must not throw. */
export type CommitListener = (entries: readonly CommittedEntry[]) => void;

/**
 * `lost`: the entry is not in the log and never will be, as another writer's entry has its place. Every entry appended
 * after it and before this was known is lost too.
 */
export type JournalOutcome = 'committed' | 'lost';

export interface Journal {
  /** Begins: from now on entries are given to `listener`. Called once, before anything else. */
  start(listener: CommitListener): void;

  /**
   * Appends an entry behind all appended before. Resolves once it is committed, after the listener had it. May be called
   * again before earlier calls have settled; they settle in order. Rejects with OUTCOME_UNKNOWN when the journal stopped
   * meanwhile, and with STORAGE_IO when a write failed, which is final. `data` never changes after the call.
   */
  append(data: Uint8Array): Promise<JournalOutcome>;

  /** An index at or above every entry that was acknowledged, to anybody, before the call. */
  readIndex(signal: AbortSignal): Promise<number>;

  /** Bytes of entries since the last compaction, about: what a restart may have to read, and a compaction may give back. */
  readonly bytesSinceCompaction: number;

  /** Forgets entries up to `index`. Their effects are durable elsewhere. */
  compact(index: number): Promise<void>;

  /** Numbers for metrics, by name. */
  gauges(): ReadonlyMap<string, number>;

  /** Rejected when the journal failed for good. Never resolves. */
  readonly failed: Promise<never>;

  /** Finishes the appends under way and gives everything back. Idempotent. */
  close(): Promise<void>;
}
