/**
 * Measures: what each operation took, and what that comes to. Knows nothing of what is measured.
 */
import type { Clock } from '../../lib/clock.ts';

/** What a workload came to. Latencies in milliseconds, of one operation (an append, or one message read). */
export interface Measurement {
  readonly events: number;
  readonly operations: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly meanMillis: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
}

/** Gathers durations from its making to {@link finish}. Keeps 8 bytes for each. */
export class Meter {
  readonly #clock: Clock;
  readonly #startedAt: number;
  #millis = new Float64Array(4096);
  #operations = 0;
  #events = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.monotonicMillis();
  }

  /** Milliseconds since the start. */
  get elapsed(): number {
    return this.#clock.monotonicMillis() - this.#startedAt;
  }

  /** The time now, to be given to {@link record} when the operation is over. */
  now(): number {
    return this.#clock.monotonicMillis();
  }

  /** An operation that began at `startedAt` is over and brought so many events. */
  record(startedAt: number, events: number): void {
    if (this.#operations === this.#millis.length) {
      const grown = new Float64Array(this.#millis.length * 2);
      grown.set(this.#millis);
      this.#millis = grown;
    }
    this.#millis[this.#operations++] = this.#clock.monotonicMillis() - startedAt;
    this.#events += events;
  }

  /** What it comes to by now. */
  finish(): Measurement {
    const seconds = this.elapsed / 1000;
    const sorted = this.#millis.subarray(0, this.#operations).sort();
    const sum = sorted.reduce((total, millis) => total + millis, 0);
    return {
      events: this.#events,
      operations: this.#operations,
      seconds: round(seconds),
      eventsPerSecond: Math.round(this.#events / seconds),
      meanMillis: round(sum / Math.max(1, this.#operations)),
      p50Millis: round(quantile(sorted, 0.5)),
      p99Millis: round(quantile(sorted, 0.99)),
    };
  }
}

/** The smallest value that at least the share `q` of the sorted values does not exceed; 0 when there is none. */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
