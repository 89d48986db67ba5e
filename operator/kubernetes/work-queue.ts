/**
 * Keys that wait to be worked on: each at most once, each by one worker at a time, failed ones again after waits that double.
 * The way of client-go's work queue.
 *
 * Invariants: a key that is added while it is being worked on is worked on once more afterwards. A key waits for one time at most, the
 * earliest that was asked for. Bounded by the number of keys, which are those of objects that exist.
 */
import type { Clock } from '../../src/lib/clock.ts';
import { backoffMillis } from './backoff.ts';
import type { BackoffRange } from './backoff.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Waits after failures. */
  readonly backoff: BackoffRange;
}

/** A queue of keys. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** In the order in which they are worked on. */
  readonly #ready = new Set<string>();
  readonly #busy = new Set<string>();
  /** Added while busy. */
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** How many keys could be worked on now. */
  get depth(): number {
    return this.#ready.size + this.#again.size;
  }

  /** How many keys wait for their time. */
  get delayed(): number {
    return this.#timers.size;
  }

  /** As soon as possible. */
  add(key: string): void {
    if (this.#closed) return;
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
    if (this.#busy.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#ready.add(key);
    this.#idle.shift()?.();
  }

  /** In `millis`, or earlier if that was asked for already. */
  addAfter(key: string, millis: number): void {
    if (this.#closed || this.#ready.has(key) || this.#again.has(key)) return;
    if (millis <= 0) {
      this.add(key);
      return;
    }
    const at = this.#options.clock.monotonicMillis() + millis;
    const waiting = this.#timers.get(key);
    if (waiting !== undefined && waiting.at <= at) return;
    waiting?.cancel();
    const cancel = this.#options.clock.setTimer(millis, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { at, cancel });
  }

  /** After a failure: later from time to time. Returns the wait in milliseconds. */
  retry(key: string): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const wait = backoffMillis(this.#options.backoff, failures, this.#options.random());
    this.addAfter(key, wait);
    return wait;
  }

  /** It worked: the next failure is the first again. */
  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  /**
   * Works on keys, up to `workers` at a time, until the signal is aborted; resolves when the work at hand is done. `work` must not reject:
   * what comes of a failure is its own matter ({@link retry}).
   */
  async run(workers: number, work: (key: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#close();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      await Promise.all(Array.from({ length: workers }, () => this.#work(work)));
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #work(work: (key: string) => Promise<void>): Promise<void> {
    for (;;) {
      const key = await this.#take();
      if (key === null) return;
      try {
        await work(key);
      } finally {
        this.#busy.delete(key);
        if (this.#again.delete(key)) this.add(key);
      }
    }
  }

  /** The next key, marked as busy; null: the queue is closed. */
  async #take(): Promise<string | null> {
    for (;;) {
      if (this.#closed) return null;
      const [key] = this.#ready;
      if (key !== undefined) {
        this.#ready.delete(key);
        this.#busy.add(key);
        return key;
      }
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
      });
    }
  }

  #close(): void {
    this.#closed = true;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#ready.clear();
    this.#again.clear();
    const idle = this.#idle;
    this.#idle = [];
    for (const wake of idle) wake();
  }
}
