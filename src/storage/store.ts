/**
 * The store port: what the pipeline needs of storage, whatever the engine. Implementations: memory, and a log with
 * RocksDB behind it; later Raft and ScyllaDB. Nothing here, and nothing above, may assume RocksDB or Raft.
 *
 * The pipeline's way is the same for all: load what the decision needs, decide (pure), commit the decided group; a commit
 * may answer `lost-race`, and then the pipeline loads and decides again.
 */
import type { DecisionFacts, DecisionNeed } from '../domain/append.ts';
import type { Query } from '../domain/query.ts';
import type { EncodedGroup } from './group.ts';
import type { StoredAppend } from './stored-append.ts';

/** `lost-race`: nothing of the group became durable; another writer was faster, so the decision must be made again. */
export type CommitOutcome = 'committed' | 'lost-race';

export type ReadDirection = 'forwards' | 'backwards';

/** What a stream looks like in a listing. */
export interface StreamSummary {
  readonly streamId: string;
  readonly lastRevision: number;
  readonly firstPosition: number;
  readonly lastPosition: number;
}

/** Where decisions continue: what the next group's first append gets. */
export interface StoreTail {
  /** The position of the next event: the count of events decided so far, in-flight groups included. */
  readonly nextPosition: number;
  /** `createdAt` of the last append, 0 in an empty store. Microseconds since the epoch. */
  readonly lastCreatedAt: number;
}

/** The right to decide, as long as its epoch is not over, and where decisions continue. */
export interface DecisionGrant extends StoreTail {
  /** Names the time during which nobody else decides, as far as this store knows. Grows with each such time. */
  readonly epoch: number;
}

/** Gets every append right after it became visible to reads, in the order of positions, without gaps. Must not throw. */
export type AppliedListener = (appends: readonly StoredAppend[]) => void;

export interface Store {
  /** Count of events visible to reads: every position below it is there, and no other. Never goes back. */
  readonly appliedEnd: number;

  /**
   * Asks for the right to decide, with nothing in flight. Resolves when everything that was ever acknowledged, by any
   * member, is in what the grant continues. Rejects with NOT_LEADER when another member decides or, after a bounded wait,
   * none is known to; NOT_SERVING when the store is closed; the signal's reason when it is aborted.
   */
  grant(signal: AbortSignal): Promise<DecisionGrant>;

  /**
   * Proves that the epoch was not over when this was called (`committed`): what was decided in it from applied state, without a
   * group to commit, is as good as committed. `lost-race`: it was over, or this cannot be known. Rejects as {@link commit}.
   */
  confirm(epoch: number): Promise<CommitOutcome>;

  /** Looks up, in applied state only. At least everything applied before the call is seen. */
  loadForDecision(need: DecisionNeed): Promise<DecisionFacts>;

  /**
   * Commits a group that was decided in `epoch` as one atomic step. May be called again before earlier calls have settled;
   * groups take effect in the order of the calls. Resolves once the group is durable (on a majority, with replicas); it
   * becomes visible (`appliedEnd`) soon after, possibly later than the promise resolves. `lost-race` also when the epoch
   * was over before anything was done. Rejects with OUTCOME_UNKNOWN when it ended, or the store stopped, meanwhile, OVERLOADED
   * when too much is uncommitted (nothing was done), STORAGE_IO when a write failed, which is final: every later call fails too.
   * The store owns the group's bytes from the call on.
   *
   * Once a commit has ended in anything but `committed`, no group committed behind it in its epoch becomes durable, whenever
   * its call came, until `grant()` was called again with nothing in flight: they were decided on top of what is not there.
   */
  commit(group: EncodedGroup, epoch: number): Promise<CommitOutcome>;

  /** Resolves when everything acknowledged (by any member) before the call is visible here: a linearizable read may begin. */
  readBarrier(signal: AbortSignal): Promise<void>;

  /** Resolves when `appliedEnd >= end`. Rejects with the signal's reason when it is aborted. */
  waitForApplied(end: number, signal: AbortSignal): Promise<void>;

  /** Calls `listener` for all that is applied from now on. Returns how to stop that. */
  onApplied(listener: AppliedListener): () => void;

  /** The stream, or null when it has no events. */
  stream(streamId: string): Promise<StreamSummary | null>;

  /** The position of an event of the stream. Null when the stream has no such revision. */
  positionOf(streamId: string, revision: number): Promise<number | null>;

  /**
   * Appends in the order of the store, in bounded chunks. Forwards: beginning with the append that contains `from`, or the
   * first after it. Backwards: beginning with the append that contains `from`, or the last before it. Reads a consistent
   * snapshot of what is applied when the iteration begins. Ending the iteration early releases what it holds.
   */
  readAll(from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]>;

  /** Appends of one stream likewise, by revision. Empty when the stream does not exist. */
  readStream(streamId: string, from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]>;

  /** Appends likewise, by position, that contain at least one event which matches the query (found through the indexes). */
  readQuery(query: Query, from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]>;

  /** The first position whose event was created at or after `micros`; `appliedEnd` when there is none. */
  positionAtTime(micros: number): Promise<number>;

  /** Streams in the byte order of their ids: those that begin with `prefix`, after `after` (null: from the first), at most `limit`. */
  listStreams(prefix: string, after: string | null, limit: number): Promise<readonly StreamSummary[]>;

  /** Numbers for metrics, by name, for example RocksDB sizes in bytes. */
  gauges(): Promise<ReadonlyMap<string, number>>;

  /** Rejected when the store failed for good (a write or sync failed): the process must end. Never resolves while the store works. */
  readonly failed: Promise<never>;

  /** Finishes the commits in flight, makes state durable and releases everything. Idempotent. */
  close(): Promise<void>;
}
