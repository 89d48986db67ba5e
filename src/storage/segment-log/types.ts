/**
 * What the segment log is asked and what it answers. Knows only shapes; segment-log.ts has the behaviour.
 */
import type { FileSystem } from '../file-system.ts';

/** One record to write: its parts are written one after the other. Must not change before the append has settled. */
export type RecordParts = readonly Uint8Array[];

/** Records that become durable together or not at all. */
export interface Batch {
  /** At least one. */
  readonly records: readonly RecordParts[];
  /** Records to write in front when the batch is the first of its segment. */
  readonly checkpoint?: (() => readonly RecordParts[]) | undefined;
}

/** Where a record lies. Good until a cut removes its segment. */
export interface RecordLocation {
  /** Sequence number of the segment, 1 for the first ever. */
  readonly segment: number;
  /** Offset of the record's frame in the segment file, in bytes. */
  readonly offset: number;
}

/** A batch that has become durable: all its records lie in one segment, numbered one after the other. */
export interface AppendedBatch {
  readonly firstNumber: number;
  readonly segment: number;
  /** Offset of each record's frame, in the order of the batch. */
  readonly offsets: Uint32Array;
}

/** Gets every record at recovery, in order. `payload` may be used only until the call returns. */
export type RecordVisitor = (payload: Uint8Array, number: number, location: RecordLocation) => void;

export interface SegmentLogOptions {
  readonly fileSystem: FileSystem;
  /** Directory of the segment files; nothing else may lie in it. */
  readonly directory: string;
  /** Tells this log from every other: files of another log are refused. A safe integer from 1. */
  readonly logId: number;
  /** Whether a directory without segments becomes an empty log (the default) or is refused, as its log is lost. */
  readonly create?: boolean;
  /** Size of an ordinary segment file in bytes; existing segments keep theirs. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Bytes that may wait to be written before `append` answers OVERLOADED. Default 128 MiB. */
  readonly maxQueuedBytes?: number;
  /** Most bytes written with one sync. Default 8 MiB; a larger batch goes alone. */
  readonly maxGroupBytes?: number;
  /** Gets all records that are there. */
  readonly visit: RecordVisitor;
}

/** Counters since the log was opened, and sizes now. */
export interface SegmentLogStatus {
  /** Number of the first record that is there; equal to `nextNumber` when there is none. */
  readonly firstNumber: number;
  /** Number that the next record written will get. */
  readonly nextNumber: number;
  readonly segments: number;
  /** Bytes of all segment files. */
  readonly bytes: number;
  readonly queuedBytes: number;
  readonly groups: number;
  readonly records: number;
  readonly writtenBytes: number;
}
