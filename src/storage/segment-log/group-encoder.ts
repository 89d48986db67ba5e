/**
 * Lays out the frames of one group as chunks for a single vectored write.
 *
 * Small parts are copied once, into a staging buffer that is used again for every group; large ones are written from
 * where they are. So one encoder serves one write at a time, and its chunks are good until the next `begin`. Must not
 * know files or queues.
 */
import { checksum } from '../checksum.ts';
import { FLAG_BATCH_END, FLAG_MARK, FRAME_FIELD, FRAME_HEADER_BYTES, frameBytes, writeFrameHeader } from './frame.ts';
import type { SegmentHeader } from './segment-header.ts';
import type { RecordParts } from './types.ts';

/** Parts from this size on are not copied: the copy would cost more than one more chunk in the write. */
const REFERENCE_BYTES = 16 << 10;
const MIN_STAGING_BYTES = 64 << 10;
/** A staging buffer above this is given back after its group, so that one large group does not hold its memory for ever. */
const MAX_KEPT_STAGING_BYTES = 16 << 20;

/** Length of a record in bytes. */
export function recordBytes(parts: RecordParts): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}

/** Bytes that the records take in a segment, as frames. */
export function batchBytes(records: readonly RecordParts[]): number {
  let bytes = 0;
  for (const parts of records) bytes += frameBytes(recordBytes(parts));
  return bytes;
}

export class GroupEncoder {
  #staging = Buffer.alloc(MIN_STAGING_BYTES);
  #view = new DataView(this.#staging.buffer, this.#staging.byteOffset, this.#staging.byteLength);
  #at = 0;
  #flushed = 0;
  #chunks: Uint8Array[] = [];
  #segment: SegmentHeader = { sequence: 0, bytes: 0, logId: 0, seed: 0 };
  #offset = 0;
  #number = 0;
  #durableBefore = 0;

  /**
   * Starts a group at `offset` of a segment, with the number of its first record, before which all records are durable.
   * Ends the life of the chunks of the group before.
   */
  begin(segment: SegmentHeader, offset: number, number: number): void {
    if (this.#staging.length > MAX_KEPT_STAGING_BYTES) this.#useStaging(MIN_STAGING_BYTES);
    this.#at = 0;
    this.#flushed = 0;
    this.#chunks = [];
    this.#segment = segment;
    this.#offset = offset;
    this.#number = number;
    this.#durableBefore = number;
  }

  /** Offset in the segment behind the last frame. */
  get end(): number {
    return this.#offset;
  }

  /** Number of the record after the last frame. */
  get nextNumber(): number {
    return this.#number;
  }

  /** Adds the records as one batch. Returns the offset of each one's frame in the segment. */
  addBatch(records: readonly RecordParts[]): Uint32Array {
    const offsets = new Uint32Array(records.length);
    const last = records.length - 1;
    for (let i = 0; i <= last; i++) {
      offsets[i] = this.#offset;
      this.#addFrame(records[i] ?? [], i === last ? FLAG_BATCH_END : 0);
      this.#number++;
    }
    return offsets;
  }

  /** Adds a mark: all records so far are durable. */
  addMark(): void {
    this.#addFrame([], FLAG_MARK | FLAG_BATCH_END);
  }

  /** The bytes of the group. */
  finish(): readonly Uint8Array[] {
    this.#flush();
    return this.#chunks;
  }

  #addFrame(parts: RecordParts, flags: number): void {
    const payloadBytes = recordBytes(parts);
    let staged = FRAME_HEADER_BYTES + 8;
    for (const part of parts) if (part.length < REFERENCE_BYTES) staged += part.length;
    this.#reserve(staged);

    const start = this.#at;
    const distance = this.#number - this.#durableBefore;
    writeFrameHeader(this.#view, start, this.#number, payloadBytes, flags, distance, this.#segment.sequence);
    this.#at += FRAME_HEADER_BYTES;
    let crc = this.#segment.seed;
    let checked = start + FRAME_FIELD.length;
    for (const part of parts) {
      if (part.length < REFERENCE_BYTES) {
        this.#staging.set(part, this.#at);
        this.#at += part.length;
        continue;
      }
      crc = checksum(part, checksum(this.#staging.subarray(checked, this.#at), crc));
      checked = this.#at;
      this.#flush();
      this.#chunks.push(part);
    }
    if (checked < this.#at) crc = checksum(this.#staging.subarray(checked, this.#at), crc);
    this.#view.setUint32(start + FRAME_FIELD.crc, crc, true);

    const bytes = frameBytes(payloadBytes);
    const padding = bytes - FRAME_HEADER_BYTES - payloadBytes;
    this.#staging.fill(0, this.#at, this.#at + padding);
    this.#at += padding;
    this.#offset += bytes;
  }

  #flush(): void {
    if (this.#at > this.#flushed) this.#chunks.push(this.#staging.subarray(this.#flushed, this.#at));
    this.#flushed = this.#at;
  }

  /** Makes room for a frame's staged bytes, which must lie together: the CRC is filled in when the frame is complete. */
  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#staging.length) return;
    this.#flush();
    this.#useStaging(Math.max(this.#staging.length * 2, bytes));
  }

  #useStaging(bytes: number): void {
    this.#staging = Buffer.allocUnsafeSlow(bytes);
    this.#view = new DataView(this.#staging.buffer, this.#staging.byteOffset, this.#staging.byteLength);
    this.#at = 0;
    this.#flushed = 0;
  }
}
