/**
 * One pass over appends of the store, in either direction: picks the events in bounds that match, and puts them into batches.
 * Reads and the catch-up of subscriptions are made of it. Holds one chunk of the store and one batch at a time, and reads on
 * only when it is asked to; ending it early releases the store's iterator.
 */
import type { CompiledFilter } from '../../domain/compiled-filter.ts';
import { limits } from '../../domain/limits.ts';
import { defined } from '../../lib/assert.ts';
import { yieldToEventLoop } from '../../lib/clock.ts';
import type { ReadDirection } from '../../storage/store.ts';
import type { StoredAppend } from '../../storage/stored-append.ts';
import type { EventBatch } from '../event-pipeline.ts';
import { BatchBuilder } from './batch-builder.ts';
import { type Runs, selectRuns } from './selection.ts';

export interface ScanPlan {
  /** Begins the pass over the store. Called once, when the first step is asked for. */
  readonly open: () => AsyncIterable<readonly StoredAppend[]>;
  readonly direction: ReadDirection;
  /** What `from` counts. */
  readonly by: 'position' | 'revision';
  /** The first event wanted, inclusive, in the direction of the scan. */
  readonly from: number;
  /** Forwards: ends before this position. Null: no end. */
  readonly untilPosition: number | null;
  /** Ends after so many events. Null: no limit. */
  readonly limit: number | null;
  readonly filter: CompiledFilter | null;
  readonly maxBatchBytes: number;
}

/** `batch` is null when a chunk of the store had nothing that matches. `looked`: the position of the last event looked at. */
export interface ScanStep {
  readonly batch: EventBatch | null;
  readonly looked: number;
}

/** A forwards scan of everything, for plans that differ in a few fields only. */
export const wholeScan = {
  direction: 'forwards',
  by: 'position',
  from: 0,
  untilPosition: null,
  limit: null,
  filter: null,
  maxBatchBytes: limits.responseBytes,
} as const satisfies Omit<ScanPlan, 'open'>;

/** Scans. A step is made when it is asked for; where nothing matches, the event loop runs between the steps. */
export async function* scan(plan: ScanPlan): AsyncGenerator<ScanStep, void, undefined> {
  if (plan.limit === 0) return;
  const chunkScan = new ChunkScan(plan);
  const source = plan.open()[Symbol.asyncIterator]();
  try {
    for (;;) {
      const chunk = await source.next();
      if (chunk.done === true) return;
      let matched = false;
      for (const step of chunkScan.steps(chunk.value)) {
        matched ||= step.batch !== null;
        yield step;
      }
      if (chunkScan.ended) return;
      if (!matched) await yieldToEventLoop();
    }
  } finally {
    await source.return?.();
  }
}

/** The part of a scan that does not wait. */
class ChunkScan {
  readonly #plan: ScanPlan;
  readonly #builder: BatchBuilder;
  #remaining: number;
  /** The bound of the plan was reached: there is nothing more to read. */
  ended = false;

  constructor(plan: ScanPlan) {
    this.#plan = plan;
    this.#builder = new BatchBuilder(plan.maxBatchBytes);
    this.#remaining = plan.limit ?? Number.MAX_SAFE_INTEGER;
  }

  /** The steps over one chunk: full batches, then what is left of it (nothing is kept back for the next chunk). */
  *steps(chunk: readonly StoredAppend[]): Generator<ScanStep, void, undefined> {
    let looked: number | null = null;
    for (const append of chunk) {
      const { untilPosition } = this.#plan;
      if (untilPosition !== null && append.firstPosition >= untilPosition) {
        this.ended = true;
        break;
      }
      yield* this.#take(append);
      looked = this.#lastLooked(append);
      if (this.ended) break;
    }
    if (looked !== null) yield { batch: this.#builder.take(), looked };
  }

  *#take(append: StoredAppend): Generator<ScanStep, void, undefined> {
    const runs = this.#runs(append);
    const forwards = this.#plan.direction === 'forwards';
    for (let pair = 0; pair < runs.length && !this.ended; pair += 2) {
      const at = forwards ? pair : runs.length - 2 - pair;
      let from = defined(runs[at], 'the start of a run');
      let to = defined(runs[at + 1], 'the end of a run');
      if (to - from > this.#remaining) {
        if (forwards) to = from + this.#remaining;
        else from = to - this.#remaining;
      }
      this.#remaining -= to - from;
      this.ended = this.#remaining === 0;
      while (from < to) {
        if (forwards) from = this.#builder.add(append, from, to);
        else to = this.#builder.addReversed(append, from, to);
        const batch = this.#builder.isFull() ? this.#builder.take() : null;
        if (batch !== null) yield { batch, looked: batch.lastPosition };
      }
    }
  }

  /** The events of the append in bounds that match. */
  #runs(append: StoredAppend): Runs {
    const { direction, by, from, untilPosition, filter } = this.#plan;
    const offset = from - (by === 'position' ? append.firstPosition : append.firstRevision);
    if (direction === 'backwards') return selectRuns(append, 0, Math.min(append.count, offset + 1), filter);
    const end = untilPosition === null ? append.count : Math.min(append.count, untilPosition - append.firstPosition);
    return selectRuns(append, Math.max(0, offset), end, filter);
  }

  #lastLooked(append: StoredAppend): number {
    if (this.#plan.direction === 'backwards') return append.firstPosition;
    const last = append.firstPosition + append.count - 1;
    return this.#plan.untilPosition === null ? last : Math.min(last, this.#plan.untilPosition - 1);
  }
}
