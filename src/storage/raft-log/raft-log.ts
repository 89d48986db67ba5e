/**
 * The Raft log over the segment log: the core's storage port for reading, `persist` for writing.
 *
 * Reads answer what has been handed to `persist`, durable or not; the promise says when it is durable. Entries that are
 * not durable, and the newest durable ones, are in memory; older ones are read synchronously from their segments. Every
 * segment begins with a checkpoint, so the oldest can be removed when no entry in them is needed. A failed write or sync
 * is final, as in the segment log. Must not know what entries mean.
 */
import { StoreError } from '../../domain/errors.ts';
import { assert, defined } from '../../lib/assert.ts';
import { entrySize } from '../../raft/entry-size.ts';
import type { ConfState, Entry, HardState, Snapshot } from '../../raft/messages.ts';
import { NO_DATA } from '../../raft/messages.ts';
import type { InitialState, LogMiss, RaftStorage, SNAPSHOT_TEMPORARILY_UNAVAILABLE } from '../../raft/storage.ts';
import { COMPACTED, UNAVAILABLE } from '../../raft/storage.ts';
import { corrupt } from '../segment-log/damage.ts';
import { frameBytes } from '../segment-log/frame.ts';
import { batchBytes, recordBytes } from '../segment-log/group-encoder.ts';
import { segmentName } from '../segment-log/segment-file.ts';
import { DEFAULT_SEGMENT_BYTES, MAX_RECORD_BYTES, SegmentLog } from '../segment-log/segment-log.ts';
import type { AppendedBatch, Batch, RecordParts, SegmentLogStatus } from '../segment-log/types.ts';
import { checkAgainstState } from './check-against-state.ts';
import { EntryCache } from './entry-cache.ts';
import { LogReplay } from './log-replay.ts';
import type { LogBase, RaftRecord } from './record-codec.ts';
import {
  decodeRecord,
  ENTRY_HEAD_BYTES,
  encodeBase,
  encodeCheckpoint,
  encodeEntry,
  encodeHardState,
} from './record-codec.ts';
import type { AppliedState, PersistBatch, RaftLogOptions } from './types.ts';

const DEFAULT_CACHE_BYTES = 16 << 20;
/** Most bytes of the data of one entry. */
export const MAX_ENTRY_BYTES = MAX_RECORD_BYTES - ENTRY_HEAD_BYTES;
/** Most bytes of a snapshot's data: the log keeps a description of the state, not the state. */
export const MAX_SNAPSHOT_DATA_BYTES = 1 << 20;
/** Entries that lie together are read from disk in runs of up to this many bytes. */
const READ_RUN_BYTES = 1 << 20;

/** A part of a batch that is durable as a whole or not at all. */
interface Piece {
  readonly records: { readonly record: RaftRecord; readonly parts: RecordParts }[];
  /** As frames. */
  bytes: number;
}

/** What the log holds, and the sizes of the segment log below it. */
export interface RaftLogStatus extends SegmentLogStatus {
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Index of the last entry that is durable, with all before it. */
  readonly durableIndex: number;
}

export class RaftLog implements RaftStorage {
  readonly #log: SegmentLog;
  readonly #replay: LogReplay;
  readonly #applied: AppliedState;
  readonly #cache = new EntryCache();
  readonly #cacheBytes: number;
  readonly #pieceBytes: number;
  readonly #latestSnapshot: RaftLogOptions['latestSnapshot'];
  readonly #directory: string;
  #durableIndex: number;

  private constructor(options: RaftLogOptions, log: SegmentLog, replay: LogReplay) {
    this.#log = log;
    this.#replay = replay;
    this.#applied = options.applied;
    this.#directory = options.directory;
    this.#cacheBytes = options.cacheBytes ?? DEFAULT_CACHE_BYTES;
    // Batches stay well below a segment, so that little of a segment's end is left unused.
    this.#pieceBytes = Math.min(16 << 20, Math.floor((options.segmentBytes ?? DEFAULT_SEGMENT_BYTES) / 4));
    this.#latestSnapshot = options.latestSnapshot;
    this.#durableIndex = replay.index.last;
    this.#cache.reset(replay.index.last + 1);
  }

