/**
 * The first page of a segment file: which log and which segment it is, in which format, and how long it is.
 *
 * Invariant: the header is synced before the file gets its name, and is never written again; an invalid one in a file
 * with a segment's name is damage. The first 36 bytes keep their meaning in all format versions, so that an old server
 * can tell a newer format from damage. Layout in ../FORMAT.md, section "Segment log".
 */
import { StoreError } from '../../domain/errors.ts';
import { checksum } from '../checksum.ts';
import { corrupt } from './damage.ts';

/** Version of the segment format that this code writes; it refuses newer ones. */
export const SEGMENT_FORMAT_VERSION = 1;

/** Offset of the first frame. A page of its own for the header, so that writing records never touches it. */
export const SEGMENT_HEADER_BYTES = 4096;

/** Offsets are kept in 32 bits. */
export const MAX_SEGMENT_BYTES = 2 ** 32 - 4096;

const MAGIC = Uint8Array.from('graveseg', (char) => char.charCodeAt(0));
const CHECKED_BYTES = 32;

export interface SegmentHeader {
  /** Place of the segment in its log, 1 for the first ever. An unsigned 32-bit integer. */
  readonly sequence: number;
  /** Size of the file. */
  readonly bytes: number;
  readonly logId: number;
  /** CRC of the header, from which the CRC of every frame of the segment goes on: frames of other files never count. */
  readonly seed: number;
}

/** The header page of a new segment. */
export function encodeSegmentHeader(sequence: number, bytes: number, logId: number): Uint8Array {
  const page = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(page.buffer);
  page.set(MAGIC);
  view.setUint32(8, SEGMENT_FORMAT_VERSION, true);
  view.setUint32(12, sequence, true);
  view.setBigUint64(16, BigInt(bytes), true);
  view.setBigUint64(24, BigInt(logId), true);
  view.setUint32(CHECKED_BYTES, checksum(page.subarray(0, CHECKED_BYTES)), true);
  return page;
}

/**
 * Reads a header page. `sequence` is what the file's name says; `logId` is left out to accept any log's.
 * STORAGE_CORRUPT when the page is not what was written, STORAGE_FORMAT_TOO_NEW when a newer version wrote it.
 */
export function decodeSegmentHeader(page: Uint8Array, path: string, sequence: number, logId?: number): SegmentHeader {
  if (page.length < CHECKED_BYTES + 4) throw corrupt(path, 0, null, 'the file ends within its header');
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const seed = view.getUint32(CHECKED_BYTES, true);
  const magic = MAGIC.every((byte, i) => page[i] === byte);
  if (!magic || checksum(page.subarray(0, CHECKED_BYTES)) !== seed) {
    throw corrupt(path, 0, null, 'the header of the segment is damaged');
  }
  const version = view.getUint32(8, true);
  if (version > SEGMENT_FORMAT_VERSION) {
    throw new StoreError(
      'STORAGE_FORMAT_TOO_NEW',
      `${path} has segment format ${version}, and this server reads up to ${SEGMENT_FORMAT_VERSION}: start the newer version that wrote it.`,
      { path, found: version, supported: SEGMENT_FORMAT_VERSION },
    );
  }
  const header = {
    sequence: view.getUint32(12, true),
    bytes: Number(view.getBigUint64(16, true)),
    logId: Number(view.getBigUint64(24, true)),
    seed,
  };
  if (header.sequence !== sequence) {
    throw corrupt(path, 12, null, `the file is named as segment ${sequence} but holds segment ${header.sequence}`);
  }
  if (logId !== undefined && header.logId !== logId) {
    throw corrupt(path, 24, null, `the segment belongs to the log ${header.logId}, not to ${logId}`);
  }
  return header;
}
