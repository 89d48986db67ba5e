/**
 * Unsigned integers in big-endian bytes, so that the order of the bytes is the order of the numbers. Knows nothing of what
 * the numbers mean. Written out by hand: a DataView for each short key costs more than the key.
 *
 * The 64-bit forms carry JavaScript's safe integers (0 to 2^53 - 1); a larger stored value reads as NaN, which every caller
 * that decodes bytes from disk must check with `Number.isNaN`.
 */

const TWO_32 = 0x1_0000_0000;
/** The high halves of safe integers are below this. */
const SAFE_HIGH = 0x20_0000;

/** Reads an unsigned 16-bit integer. The two bytes must be there. */
export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Writes an integer of 0 to 65535. */
export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Reads an unsigned 32-bit integer. The four bytes must be there. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

/** Writes an integer of 0 to 2^32 - 1. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Reads an unsigned 64-bit integer, NaN when it is not a safe integer. The eight bytes must be there. */
export function readU64(bytes: Uint8Array, at: number): number {
  const high = readU32(bytes, at);
  return high < SAFE_HIGH ? high * TWO_32 + readU32(bytes, at + 4) : NaN;
}

/** Writes a safe integer of at least 0. */
export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / TWO_32));
  writeU32(bytes, at + 4, value % TWO_32);
}
