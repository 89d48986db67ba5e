/**
 * What the Raft log is asked and what it answers. Knows only shapes; raft-log.ts has the behaviour.
 */
import type { ConfState, Entry, HardState, Snapshot } from '../../raft/messages.ts';
import type { SNAPSHOT_TEMPORARILY_UNAVAILABLE } from '../../raft/storage.ts';
import type { FileSystem } from '../file-system.ts';

/**
 * What one `persist` makes durable, all or nothing where it fits in one batch (else entries first come in pieces, each
 * with a consistent hard state). Order of effects: snapshot (replaces the whole log), entries, hard state.
 */
export interface PersistBatch {
  readonly hardState?: HardState | null;
  /** Indexes one after the other; the first at most lastIndex + 1. Replaces everything from its first index on. */
  readonly entries?: readonly Entry[];
  readonly snapshot?: Snapshot | null;
}

/** What the state machine has, as found when the process starts. */
export interface AppliedState {
  /** Index of the last entry whose effects are durable in the state; 0 for none. */
  readonly index: number;
  /** Configuration as of `index`; without it the one that the log knows is used. */
  readonly confState?: ConfState;
}

export interface RaftLogOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  /** See SegmentLogOptions. */
  readonly logId: number;
  /** A log whose last index is below the applied index has lost its tail, and is refused. */
  readonly applied: AppliedState;
  /** See SegmentLogOptions. */
  readonly create?: boolean;
  readonly segmentBytes?: number;
  readonly maxQueuedBytes?: number;
  readonly maxGroupBytes?: number;
  /** Bytes of durable entries kept in memory. Default 16 MiB. Entries not yet durable are always there. */
  readonly cacheBytes?: number;
  /** Answers `snapshot()`; without it the last snapshot or compaction mark in the log does. */
  readonly latestSnapshot?: () => Snapshot | typeof SNAPSHOT_TEMPORARILY_UNAVAILABLE;
}
