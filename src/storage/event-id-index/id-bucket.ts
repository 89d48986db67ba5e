/**
 * Buckets of the event id index as bytes: 12 for each event, the hash (two unsigned 32-bit halves) and the event's place in the
 * run, in ascending order of places. Layout: FORMAT.md, "Event id index".
 */
import { readU32, writeU32 } from '../big-endian.ts';
import { corruption } from '../corruption.ts';

export const ENTRY_BYTES = 12;

/** Sorts events, given by their hashes in the order of positions, into `2^bits` buckets by the first bits of the hash. */
export function bucketsOf(highs: Uint32Array, lows: Uint32Array, bits: number): Uint8Array[] {
  const shift = 32 - bits;
  const ends = new Uint32Array(2 ** bits);
  for (const high of highs) count(ends, high >>> shift);
  const buckets = slices(ends);
  const next = new Uint32Array(ends.length);
  for (let place = 0; place < highs.length; place += 1) {
    const high = highs[place] ?? 0;
    const bucket = buckets[high >>> shift];
    if (bucket === undefined) continue;
    const at = next[high >>> shift] ?? 0;
    next[high >>> shift] = at + ENTRY_BYTES;
    writeU32(bucket, at, high);
    writeU32(bucket, at + 4, lows[place] ?? 0);
    writeU32(bucket, at + 8, place);
  }
  return buckets;
}

/**
 * Merges one bucket of each of some runs in a row, each of `events` events, into the buckets that it becomes in a run of them
 * all: 2^moreBits, by the bits of the hash that follow the first `bits`.
 */
export function mergeBuckets(
  parts: readonly Uint8Array[],
  events: number,
  bits: number,
  moreBits: number,
): Uint8Array[] {
  const shift = 32 - bits - moreBits;
  const mask = 2 ** moreBits - 1;
  const ends = new Uint32Array(2 ** moreBits);
  for (const part of parts) {
    for (let at = 0; at < part.length; at += ENTRY_BYTES) count(ends, (readU32(part, at) >>> shift) & mask);
  }
  const buckets = slices(ends);
  const next = new Uint32Array(ends.length);
  for (const [number, part] of parts.entries()) {
    for (let at = 0; at < part.length; at += ENTRY_BYTES) {
      const chosen = (readU32(part, at) >>> shift) & mask;
      const target = buckets[chosen];
      if (target === undefined) continue;
      const to = next[chosen] ?? 0;
      next[chosen] = to + ENTRY_BYTES;
      for (let byte = 0; byte < 8; byte += 1) target[to + byte] = part[at + byte] ?? 0;
      writeU32(target, to + 8, number * events + readU32(part, at + 8));
    }
  }
  return buckets;
}

/** Calls `visit` with the place of each event in the bucket that has this hash. */
export function findInBucket(bucket: Uint8Array, high: number, low: number, visit: (place: number) => void): void {
  for (let at = 0; at < bucket.length; at += ENTRY_BYTES) {
    if (readU32(bucket, at + 4) === low && readU32(bucket, at) === high) visit(readU32(bucket, at + 8));
  }
}

/** The bucket, if it has whole entries. Throws STORAGE_CORRUPT. */
export function checkedBucket(value: Uint8Array): Uint8Array {
  if (value.length % ENTRY_BYTES === 0) return value;
  throw corruption('event id index', `a bucket has ${value.length} bytes`);
}

function count(counts: Uint32Array, bucket: number): void {
  counts[bucket] = (counts[bucket] ?? 0) + 1;
}

/** A piece of one buffer for each count of entries. */
function slices(counts: Uint32Array): Uint8Array[] {
  let total = 0;
  for (const entries of counts) total += entries;
  const bytes = new Uint8Array(total * ENTRY_BYTES);
  let start = 0;
  return Array.from(counts, (entries) => {
    const end = start + entries * ENTRY_BYTES;
    const slice = bytes.subarray(start, end);
    start = end;
    return slice;
  });
}
