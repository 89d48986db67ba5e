/**
 * The checksum of everything the log writes: CRC-32 as in zlib, gzip and PNG (polynomial 0x04C11DB7 reflected, initial
 * value and final XOR 0xFFFFFFFF; check value of "123456789": 0xCBF43926).
 *
 * Chosen over CRC-32C because Node has a native one: 2.7 GB/s on 27 kB and 0.27 us on 300 bytes, against 0.79 GB/s and
 * 0.41 us of a table-driven CRC-32C in JavaScript. Both find every burst of up to 32 bits, which a flipped bit or a torn
 * sector edge is, and miss one of 2^32 random changes.
 */
import { crc32 } from 'node:zlib';

/** The CRC-32 of `bytes`, going on from `previous`, the CRC-32 of the bytes before them. An unsigned 32-bit integer. */
export function checksum(bytes: Uint8Array, previous = 0): number {
  return crc32(bytes, previous);
}
