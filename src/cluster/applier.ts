/**
 * Applies committed entries to the state, in order and off the way of the appends: what has accumulated while a batch was
 * being applied is the next batch.
 *
 * Invariants: one batch at a time; `appliedIndex` and `appliedEnd` move, and listeners are called, in the same turn; a
 * failure is final. Its owner bounds the backlog: see {@link Applier.room}. Must not know where entries come from.
 */
import { assert } from '../lib/assert.ts';
import { ThresholdWaiters } from '../lib/threshold-waiters.ts';
import type { EventState, StateEntry } from '../storage/event-state/event-state.ts';
import type { AppliedListener } from '../storage/store.ts';
import type { StoredAppend } from '../storage/stored-append.ts';

export interface ApplierOptions {
  /** Entries of one batch are at most so many bytes and appends, or one entry. */
  readonly maxBatchBytes: number;
  readonly maxBatchAppends: number;
  /** Bytes of entries that may wait before {@link Applier.room} holds callers back. */
  readonly maxBacklogBytes: number;
}

const MiB = 1024 * 1024;
export const DEFAULT_APPLIER_OPTIONS: ApplierOptions = {
  maxBatchBytes: 4 * MiB,
  maxBatchAppends: 4096,
  maxBacklogBytes: 64 * MiB,
};

export class Applier {
  readonly #state: EventState;
  readonly #options: ApplierOptions;
  readonly #onFailed: (error: unknown) => void;
  readonly #indexes: ThresholdWaiters;
  readonly #ends: ThresholdWaiters;
  /** Counts bytes applied, so that waiting for room is waiting for a threshold. */
  readonly #appliedBytes = new ThresholdWaiters(0);
  readonly #listeners = new Set<AppliedListener>();
  #backlog: StateEntry[] = [];
  #acceptedBytes = 0;
  #lastIndex: number;
  #running: Promise<void> | null = null;
  #failed = false;

  /** @param onFailed Called once, with the error of the apply that failed. */
  constructor(state: EventState, onFailed: (error: unknown) => void, options: Partial<ApplierOptions> = {}) {
    this.#state = state;
    this.#options = { ...DEFAULT_APPLIER_OPTIONS, ...options };
    this.#onFailed = onFailed;
    this.#indexes = new ThresholdWaiters(state.appliedIndex);
    this.#ends = new ThresholdWaiters(state.appliedEnd);
    this.#lastIndex = state.appliedIndex;
  }

  /** Index of the last entry whose effects are visible. */
  get appliedIndex(): number {
    return this.#indexes.value;
  }

  /** Count of events that are visible. */
  get appliedEnd(): number {
    return this.#ends.value;
  }

  /** Bytes of the entries that are not applied yet. */
  get backlogBytes(): number {
    return this.#acceptedBytes - this.#appliedBytes.value;
  }

  /** Takes the next entries. They follow those taken before. */
  push(entries: readonly StateEntry[]): void {
    for (const entry of entries) {
      assert(entry.index === this.#lastIndex + 1, () => `entry ${entry.index} to be applied after ${this.#lastIndex}`);
      this.#lastIndex = entry.index;
      this.#acceptedBytes += bytesOf(entry);
      this.#backlog.push(entry);
    }
    if (this.#running === null && !this.#failed) this.#running = this.#run();
  }

  /** Resolves when the backlog is within its bound. Rejects as {@link fail} says. */
  room(): Promise<void> {
    return this.#appliedBytes.wait(this.#acceptedBytes - this.#options.maxBacklogBytes);
  }

  /** Resolves when the entry at `index` is applied. Rejects with the signal's reason, or as {@link fail} says. */
  waitForIndex(index: number, signal?: AbortSignal): Promise<void> {
    return this.#indexes.wait(index, signal);
  }

  /** Resolves when `appliedEnd` is at least `end`. Rejects likewise. */
  waitForEnd(end: number, signal?: AbortSignal): Promise<void> {
    return this.#ends.wait(end, signal);
  }

  /** See Store.onApplied. */
  onApplied(listener: AppliedListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Resolves when everything taken is applied, or the applier failed. */
  async drain(): Promise<void> {
    await this.#running;
  }

  /** Nothing will be applied any more: whoever waits gets `error`. */
  fail(error: Error): void {
    this.#failed = true;
    for (const waiters of [this.#indexes, this.#ends, this.#appliedBytes]) waiters.fail(error);
  }

  async #run(): Promise<void> {
    try {
      while (this.#backlog.length > 0) await this.#applyBatch();
    } catch (error) {
      this.#failed = true;
      this.#onFailed(error);
    }
    this.#running = null;
  }

  async #applyBatch(): Promise<void> {
    const batch = this.#takeBatch();
    await this.#state.apply(batch);
    const appends: StoredAppend[] = [];
    let bytes = 0;
    for (const entry of batch) {
      bytes += bytesOf(entry);
      if (entry.group !== null) for (const append of entry.group.appends) appends.push(append);
    }
    const last = appends.at(-1);
    // Whoever waits goes on in a later turn, and finds the listeners told.
    if (last !== undefined) this.#ends.advance(last.firstPosition + last.count);
    if (appends.length > 0) for (const listener of this.#listeners) listener(appends);
    this.#indexes.advance(this.#state.appliedIndex);
    this.#appliedBytes.advance(this.#appliedBytes.value + bytes);
  }

  #takeBatch(): StateEntry[] {
    const { maxBatchBytes, maxBatchAppends } = this.#options;
    let bytes = 0;
    let appends = 0;
    let count = 0;
    for (const entry of this.#backlog) {
      bytes += bytesOf(entry);
      appends += entry.group?.appends.length ?? 0;
      if (count > 0 && (bytes > maxBatchBytes || appends > maxBatchAppends)) break;
      count += 1;
    }
    return this.#backlog.splice(0, count);
  }
}

function bytesOf(entry: StateEntry): number {
  return entry.group?.bytes.length ?? 0;
}
