/**
 * Time that passes only when the test says so.
 */
import type { CancelTimer, Clock } from '../../src/lib/clock.ts';

export class ManualClock implements Clock {
  micros = 1_700_000_000_000_000;
  #millis = 0;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  nowMicros(): number {
    return this.micros;
  }

  monotonicMillis(): number {
    return this.#millis;
  }

  setTimer(millis: number, callback: () => void): CancelTimer {
    const timer = { at: this.#millis + millis, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Lets time pass, and fires what becomes due, in order. */
  advance(millis: number): void {
    const end = this.#millis + millis;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#millis = Math.max(this.#millis, due.at);
      due.callback();
    }
    this.micros += (end - this.#millis) * 1000;
    this.#millis = end;
  }

  /** Lets time pass at once, as a process that stood still sees it: what became due meanwhile fires after it. */
  jump(millis: number): void {
    this.#millis += millis;
    this.micros += millis * 1000;
    this.advance(0);
  }
}
