/**
 * The segment log: ordered records of bytes, durable in groups.
 *
 * One write and one sync are outstanding at a time; batches that arrive meanwhile are the next group. A batch is atomic
 * and lies within one segment. The next segment is made ready before it is needed. A failed write or sync is final: the
 * log answers every later call with the same error, and its owner must end the process. Must not know what the records
 * mean; layout and recovery rules are in ../FORMAT.md.
 */
import { StoreError } from '../../domain/errors.ts';
import { assert, defined } from '../../lib/assert.ts';
import type { FileSystem } from '../file-system.ts';
import { corrupt, logIsMissing } from './damage.ts';
import { FRAME_HEADER_BYTES, frameBytes, readFrame } from './frame.ts';
import { batchBytes, GroupEncoder, recordBytes } from './group-encoder.ts';
import type { LogState } from './recovery.ts';
import { readLog, repair } from './recovery.ts';
import type { SegmentFile } from './segment-file.ts';
import { createSegmentFile, openSegmentFiles, removeUnfinishedFiles } from './segment-file.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { SegmentPreparer } from './segment-preparer.ts';
import type {
  AppendedBatch,
  Batch,
  RecordLocation,
  RecordParts,
  SegmentLogOptions,
  SegmentLogStatus,
} from './types.ts';

export const DEFAULT_SEGMENT_BYTES = 64 << 20;
const DEFAULT_MAX_QUEUED_BYTES = 128 << 20;
const DEFAULT_MAX_GROUP_BYTES = 8 << 20;

/** Longest record. Above it an append is refused. */
export const MAX_RECORD_BYTES = 256 << 20;
/** Most bytes of one batch, as frames; a segment of its own is made for one that is larger than a segment. */
export const MAX_BATCH_BYTES = 1 << 30;

/** A segment in use. */
interface OpenSegment extends SegmentFile {
  /** Number of its first record; null while it has none. */
  firstNumber: number | null;
}

/** A batch that waits for its group. */
interface QueuedBatch extends Batch {
  readonly bytes: number;
  readonly resolve: (appended: AppendedBatch) => void;
  readonly reject: (error: unknown) => void;
}

export class SegmentLog {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #maxQueuedBytes: number;
  readonly #maxGroupBytes: number;
  readonly #preparer: SegmentPreparer;
  readonly #encoder = new GroupEncoder();

  readonly #segments: OpenSegment[];
  #end: number;
  #nextNumber: number;
  #unconfirmed: boolean;

  #queue: QueuedBatch[] = [];
  #queuedBytes = 0;
  #markWanted = false;
  #running: Promise<void> | null = null;
  #cutting: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  #closing: Promise<void> | null = null;

  #groups = 0;
  #records = 0;
  #writtenBytes = 0;

  private constructor(options: SegmentLogOptions, state: LogState, preparer: SegmentPreparer) {
    this.#fileSystem = options.fileSystem;
    this.#directory = options.directory;
    this.#maxQueuedBytes = options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES;
    this.#maxGroupBytes = options.maxGroupBytes ?? DEFAULT_MAX_GROUP_BYTES;
    this.#preparer = preparer;
    this.#segments = state.segments
      .slice(0, state.active + 1)
      .map((segment, i) => ({ ...segment, firstNumber: state.scans[i]?.firstNumber ?? null }));
    const scan = defined(state.scans[state.active], 'a scan of the active segment');
    this.#end = scan.end;
    this.#nextNumber = state.nextNumber;
    this.#unconfirmed = scan.records > 0 && !state.confirmed;
  }

