/**
 * The form of an event id index, and how far it is built: which runs there are, and how far merging them has come. Kept in one
 * entry of the state; layout in FORMAT.md. Knows numbers only.
 *
 * A run of level 0 has the events of 2^runBits positions in a row, beginning at a multiple of that; a run of level n + 1 is
 * made of 2^mergeBits runs of level n. A run is cut into buckets by the first bits of the hash: 2^bucketBits at level 0, and
 * 2^mergeBits times as many with each level, so that a bucket of a merged run comes from one bucket of each of its parts.
 */
import { assert } from '../../lib/assert.ts';
import { readU64, writeU64 } from '../big-endian.ts';
import { corruption } from '../corruption.ts';

export interface IndexShape {
  readonly runBits: number;
  readonly bucketBits: number;
  readonly mergeBits: number;
}

/** 65,536 events in a run, 256 in a bucket, 4 runs in one of the next level. */
export const DEFAULT_SHAPE: IndexShape = { runBits: 16, bucketBits: 8, mergeBits: 2 };
/** The places of a run's events, and the numbers of its buckets, fit into 32 bits up to here: runs of 2^32 events. */
export const LEVELS = 9;

/** How far an index is built. */
export interface IndexProgress {
  /** For each level, how many runs were ever completed; the first of them are merged into those of the next level. */
  readonly made: readonly number[];
  /** For each level but the last, how many buckets of the runs that come next have been merged, and are gone. */
  readonly merged: readonly number[];
}

export const NOTHING_INDEXED: IndexProgress = {
  made: Array<number>(LEVELS).fill(0),
  merged: Array<number>(LEVELS).fill(0),
};

/** Events of a run. */
export function runEvents(shape: IndexShape, level: number): number {
  return 2 ** (shape.runBits + level * shape.mergeBits);
}

/** The first bits of a hash that choose the bucket, and their count. */
export function bucketBits(shape: IndexShape, level: number): number {
  return shape.bucketBits + level * shape.mergeBits;
}

/** The number of the first run of a level that is not merged, or being merged. */
export function firstRun(shape: IndexShape, progress: IndexProgress, level: number): number {
  return (progress.made[level + 1] ?? 0) * 2 ** shape.mergeBits;
}

/** Runs of the level that wait to be merged are enough for a run of the next level. */
export function canMerge(shape: IndexShape, progress: IndexProgress, level: number): boolean {
  const waiting = (progress.made[level] ?? 0) - firstRun(shape, progress, level);
  return level < LEVELS - 1 && waiting >= 2 ** shape.mergeBits;
}

const HEADER = 3;

/** The entry's value. */
export function encodeProgress(shape: IndexShape, { made, merged }: IndexProgress): Uint8Array {
  const value = new Uint8Array(HEADER + 16 * LEVELS);
  value.set([shape.runBits, shape.bucketBits, shape.mergeBits]);
  for (let level = 0; level < LEVELS; level += 1) {
    writeU64(value, HEADER + 16 * level, made[level] ?? 0);
    writeU64(value, HEADER + 16 * level + 8, merged[level] ?? 0);
  }
  return value;
}

/** The same read back. Throws STORAGE_CORRUPT when it cannot be. */
export function decodeProgress(value: Uint8Array): { readonly shape: IndexShape; readonly progress: IndexProgress } {
  if (value.length !== HEADER + 16 * LEVELS) throw corrupt(`its progress has ${value.length} bytes`);
  const [runs = 0, buckets = 0, merges = 0] = value;
  const shape = { runBits: runs, bucketBits: buckets, mergeBits: merges };
  if (!isPossible(shape)) throw corrupt(`its form (${runs}, ${buckets}, ${merges}) is impossible`);
  const made: number[] = [];
  const merged: number[] = [];
  for (let at = HEADER; at < value.length; at += 16) {
    made.push(readU64(value, at));
    merged.push(readU64(value, at + 8));
  }
  const progress = { made, merged };
  for (let level = 0; level < LEVELS; level += 1) {
    const waiting = (made[level] ?? 0) - firstRun(shape, progress, level);
    const buckets = merged[level] ?? 0;
    const fits = buckets === 0 || (canMerge(shape, progress, level) && buckets < 2 ** bucketBits(shape, level));
    // Not a number fails as well.
    if (!(waiting >= 0) || !fits) throw corrupt(`its runs of level ${level} contradict each other`);
  }
  return { shape, progress };
}

/** For the makers of an index. */
export function assertPossible(shape: IndexShape): void {
  assert(isPossible(shape), () => `an index of the form ${JSON.stringify(shape)}`);
}

function isPossible({ runBits, bucketBits, mergeBits }: IndexShape): boolean {
  const most = (LEVELS - 1) * mergeBits;
  return bucketBits >= 1 && mergeBits >= 1 && runBits >= bucketBits && runBits + most <= 32;
}

function corrupt(reason: string): Error {
  return corruption('event id index', reason);
}
