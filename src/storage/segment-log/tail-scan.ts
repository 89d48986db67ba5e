/**
 * Looks behind the end of the readable log for proof that more of it was durable once.
 *
 * A valid frame behind the end that says "all records below d were durable when I was written", with d above the first
 * record that can no longer be read, proves damage. Without such proof the bytes are left from writes that were never
 * synced, whose sectors may have reached the disk in any order.
 */
import { checksum } from '../checksum.ts';
import type { Frame } from './frame.ts';
import { FRAME_ALIGNMENT, FRAME_FIELD, FRAME_HEADER_BYTES, readFrameHeader } from './frame.ts';
import type { SegmentFile } from './segment-file.ts';

/** What lies behind the end within one segment. */
export interface TailScan {
  /** A frame that proves damage, and where it begins. */
  readonly proof: { readonly frame: Frame; readonly offset: number } | null;
  /** Offset behind the last byte that is not zero; 0 when all are. */
  readonly usedEnd: number;
}

const CHUNK_BYTES = 1 << 20;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** Scans `segment` from offset `from` (a multiple of 8) to its end. `cutNumber` is the first record that would be lost. */
export async function scanTail(segment: SegmentFile, from: number, cutNumber: number): Promise<TailScan> {
  const { file, header } = segment;
  let usedEnd = 0;
  // The chunks overlap by a header, so that one that crosses their edge is seen whole.
  const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, header.bytes - from) + FRAME_HEADER_BYTES);
  for (let start = from; start < header.bytes; start += CHUNK_BYTES) {
    const wanted = Math.min(buffer.length, header.bytes - start);
    const count = await file.read(buffer.subarray(0, wanted), start);
    const own = Math.min(count, CHUNK_BYTES);
    if (buffer.subarray(0, own).equals(ZEROS.subarray(0, own))) continue;
    usedEnd = start + lastUsed(buffer, own) + 1;
    const view = new DataView(buffer.buffer, buffer.byteOffset, count);
    for (let at = 0; at < own && at + FRAME_HEADER_BYTES <= count; at += FRAME_ALIGNMENT) {
      if (view.getUint32(at + FRAME_FIELD.sequence, true) !== header.sequence) continue;
      const frame = readFrameHeader(view, at, header.sequence);
      if (frame === null || frame.durableBefore <= cutNumber) continue;
      if (await isWhole(segment, start + at, frame)) return { proof: { frame, offset: start + at }, usedEnd };
    }
  }
  return { proof: null, usedEnd };
}

function lastUsed(buffer: Uint8Array, length: number): number {
  let at = length - 1;
  while (buffer[at] === 0) at--;
  return at;
}

async function isWhole(segment: SegmentFile, offset: number, frame: Frame): Promise<boolean> {
  const end = offset + FRAME_HEADER_BYTES + frame.payloadBytes;
  if (end > segment.header.bytes) return false;
  const stored = new Uint8Array(4);
  await segment.file.read(stored, offset);
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, end - offset));
  let crc = segment.header.seed;
  for (let at = offset + FRAME_FIELD.length; at < end;) {
    const count = await segment.file.read(buffer.subarray(0, Math.min(buffer.length, end - at)), at);
    if (count === 0) return false;
    crc = checksum(buffer.subarray(0, count), crc);
    at += count;
  }
  return crc === new DataView(stored.buffer).getUint32(0, true);
}