  /**
   * Opens the log in an existing directory, creating it when the directory holds none (see `options.create`). Gives all its records to
   * `options.visit`, and makes durable what it has given. STORAGE_CORRUPT when records that were durable are gone.
   */
  static async open(options: SegmentLogOptions): Promise<SegmentLog> {
    const { fileSystem, directory, logId } = options;
    const segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    await removeUnfinishedFiles(fileSystem, directory);
    // A process that was killed may have left a segment whose name is not durable yet; records are about to depend on it.
    await fileSystem.syncDirectory(directory);
    const files = await openSegmentFiles(fileSystem, directory, 'write', logId);
    try {
      if (files.length === 0 && options.create === false) throw logIsMissing(directory);
      if (files.length === 0) files.push(await createSegmentFile(fileSystem, directory, 1, segmentBytes, logId));
      const state = await readLog(files, options.visit);
      await repair(state);
      const unused = files.slice(state.active + 1);
      const preparer = new SegmentPreparer(fileSystem, directory, logId, segmentBytes, unused.shift() ?? null);
      for (const segment of unused.reverse()) await preparer.discard(segment);
      return new SegmentLog(options, state, preparer);
    } catch (error) {
      for (const { file } of files) await file.close();
      throw error;
    }
  }

  /**
   * Writes the records as one batch, all or nothing, after everything appended before. Resolves when they are durable;
   * after a rejection they may or may not be found at the next start, and the log has failed. `checkpoint` gives records
   * to write in front when the batch is the first of a segment: what a reader must know of all segments before, so that
   * they can be cut.
   *
   * Throws, having queued nothing: OVERLOADED when too much is waiting, INVALID_ARGUMENT for a record that is empty or too
   * long, the first error of the log once it has failed.
   */
  append(records: readonly RecordParts[], checkpoint?: () => readonly RecordParts[]): Promise<AppendedBatch> {
    return defined(this.appendAll([{ records, checkpoint }])[0], 'a promise');
  }

