/**
 * The runs of an event id index that are to be looked into, given how far it is built. While runs are being merged, the buckets
 * that are done are in the new run, the others still in the old ones.
 */
import { bucketBits, firstRun, LEVELS, runEvents } from './index-shape.ts';
import type { IndexProgress, IndexShape } from './index-shape.ts';

export interface LiveRun {
  readonly level: number;
  /** Its number in the level. */
  readonly run: number;
  /** A number of its own among all runs ever. */
  readonly id: number;
  /** Its first position, and the one after its last. */
  readonly first: number;
  readonly end: number;
  /** By how much to shift a hash's high half to the right to get the bucket. */
  readonly shift: number;
  /** The buckets it has: fromBucket <= bucket < toBucket. */
  readonly fromBucket: number;
  readonly toBucket: number;
}

/** All of them: every event of a run has exactly one that has its bucket. */
export function liveRuns(shape: IndexShape, progress: IndexProgress): LiveRun[] {
  const runs: LiveRun[] = [];
  for (let level = 0; level < LEVELS; level += 1) {
    const merged = progress.merged[level] ?? 0;
    const first = firstRun(shape, progress, level);
    const buckets = 2 ** bucketBits(shape, level);
    for (let run = first; run < (progress.made[level] ?? 0); run += 1) {
      const beingMerged = run < first + 2 ** shape.mergeBits;
      runs.push(liveRun(shape, level, run, beingMerged ? merged : 0, buckets));
    }
    if (merged > 0) {
      runs.push(liveRun(shape, level + 1, progress.made[level + 1] ?? 0, 0, merged * 2 ** shape.mergeBits));
    }
  }
  return runs;
}

/** A number that only this run has. */
export function runId(level: number, run: number): number {
  return run * LEVELS + level;
}

function liveRun(shape: IndexShape, level: number, run: number, fromBucket: number, toBucket: number): LiveRun {
  const events = runEvents(shape, level);
  return {
    level,
    run,
    id: runId(level, run),
    first: run * events,
    end: (run + 1) * events,
    shift: 32 - bucketBits(shape, level),
    fromBucket,
    toBucket,
  };
}
