/**
 * A frame: the 24 bytes in front of every record, and how a reader tells that header and record are what was written.
 *
 * Invariants: frames start at multiples of 8; the CRC covers everything but itself and goes on from the segment header's,
 * so bytes of another segment never pass; a valid frame with `durableBefore` d proves that all records below d were
 * durable before it was written. Layout in ../FORMAT.md, section "Segment log". Must not know files.
 */
import { checksum } from '../checksum.ts';

export const FRAME_HEADER_BYTES = 24;
export const FRAME_ALIGNMENT = 8;

/** The frame ends its batch: a batch counts when its last frame is there. */
export const FLAG_BATCH_END = 1;
/** The frame carries no record and takes no number; it only tells what is durable. */
export const FLAG_MARK = 2;
const KNOWN_FLAGS = FLAG_BATCH_END | FLAG_MARK;

/** Offsets of the fields within the frame. */
export const FRAME_FIELD = { crc: 0, length: 4, number: 8, flags: 14, distance: 16, sequence: 20 } as const;

/** A frame that has been found whole. */
export interface Frame {
  /** Number of its record; of the next record when it is a mark. */
  readonly number: number;
  /** All records with lower numbers were durable when the frame was written. At most `number`. */
  readonly durableBefore: number;
  readonly payloadBytes: number;
  readonly endsBatch: boolean;
  readonly isMark: boolean;
}

/** Bytes that a record of `payloadBytes` takes in a segment. */
export function frameBytes(payloadBytes: number): number {
  return (FRAME_HEADER_BYTES + payloadBytes + FRAME_ALIGNMENT - 1) & -FRAME_ALIGNMENT;
}

/** Writes all of a frame's header but its CRC at `at`. `distance` is `number - durableBefore`. */
export function writeFrameHeader(
  view: DataView,
  at: number,
  number: number,
  payloadBytes: number,
  flags: number,
  distance: number,
  sequence: number,
): void {
  view.setUint32(at + FRAME_FIELD.length, payloadBytes, true);
  view.setUint32(at + FRAME_FIELD.number, number >>> 0, true);
  view.setUint16(at + FRAME_FIELD.number + 4, Math.floor(number / 2 ** 32), true);
  view.setUint16(at + FRAME_FIELD.flags, flags, true);
  view.setUint32(at + FRAME_FIELD.distance, distance, true);
  view.setUint32(at + FRAME_FIELD.sequence, sequence, true);
}

/**
 * Reads the header at `at` without checking the CRC, which is for the caller to do over `payloadBytes`. Null when no
 * frame of segment `sequence` can begin so. The view must hold {@link FRAME_HEADER_BYTES} from `at` on.
 */
export function readFrameHeader(view: DataView, at: number, sequence: number): Frame | null {
  if (view.getUint32(at + FRAME_FIELD.sequence, true) !== sequence) return null;
  const flags = view.getUint16(at + FRAME_FIELD.flags, true);
  if ((flags & ~KNOWN_FLAGS) !== 0) return null;
  const payloadBytes = view.getUint32(at + FRAME_FIELD.length, true);
  const isMark = (flags & FLAG_MARK) !== 0;
  if (isMark !== (payloadBytes === 0)) return null;
  const number =
    view.getUint32(at + FRAME_FIELD.number, true) + view.getUint16(at + FRAME_FIELD.number + 4, true) * 2 ** 32;
  const durableBefore = number - view.getUint32(at + FRAME_FIELD.distance, true);
  if (durableBefore < 1) return null;
  return { number, durableBefore, payloadBytes, endsBatch: (flags & FLAG_BATCH_END) !== 0, isMark };
}

/** The whole and valid frame at `at` of `bytes`, or null. `seed` is the segment header's. */
export function readFrame(bytes: Uint8Array, view: DataView, at: number, sequence: number, seed: number): Frame | null {
  if (at + FRAME_HEADER_BYTES > bytes.length) return null;
  const frame = readFrameHeader(view, at, sequence);
  if (frame === null) return null;
  const end = at + FRAME_HEADER_BYTES + frame.payloadBytes;
  if (end > bytes.length) return null;
  const crc = checksum(bytes.subarray(at + FRAME_FIELD.length, end), seed);
  return crc === view.getUint32(at + FRAME_FIELD.crc, true) ? frame : null;
}