  /** Throws what `append` would throw for batches of `bytes` bytes, as frames. */
  admit(bytes: number): void {
    assert(this.#closing === null, 'append to a log that is closed');
    this.#assertSound();
    const limit = this.#maxQueuedBytes;
    if (this.#queue.length === 0 || this.#queuedBytes + bytes <= limit) return;
    const message = `The log has ${this.#queuedBytes} of at most ${limit} bytes waiting to be written.`;
    throw new StoreError('OVERLOADED', message, { queue: 'segment log', limit });
  }

  /** The same for several batches, of which either all are queued, one after the other, or none. */
  appendAll(batches: readonly Batch[]): Promise<AppendedBatch>[] {
    let bytes = 0;
    for (const { records } of batches) bytes += checkedBytes(records);
    this.admit(bytes);
    const answers = batches.map(({ records, checkpoint }) => {
      const { promise, resolve, reject } = Promise.withResolvers<AppendedBatch>();
      this.#queue.push({ records, checkpoint, bytes: batchBytes(records), resolve, reject });
      return promise;
    });
    this.#queuedBytes += bytes;
    this.#start();
    return answers;
  }

  /**
   * Notes in the log that its last group is durable, unless later groups do so anyway. Without the note a damaged last
   * group cannot be told from one that a crash has torn. Costs one small write without a sync; call it when idle. Throws the log's first error once it has failed.
   */
  confirm(): void {
    this.#assertSound();
    assert(this.#closing === null, 'confirm on a log that is closed');
    if (!this.#unconfirmed || this.#running !== null) return;
    this.#markWanted = true;
    this.#start();
  }

  /** The payload of a durable record of `payloadBytes` bytes. STORAGE_CORRUPT when it is not what was written. */
  readSync(location: RecordLocation, payloadBytes: number): Uint8Array {
    return defined(this.readRunSync(location.segment, [location.offset], payloadBytes)[0], 'a record');
  }

  /**
   * The payloads of durable records of one segment, at ascending offsets, in one read from the first to the end of the
   * last, whose length is `lastPayloadBytes`. They share one buffer, which is the caller's.
   */
  readRunSync(segment: number, offsets: readonly number[], lastPayloadBytes: number): Uint8Array[] {
    const { file, path, header } = this.#segment(segment);
    const start = defined(offsets[0], 'an offset');
    const end = defined(offsets.at(-1), 'an offset') + FRAME_HEADER_BYTES + lastPayloadBytes;
    const block = Buffer.allocUnsafeSlow(end - start);
    const bytes = block.subarray(0, file.readSync(block, start));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return offsets.map((offset) => {
      const frame = readFrame(bytes, view, offset - start, header.sequence, header.seed);
      if (frame === null) throw corrupt(path, offset, null, 'a record that had been synced cannot be read');
      const from = offset - start + FRAME_HEADER_BYTES;
      return bytes.subarray(from, from + frame.payloadBytes);
    });
  }

  /** Number of the first record of a segment that is there. Null while it has none. */
  firstNumberOf(segment: number): number | null {
    return this.#segment(segment).firstNumber;
  }

  /**
   * Removes whole segments that hold only records below `beforeNumber`, oldest first, each durably before the next, so
   * that a crash never leaves a gap. The segment that is written, and the records in it, always stay.
   */
  cut(beforeNumber: number): Promise<void> {
    const done = this.#cutting.then(() => this.#cut(beforeNumber));
    this.#cutting = done.catch(() => undefined);
    return done;
  }

  status(): SegmentLogStatus {
    let bytes = 0;
    for (const { header } of this.#segments) bytes += header.bytes;
    return {
      firstNumber: this.#segments.find((segment) => segment.firstNumber !== null)?.firstNumber ?? this.#nextNumber,
      nextNumber: this.#nextNumber,
      segments: this.#segments.length,
      bytes,
      queuedBytes: this.#queuedBytes,
      groups: this.#groups,
      records: this.#records,
      writtenBytes: this.#writtenBytes,
    };
  }

  /** Waits for what was appended, notes durably that it is durable, and gives the files back. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #segment(sequence: number): OpenSegment {
    const first = defined(this.#segments[0], 'a segment').header.sequence;
    return defined(this.#segments[sequence - first], `segment ${sequence} of ${this.#directory}`);
  }

  #active(): OpenSegment {
    return defined(this.#segments.at(-1), 'an active segment');
  }

  #assertSound(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Lets everything that arrives in the same turn join the first group.
    await Promise.resolve();
    let group: QueuedBatch[] = [];
    try {
      while (this.#queue.length > 0 || this.#markWanted) {
        group = [];
        if (this.#queue.length > 0) await this.#writeGroup(group);
        else await this.#writeMark(false);
        this.#markWanted = false;
      }
    } catch (error) {
      this.#fail(error, group);
    } finally {
      this.#running = null;
    }
  }

  #fail(error: unknown, group: readonly QueuedBatch[]): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#failure = failure;
    const waiting = [...group, ...this.#queue];
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const batch of waiting) batch.reject(failure);
  }

  /** Moves the next group from the queue to `group`, writes and syncs it, and answers its batches. */
  async #writeGroup(group: QueuedBatch[]): Promise<void> {
    const first = defined(this.#queue[0], 'a waiting batch');
    let checkpoint = this.#end === SEGMENT_HEADER_BYTES ? (first.checkpoint?.() ?? []) : [];
    if (this.#end + batchBytes(checkpoint) + first.bytes > this.#active().header.bytes) {
      checkpoint = first.checkpoint?.() ?? [];
      await this.#rotate(batchBytes(checkpoint) + first.bytes);
    }
    const segment = this.#active();
    const number = this.#nextNumber;
    this.#encoder.begin(segment.header, this.#end, number);
    if (checkpoint.length > 0) this.#encoder.addBatch(checkpoint);
    const answers = this.#encodeGroup(group, segment.header.bytes);
    const { end, nextNumber } = this.#encoder;
    await segment.file.write(this.#encoder.finish(), this.#end);
    await segment.file.datasync();

    segment.firstNumber ??= number;
    this.#groups++;
    this.#records += nextNumber - number;
    this.#writtenBytes += end - this.#end;
    this.#end = end;
    this.#nextNumber = nextNumber;
    this.#unconfirmed = true;
    for (const [i, batch] of group.entries()) batch.resolve(defined(answers[i], 'an answer'));
    if (end > segment.header.bytes / 2) this.#preparer.prepare(segment.header.sequence + 1);
  }

  #encodeGroup(group: QueuedBatch[], segmentBytes: number): AppendedBatch[] {
    const answers: AppendedBatch[] = [];
    const segment = this.#active().header.sequence;
    let groupBytes = 0;
    for (const batch of this.#queue) {
      if (group.length > 0 && groupBytes + batch.bytes > this.#maxGroupBytes) break;
      if (this.#encoder.end + batch.bytes > segmentBytes) break;
      const firstNumber = this.#encoder.nextNumber;
      answers.push({ firstNumber, segment, offsets: this.#encoder.addBatch(batch.records) });
      group.push(batch);
      groupBytes += batch.bytes;
    }
    assert(group.length > 0, 'a group holds at least one batch');
    this.#queue = this.#queue.slice(group.length);
    this.#queuedBytes -= groupBytes;
    return answers;
  }

  async #writeMark(durably: boolean): Promise<void> {
    const { file, header } = this.#active();
    if (!this.#unconfirmed || this.#end + frameBytes(0) > header.bytes) return;
    this.#encoder.begin(header, this.#end, this.#nextNumber);
    this.#encoder.addMark();
    await file.write(this.#encoder.finish(), this.#end);
    if (durably) await file.datasync();
    this.#end = this.#encoder.end;
    this.#unconfirmed = false;
  }

  async #rotate(bytes: number): Promise<void> {
    const sequence = this.#active().header.sequence + 1;
    const segment = await this.#preparer.take(sequence, SEGMENT_HEADER_BYTES + bytes);
    this.#segments.push({ ...segment, firstNumber: null });
    this.#end = SEGMENT_HEADER_BYTES;
    this.#unconfirmed = false;
  }

  async #cut(beforeNumber: number): Promise<void> {
    this.#assertSound();
    for (;;) {
      const [oldest, next] = this.#segments;
      if (oldest === undefined || next === undefined) return;
      if (next.firstNumber === null || next.firstNumber > beforeNumber) return;
      this.#segments.shift();
      await oldest.file.close();
      await this.#fileSystem.unlink(oldest.path);
      await this.#fileSystem.syncDirectory(this.#directory);
    }
  }

  async #close(): Promise<void> {
    await this.#running;
    await this.#cutting;
    try {
      if (this.#failure === null) await this.#writeMark(true);
    } catch (error) {
      // Everything acknowledged is durable already; the mark only helps to recognise damage.
      this.#fail(error, []);
    }
    await this.#preparer.close();
    for (const { file } of this.#segments) await file.close().catch(() => undefined);
  }
}

/** Bytes of the batch as frames. Throws INVALID_ARGUMENT when it or one of its records is out of range. */
function checkedBytes(records: readonly RecordParts[]): number {
  assert(records.length > 0, 'a batch holds at least one record');
  for (const parts of records) {
    const length = recordBytes(parts);
    if (length > 0 && length <= MAX_RECORD_BYTES) continue;
    const limit = `1 to ${MAX_RECORD_BYTES} bytes`;
    const message = `A log record has ${length} bytes, allowed are ${limit}.`;
    throw new StoreError('INVALID_ARGUMENT', message, { field: 'record', limit });
  }
  const bytes = batchBytes(records);
  if (bytes <= MAX_BATCH_BYTES) return bytes;
  const limit = `${MAX_BATCH_BYTES} bytes`;
  const message = `A batch of log records has ${bytes} bytes, allowed are ${limit}.`;
  throw new StoreError('INVALID_ARGUMENT', message, { field: 'batch', limit });
}
