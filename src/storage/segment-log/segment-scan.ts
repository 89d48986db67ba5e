/**
 * Reads one segment from its first frame on, up to the first place where no valid frame of the expected number begins. A
 * damaged mark with a whole group behind it does not end it: nothing is missing.
 *
 * Invariants: records are handed out in order, and only when their whole batch is there; memory is bounded by the window
 * or the largest batch. Must not judge why reading ended: recovery does, with all segments in view.
 */
import type { Frame } from './frame.ts';
import { FRAME_HEADER_BYTES, frameBytes, readFrame, readFrameHeader } from './frame.ts';
import type { SegmentFile } from './segment-file.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import type { RecordVisitor } from './types.ts';

/** What one segment holds. */
export interface SegmentScan {
  /** Number of its first record, or null when it holds none. */
  readonly firstNumber: number | null;
  /** Number of the record after its last complete batch; null when nothing was expected and nothing found. */
  readonly nextNumber: number | null;
  readonly records: number;
  /** Offset behind the last complete batch or mark. */
  readonly end: number;
  /** Offset of the first frame of the last group written: all before it was durable when that was written. */
  readonly lastGroup: number;
  /** Whether a mark after the last record says that it is durable. */
  readonly confirmed: boolean;
  /** Where the first invalid frame begins, and the number it should have had. At or behind `end`. */
  readonly invalidAt: number;
  readonly invalidNumber: number | null;
}

const WINDOW_BYTES = 1 << 20;
const MARK_BYTES = frameBytes(0);

/** A part of the file in memory. */
class Window {
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  start = 0;
  readonly #segment: SegmentFile;

  constructor(segment: SegmentFile) {
    this.#segment = segment;
  }

  holds(from: number, length: number): boolean {
    return from >= this.start && from + length <= this.start + this.bytes.length;
  }

  async load(from: number, length: number): Promise<void> {
    const size = Math.min(Math.max(length, WINDOW_BYTES), this.#segment.header.bytes - from);
    const buffer = new Uint8Array(size);
    this.bytes = buffer.subarray(0, await this.#segment.file.read(buffer, from));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.start = from;
  }
}

/** A record of a batch whose end has not been seen yet. */
interface PendingRecord {
  readonly number: number;
  readonly offset: number;
  readonly payloadBytes: number;
}

/** Reads a segment. `expected` is the number that its first record must have; null accepts any. */
export async function scanSegment(
  segment: SegmentFile,
  expected: number | null,
  visit: RecordVisitor,
): Promise<SegmentScan> {
  const { sequence, seed, bytes: size } = segment.header;
  const window = new Window(segment);
  let batch: PendingRecord[] = [];
  let batchStart = SEGMENT_HEADER_BYTES;
  let batchHasGroupStart = -1;
  let at = SEGMENT_HEADER_BYTES;
  let invalidNumber = expected;
  let nextNumber = expected;
  let firstNumber: number | null = null;
  let records = 0;
  let lastGroup = SEGMENT_HEADER_BYTES;
  let confirmed = false;

  const read = async (offset: number): Promise<Frame | null> => {
    if (offset + FRAME_HEADER_BYTES > size) return null;
    const wanted = offset - batchStart + FRAME_HEADER_BYTES;
    if (!window.holds(offset, FRAME_HEADER_BYTES)) await window.load(batchStart, wanted);
    if (!window.holds(offset, FRAME_HEADER_BYTES)) return null;
    const header = readFrameHeader(window.view, offset - window.start, sequence);
    if (header === null || !fits(header, offset, size, invalidNumber, batch.length > 0)) return null;
    if (!window.holds(offset, FRAME_HEADER_BYTES + header.payloadBytes)) {
      await window.load(batchStart, wanted + header.payloadBytes);
    }
    return readFrame(window.bytes, window.view, offset - window.start, sequence, seed);
  };

  for (;;) {
    let frame = await read(at);
    if (frame === null && batch.length === 0 && records > 0) {
      // Between a whole batch and a group that begins with the next number there is room for a mark only, which has no record.
      const behind = await read(at + MARK_BYTES);
      if (behind === null || behind.isMark || behind.durableBefore !== behind.number) break;
      at += MARK_BYTES;
      frame = behind;
    }
    if (frame === null) break;

    if (frame.durableBefore === frame.number) batchHasGroupStart = at;
    if (!frame.isMark) batch.push({ number: frame.number, offset: at, payloadBytes: frame.payloadBytes });
    at += frameBytes(frame.payloadBytes);
    invalidNumber = frame.isMark ? frame.number : frame.number + 1;
    if (!frame.endsBatch) continue;
    for (const record of batch) {
      const from = record.offset + FRAME_HEADER_BYTES - window.start;
      const payload = window.bytes.subarray(from, from + record.payloadBytes);
      visit(payload, record.number, { segment: sequence, offset: record.offset });
    }
    firstNumber ??= batch[0]?.number ?? null;
    records += batch.length;
    confirmed = frame.isMark;
    if (batchHasGroupStart >= 0) lastGroup = batchHasGroupStart;
    batch = [];
    batchHasGroupStart = -1;
    batchStart = at;
    nextNumber = invalidNumber;
  }
  return { firstNumber, nextNumber, records, end: batchStart, lastGroup, confirmed, invalidAt: at, invalidNumber };
}

function fits(frame: Frame, at: number, size: number, expected: number | null, inBatch: boolean): boolean {
  if (frame.payloadBytes > size - at - FRAME_HEADER_BYTES) return false;
  if (frame.isMark && (inBatch || !frame.endsBatch || frame.durableBefore !== frame.number)) return false;
  return expected === null || frame.number === expected;
}
