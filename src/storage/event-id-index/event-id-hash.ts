/**
 * The hash that the event id index works with: 64 bits over a stream's number and an event id, as two unsigned 32-bit halves.
 * Part of the format: what is stored depends on it. MurmurHash3's 32-bit round (A. Appleby, public domain) over the six
 * words, twice with different seeds. Not made against an adversary: whoever may append could make ids that collide, and would
 * make lookups of their own ids slower; every hit is verified against the record.
 */
import type { EventId } from '../../domain/event.ts';

/** The two halves. `high` chooses buckets. */
export interface EventIdHash {
  high: number;
  low: number;
}

const TWO_32 = 0x1_0000_0000;
const TEXT_LENGTH = 36;
const HIGH_SEED = 0x2545_f491;
const LOW_SEED = 0x9e37_79b9;

/** The value of a hexadecimal digit by its character code; dashes and everything else are 0. */
const DIGITS = new Uint8Array(256);
for (let digit = 0; digit < 16; digit += 1) DIGITS[digit.toString(16).charCodeAt(0)] = digit;

const text = new Uint8Array(TEXT_LENGTH);

/** Puts the hash of the id whose 36 characters are at `at` into `hash`. */
export function hashIdBytes(streamNumber: number, bytes: Uint8Array, at: number, hash: EventIdHash): void {
  // 8-4-4-4-12 digits.
  const a = (half(bytes, at) << 16) | half(bytes, at + 4);
  const b = (half(bytes, at + 9) << 16) | half(bytes, at + 14);
  const c = (half(bytes, at + 19) << 16) | half(bytes, at + 24);
  const d = (half(bytes, at + 28) << 16) | half(bytes, at + 32);
  const streamLow = streamNumber | 0;
  const streamHigh = Math.floor(streamNumber / TWO_32);
  hash.high = mixAll(HIGH_SEED, streamHigh, streamLow, a, b, c, d);
  hash.low = mixAll(LOW_SEED, streamHigh, streamLow, a, b, c, d);
}

/** The same for an id as text. */
export function hashId(streamNumber: number, id: EventId, hash: EventIdHash): void {
  for (let i = 0; i < TEXT_LENGTH; i += 1) text[i] = id.charCodeAt(i);
  hashIdBytes(streamNumber, text, 0, hash);
}

/** Four digits. */
function half(bytes: Uint8Array, at: number): number {
  return (
    ((DIGITS[bytes[at] ?? 0] ?? 0) << 12) |
    ((DIGITS[bytes[at + 1] ?? 0] ?? 0) << 8) |
    ((DIGITS[bytes[at + 2] ?? 0] ?? 0) << 4) |
    (DIGITS[bytes[at + 3] ?? 0] ?? 0)
  );
}

function mixAll(seed: number, a: number, b: number, c: number, d: number, e: number, f: number): number {
  let h = mix(mix(mix(mix(mix(mix(seed, a), b), c), d), e), f);
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function mix(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e_2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b87_3593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe654_6b64) | 0;
}
