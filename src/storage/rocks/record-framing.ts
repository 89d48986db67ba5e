/**
 * A look at the framing of RocksDB's journals and manifests before RocksDB opens them. It knows the record headers of
 * RocksDB's log format (blocks of 32 KiB; CRC, length and type in front of each piece) and nothing of their content.
 *
 * Needed because one flipped bit in a type byte turns a record into a "recyclable" one, which a file that is not recycled
 * never has, and on which RocksDB's recovery waits for ever instead of failing. Every other damage RocksDB finds itself.
 */
import { open } from 'node:fs/promises';
import { corruption } from '../corruption.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const LENGTH_OFFSET = 4;
const TYPE_OFFSET = 6;
/** Types 1 to 4 are whole records and their first, middle and last pieces; 5 to 8 the same in a recycled file. */
const FIRST_RECYCLABLE = 5;
const LAST_RECYCLABLE = 8;
const CHUNK_BLOCKS = 32;

/** Offset in `block` of a record of a recycled file; null when there is none up to where the framing makes sense. */
function recyclableRecord(block: Buffer): number | null {
  for (let at = 0; at + HEADER_BYTES <= block.length;) {
    const type = block.readUInt8(at + TYPE_OFFSET);
    if (type >= FIRST_RECYCLABLE && type <= LAST_RECYCLABLE) return at;
    if (type === 0 || type > LAST_RECYCLABLE) return null;
    at += HEADER_BYTES + block.readUInt16LE(at + LENGTH_OFFSET);
  }
  return null;
}

/**
 * Reads the record headers of one journal or manifest. Throws STORAGE_CORRUPT, naming the file and the byte, when RocksDB
 * would hang on one of them; errors of the file system as they are.
 */
export async function checkRecordFraming(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BLOCKS * BLOCK_BYTES);
    for (let start = 0; ;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, start);
      for (let block = 0; block < bytesRead; block += BLOCK_BYTES) {
        const found = recyclableRecord(chunk.subarray(block, Math.min(block + BLOCK_BYTES, bytesRead)));
        if (found !== null)
          throw corruption(`the RocksDB file ${path}`, `impossible record type at byte ${start + block + found}`);
      }
      start += bytesRead;
      if (bytesRead < chunk.length) return;
    }
  } finally {
    await file.close();
  }
}
