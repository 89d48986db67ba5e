/**
 * What a log directory holds and what must be done before it can be written again: pure reading, so that an offline check
 * and a start judge alike; `repair` then carries it out.
 *
 * The rule (../FORMAT.md, "Recovery"): the log ends before the first batch that is not whole. If anything behind that
 * proves that the batch had been durable, the log is damaged and refused; else what is behind it was never synced, and is
 * zeroed. The last group may not have been synced either, although it can be read (a killed process leaves it in the
 * page cache; after a failed sync the cache may even call it clean): it is written again and synced.
 */
import type { StorageFile } from '../file-system.ts';
import { assert, defined } from '../../lib/assert.ts';
import { corrupt } from './damage.ts';
import type { SegmentFile } from './segment-file.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import type { SegmentScan } from './segment-scan.ts';
import { scanSegment } from './segment-scan.ts';
import { scanTail } from './tail-scan.ts';
import type { RecordVisitor } from './types.ts';

/** A part of a segment file. */
export interface ByteRange {
  readonly file: StorageFile;
  readonly from: number;
  readonly to: number;
}

/** The state of a log as its files show it. `scans` has one scan for each segment. */
export interface LogState {
  readonly segments: readonly SegmentFile[];
  readonly scans: readonly SegmentScan[];
  /** Index in `segments` of the one that is written next; later ones hold nothing. */
  readonly active: number;
  readonly nextNumber: number;
  /** Bytes of writes that were never synced, to be zeroed. */
  readonly leftovers: readonly ByteRange[];
  /** The last group, to be written again and synced. */
  readonly lastGroup: ByteRange;
  /** Whether a mark says that the last group is durable. */
  readonly confirmed: boolean;
}

/**
 * Reads the whole log, gives every record to `visit`, and decides where it ends. Changes nothing. STORAGE_CORRUPT when
 * records that had been durable cannot be read. `segments` must not be empty.
 */
export async function readLog(segments: readonly SegmentFile[], visit: RecordVisitor): Promise<LogState> {
  const first = defined(segments[0], 'a segment');
  const scans: SegmentScan[] = [];
  let expected = first.header.sequence === 1 ? 1 : null;
  let active = 0;
  for (const [i, segment] of segments.entries()) {
    const scan = await scanSegment(segment, expected, visit);
    scans.push(scan);
    if (scan.firstNumber === null) continue;
    for (let j = scans[active]?.firstNumber === null ? active : active + 1; j < i; j++) {
      await assertBlank(defined(segments[j], 'a segment'), expected);
    }
    expected = scan.nextNumber;
    active = i;
  }
  if (expected === null) {
    throw corrupt(
      first.path,
      SEGMENT_HEADER_BYTES,
      null,
      'earlier segments are gone and none of the rest has a record',
    );
  }
  const leftovers = await judgeTail(segments, scans, active, expected);
  const scan = defined(scans[active], 'a scan of the active segment');
  const file = defined(segments[active], 'the active segment').file;
  return {
    segments,
    scans,
    active,
    nextNumber: expected,
    leftovers,
    lastGroup: { file, from: scan.lastGroup, to: scan.end },
    confirmed: scan.confirmed,
  };
}

/** A segment without records in front of one with records was passed over, and must never have held any. */
async function assertBlank(segment: SegmentFile, expected: number | null): Promise<void> {
  const { usedEnd } = await scanTail(segment, SEGMENT_HEADER_BYTES, Infinity);
  if (usedEnd > 0) {
    const problem = 'no record can be read here, but later segments hold records';
    throw corrupt(segment.path, SEGMENT_HEADER_BYTES, expected, problem);
  }
}

async function judgeTail(
  segments: readonly SegmentFile[],
  scans: readonly SegmentScan[],
  active: number,
  cutNumber: number,
): Promise<ByteRange[]> {
  const leftovers: ByteRange[] = [];
  for (let i = active; i < segments.length; i++) {
    const segment = defined(segments[i], 'a segment');
    const from = i === active ? defined(scans[i], 'a scan').end : SEGMENT_HEADER_BYTES;
    const tail = await scanTail(segment, from, cutNumber);
    if (tail.proof !== null) {
      const broken = defined(scans[active], 'a scan');
      const { frame, offset } = tail.proof;
      throw corrupt(
        defined(segments[active], 'a segment').path,
        broken.invalidAt,
        broken.invalidNumber,
        `the record cannot be read although it had been synced (record ${frame.number} at byte ${offset} of ` +
          `${segment.path} was written after all records below ${frame.durableBefore} were)`,
      );
    }
    if (tail.usedEnd > 0) leftovers.push({ file: segment.file, from, to: tail.usedEnd });
  }
  return leftovers;
}

const ZEROS = new Uint8Array(1 << 20);

/** Makes the log end where `readLog` says, durably. A crash on the way leaves a log that is read the same way. */
export async function repair(state: LogState): Promise<void> {
  for (const { file, from, to } of state.leftovers) {
    for (let at = from; at < to; at += ZEROS.length)
      await file.write([ZEROS.subarray(0, Math.min(ZEROS.length, to - at))], at);
    await file.datasync();
  }
  const { file, from, to } = state.lastGroup;
  if (from < to) {
    const bytes = new Uint8Array(to - from);
    const count = await file.read(bytes, from);
    assert(count === bytes.length, `${file.path} shrank while it was recovered`);
    await file.write([bytes], from);
  }
  await file.datasync();
}
