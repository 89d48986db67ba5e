/**
 * Turns time into ticks. A process that stood still (SIGSTOP, a sleeping laptop, a blocked event loop) must not take its own pause for
 * its leader's silence: messages that came meanwhile are still to be read. So after a pause of half an election timeout a single tick
 * is given, and before that no more than half an election timeout's at once.
 */
import type { CancelTimer, Clock } from '../lib/clock.ts';

export class TickTimer {
  readonly #clock: Clock;
  readonly #tickMillis: number;
  readonly #most: number;
  readonly #tick: (count: number) => void;
  #last: number;
  #cancel: CancelTimer | null = null;
  #stopped = false;

  /** @param tick Called with the number of ticks that are due, at least 1. */
  constructor(clock: Clock, tickMillis: number, electionTicks: number, tick: (count: number) => void) {
    this.#clock = clock;
    this.#tickMillis = tickMillis;
    this.#most = Math.max(1, Math.floor(electionTicks / 2));
    this.#tick = tick;
    this.#last = clock.monotonicMillis();
  }

  start(): void {
    this.#last = this.#clock.monotonicMillis();
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(): void {
    if (this.#stopped) return;
    const wait = Math.max(1, this.#last + this.#tickMillis - this.#clock.monotonicMillis());
    this.#cancel = this.#clock.setTimer(wait, () => {
      this.#fire();
    });
  }

  #fire(): void {
    const now = this.#clock.monotonicMillis();
    const due = Math.floor((now - this.#last) / this.#tickMillis);
    if (due > this.#most) {
      this.#last = now;
      this.#tick(1);
    } else if (due > 0) {
      this.#last += due * this.#tickMillis;
      this.#tick(due);
    }
    this.#arm();
  }
}
