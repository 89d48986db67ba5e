/**
 * Bloom filters of buckets, in memory: they say of most hashes that a bucket does not have them, so that it need not be
 * fetched. A hint only: a filter is made from its bucket when that is written or fetched, and may be forgotten at any time.
 *
 * Bounded: filters are held in chunks of 256 buckets; beyond the bound the oldest chunk is forgotten.
 */
import { readU32 } from '../big-endian.ts';
import { ENTRY_BYTES } from './id-bucket.ts';

const CHUNK_BITS = 8;
const CHUNK_BUCKETS = 2 ** CHUNK_BITS;
/** For the usual 256 entries of a bucket 16 bits each and 8 probes: 1 of 1,700 absent hashes passes. */
const FILTER_BYTES = 512;
const PROBES = 8;

interface Chunk {
  readonly bits: Uint8Array;
  /** Which buckets have their filter: 1. */
  readonly known: Uint8Array;
}

export class BucketFilters {
  readonly #most: number;
  /** In the order they were made. */
  readonly #chunks = new Map<number, Map<number, Chunk>>();
  readonly #order: { readonly run: number; readonly chunk: number }[] = [];

  /** @param maxBytes Memory, about. */
  constructor(maxBytes: number) {
    this.#most = Math.max(1, Math.floor(maxBytes / (CHUNK_BUCKETS * (FILTER_BYTES + 1))));
  }

  /** Whether the bucket may have the hash: false only when it has not. `run` is any number that no other run has. */
  mayHave(run: number, bucket: number, high: number, low: number): boolean {
    const chunk = this.#chunks.get(run)?.get(bucket >>> CHUNK_BITS);
    const inChunk = bucket & (CHUNK_BUCKETS - 1);
    if (chunk === undefined || chunk.known[inChunk] === 0) return true;
    const base = inChunk * FILTER_BYTES;
    const step = stepOf(high, low);
    let hash = low;
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = bitOf(hash);
      if (((chunk.bits[base + (bit >>> 3)] ?? 0) & (1 << (bit & 7))) === 0) return false;
      hash = (hash + step) | 0;
    }
    return true;
  }

  /** Learns what a bucket has. Does nothing when it is known. */
  learn(run: number, bucket: number, entries: Uint8Array): void {
    const chunk = this.#chunkOf(run, bucket >>> CHUNK_BITS);
    const inChunk = bucket & (CHUNK_BUCKETS - 1);
    if (chunk.known[inChunk] === 1) return;
    chunk.known[inChunk] = 1;
    const base = inChunk * FILTER_BYTES;
    for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
      const low = readU32(entries, at + 4);
      const step = stepOf(readU32(entries, at), low);
      let hash = low;
      for (let probe = 0; probe < PROBES; probe += 1) {
        const bit = bitOf(hash);
        const byte = base + (bit >>> 3);
        chunk.bits[byte] = (chunk.bits[byte] ?? 0) | (1 << (bit & 7));
        hash = (hash + step) | 0;
      }
    }
  }

  /** Forgets a run. */
  forget(run: number): void {
    this.#chunks.delete(run);
  }

  #chunkOf(run: number, number: number): Chunk {
    let chunks = this.#chunks.get(run);
    if (chunks === undefined) {
      chunks = new Map();
      this.#chunks.set(run, chunks);
    }
    let chunk = chunks.get(number);
    if (chunk === undefined) {
      chunk = { bits: new Uint8Array(CHUNK_BUCKETS * FILTER_BYTES), known: new Uint8Array(CHUNK_BUCKETS) };
      chunks.set(number, chunk);
      this.#order.push({ run, chunk: number });
      if (this.#order.length > this.#most) this.#forgetOldest();
    }
    return chunk;
  }

  #forgetOldest(): void {
    const oldest = this.#order.shift();
    if (oldest !== undefined) this.#chunks.get(oldest.run)?.delete(oldest.chunk);
  }
}

/** One of the filter's 4,096 bits, by the upper bits of a 32-bit hash. */
function bitOf(hash: number): number {
  return hash >>> 20;
}

/** How probes go on: odd, and not the low half again. */
function stepOf(high: number, low: number): number {
  return (Math.imul(high ^ (low >>> 15), 0x9e37_79b1) | 1) >>> 0;
}