  /**
   * Opens the log in an existing directory; an empty directory becomes an empty log. STORAGE_CORRUPT when what had been
   * durable is gone, also when the log and the applied state of the state machine do not belong together.
   */
  static async open(options: RaftLogOptions): Promise<RaftLog> {
    const { directory, applied } = options;
    const replay = new LogReplay();
    const log = await SegmentLog.open({
      ...options,
      visit: (payload, number, { segment, offset }) => {
        const record = decodeRecord(payload);
        const problem = record === null ? 'the record is of no known kind' : replay.apply(record, segment, offset);
        if (problem !== null) throw corrupt(`${directory}/${segmentName(segment)}`, offset, number, problem);
      },
    });
    try {
      checkAgainstState(directory, replay, applied);
      return new RaftLog(options, log, replay);
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  /** The hard state last persisted. */
  get hardState(): HardState {
    return this.#replay.hardState;
  }

  /**
   * A snapshot that was persisted before the process stopped, but is not in the applied state that the log was opened
   * with: its owner must install it, or fetch it again, before anything else is applied. Null when there is none.
   */
  get pendingSnapshot(): Snapshot | null {
    const { base } = this.#replay;
    return base.index > this.#applied.index ? toSnapshot(base) : null;
  }

  initialState(): InitialState {
    const { hardState, base } = this.#replay;
    // What has been applied was committed, even when the hard state on disk does not say so yet.
    const commit = Math.max(hardState.commit, this.#applied.index);
    return { hardState: { ...hardState, commit }, confState: this.#applied.confState ?? base.confState };
  }

  firstIndex(): number {
    return this.#replay.index.base + 1;
  }

  lastIndex(): number {
    return this.#replay.index.last;
  }

  term(index: number): number | LogMiss {
    const { index: entries } = this.#replay;
    if (index < entries.base) return COMPACTED;
    return index > entries.last ? UNAVAILABLE : entries.term(index);
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] | LogMiss {
    const { base, last } = this.#replay.index;
    if (lo <= base) return COMPACTED;
    const end = Math.min(hi, last + 1);
    if (lo >= end) return UNAVAILABLE;
    const found: Entry[] = [];
    let bytes = 0;
    const take = (entries: readonly Entry[]): boolean => {
      for (const entry of entries) {
        bytes += entrySize(entry);
        if (bytes > maxBytes && found.length > 0) return false;
        found.push(entry);
      }
      return true;
    };
    const cached = Math.max(this.#cache.first, base + 1);
    for (let at = lo; at < Math.min(end, cached);) {
      const run = this.#readRun(at, Math.min(end, cached), maxBytes - bytes);
      if (!take(run)) return found;
      at += run.length;
    }
    for (let at = Math.max(lo, cached); at < end; at++) {
      if (!take([defined(this.#cache.get(at), `entry ${at} in memory`)])) break;
    }
    return found;
  }

  snapshot(): Snapshot | typeof SNAPSHOT_TEMPORARILY_UNAVAILABLE {
    return this.#latestSnapshot?.() ?? toSnapshot(this.#replay.base);
  }

  /**
   * Makes the batch durable; see {@link PersistBatch}. Reads show it at once. Batches become durable in the order of the
   * calls, many in one write. Rejects with OVERLOADED or INVALID_ARGUMENT, having done nothing, or with the first error of
   * the log, which is final. A batch that breaks Raft's rules is a broken invariant.
   */
  async persist(batch: PersistBatch): Promise<void> {
    const pieces = this.#split(batch);
    if (pieces.length === 0) return;
    let bytes = 0;
    for (const piece of pieces) bytes += piece.bytes;
    this.#log.admit(bytes);
    const batches = pieces.map(({ records }): Batch => {
      const checkpoint = this.#replay.checkpoint;
      for (const { record } of records) this.#apply(record);
      return { records: records.map(({ parts }) => parts), checkpoint: () => [encodeCheckpoint(checkpoint)] };
    });
    const answers = this.#log.appendAll(batches);
    await Promise.all(answers.map((answer, i) => answer.then((appended) => this.#placed(pieces[i], appended))));
    if (batch.snapshot) await this.#cutUnneeded();
  }

  /**
   * Lets the log forget the entries up to `index`, durably, and removes the segments that hold nothing else. `confState`
   * is the configuration as of `index`. The caller has made the effects of the entries durable in the state.
   */
  async compact(index: number, confState?: ConfState): Promise<void> {
    const { base } = this.#replay;
    if (index > base.index) {
      const term = this.#replay.index.term(index);
      const next: LogBase = {
        origin: 'compaction',
        index,
        term,
        confState: confState ?? base.confState,
        data: NO_DATA,
      };
      const parts = encodeBase(next);
      this.#log.admit(batchBytes([parts]));
      const checkpoint = this.#replay.checkpoint;
      this.#apply({ kind: 'base', base: next });
      await this.#log.append([parts], () => [encodeCheckpoint(checkpoint)]);
    }
    await this.#cutUnneeded();
  }

  /** See {@link SegmentLog.confirm}: call it when the log has been idle for a moment. */
  confirm(): void {
    this.#log.confirm();
  }

  status(): RaftLogStatus {
    return {
      ...this.#log.status(),
      firstIndex: this.firstIndex(),
      lastIndex: this.lastIndex(),
      durableIndex: this.#durableIndex,
    };
  }

  /** Waits for what was persisted and gives the files back. */
  close(): Promise<void> {
    return this.#log.close();
  }

  /** The records of a batch: snapshot, entries, hard state; in pieces when there are too many bytes for one. */
  #split({ snapshot, entries = [], hardState }: PersistBatch): Piece[] {
    let piece: Piece = { records: [], bytes: 0 };
    const pieces = [piece];
    const add = (record: RaftRecord, parts: RecordParts): void => {
      piece.records.push({ record, parts });
      piece.bytes += frameBytes(recordBytes(parts));
    };
    if (snapshot) {
      const base = fromSnapshot(snapshot);
      add({ kind: 'base', base }, encodeBase(base));
    }
    for (const entry of entries) {
      const parts = encodeCheckedEntry(entry);
      if (piece.bytes > 0 && piece.bytes + recordBytes(parts) > this.#pieceBytes) {
        if (hardState) {
          // Term and vote go first, and commit never points past what a crash may leave.
          const reached = { ...hardState, commit: Math.min(hardState.commit, entry.index - 1) };
          add({ kind: 'hardState', hardState: reached }, encodeHardState(reached));
        }
        piece = { records: [], bytes: 0 };
        pieces.push(piece);
      }
      add({ kind: 'entry', entry }, parts);
    }
    if (hardState) add({ kind: 'hardState', hardState }, encodeHardState(hardState));
    return piece.bytes === 0 ? [] : pieces;
  }

  #apply(record: RaftRecord): void {
    const problem = this.#replay.apply(record, 0, 0);
    assert(problem === null, problem ?? '');
    const { base } = this.#replay.index;
    if (record.kind === 'entry') {
      const { index } = record.entry;
      this.#cache.truncate(Math.min(index, this.#cache.next));
      this.#cache.push(record.entry);
      this.#durableIndex = Math.min(this.#durableIndex, index - 1);
    } else if (record.kind === 'base' && record.base.origin === 'snapshot') {
      this.#cache.reset(base + 1);
      this.#durableIndex = base;
    }
  }

  /** Notes where the entries of a piece lie, except those that have been replaced or compacted meanwhile. */
  #placed(piece: Piece | undefined, { segment, offsets }: AppendedBatch): void {
    for (const [i, { record }] of defined(piece, 'a piece').records.entries()) {
      if (record.kind !== 'entry' || this.#cache.get(record.entry.index) !== record.entry) continue;
      const { index } = record.entry;
      if (index > this.#replay.index.base)
        this.#replay.index.setPlace(index, segment, defined(offsets[i], 'an offset'));
      this.#durableIndex = index;
    }
    this.#cache.evict(this.#durableIndex, this.#cacheBytes);
  }

  /** Durable entries from `lo` on, below `hi`, that lie together; at least one, and not many more than `maxBytes`. */
  #readRun(lo: number, hi: number, maxBytes: number): Entry[] {
    const first = defined(this.#replay.index.place(lo), `the place of entry ${lo}`);
    const offsets = [first.offset];
    let last = first;
    for (let bytes = first.payloadBytes, i = lo + 1; i < hi && bytes <= maxBytes; i++) {
      const next = defined(this.#replay.index.place(i), `the place of entry ${i}`);
      bytes += next.payloadBytes;
      const end = next.offset + next.payloadBytes;
      if (next.segment !== first.segment || end - first.offset > READ_RUN_BYTES) break;
      offsets.push(next.offset);
      last = next;
    }
    const payloads = this.#log.readRunSync(first.segment, offsets, last.payloadBytes);
    return payloads.map((payload, i) => {
      const record = decodeRecord(payload);
      if (record?.kind === 'entry' && record.entry.index === lo + i) return record.entry;
      const path = `${this.#directory}/${segmentName(first.segment)}`;
      throw corrupt(path, defined(offsets[i], 'an offset'), null, `entry ${lo + i} is not where it was written`);
    });
  }

  /**
   * Removes the segments before the first entry that is needed. Hard state and base need none: each segment begins with
   * a checkpoint of them, and the segment that is written always stays.
   */
  async #cutUnneeded(): Promise<void> {
    const { base, last } = this.#replay.index;
    if (base === last) return this.#log.cut(this.#log.status().nextNumber);
    const place = this.#replay.index.place(base + 1);
    if (place === null) return;
    await this.#log.cut(defined(this.#log.firstNumberOf(place.segment), 'the number of a record'));
  }
}

function encodeCheckedEntry(entry: Entry): RecordParts {
  if (entry.data.length <= MAX_ENTRY_BYTES) return encodeEntry(entry);
  const message = `A log entry has ${entry.data.length} bytes, allowed are ${MAX_ENTRY_BYTES}.`;
  throw new StoreError('INVALID_ARGUMENT', message, { field: 'entry.data', limit: `${MAX_ENTRY_BYTES} bytes` });
}

function fromSnapshot({ index, term, confState, data }: Snapshot): LogBase {
  if (data.length <= MAX_SNAPSHOT_DATA_BYTES) return { origin: 'snapshot', index, term, confState, data };
  const message = `A snapshot's description has ${data.length} bytes, allowed are ${MAX_SNAPSHOT_DATA_BYTES}.`;
  throw new StoreError('INVALID_ARGUMENT', message, {
    field: 'snapshot.data',
    limit: `${MAX_SNAPSHOT_DATA_BYTES} bytes`,
  });
}

function toSnapshot({ index, term, confState, data }: LogBase): Snapshot {
  return { index, term, confState, data };
}
