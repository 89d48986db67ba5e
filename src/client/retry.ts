/**
 * Trying again: how long to wait, and when to give up. Knows nothing of what is tried.
 */
import { delay, keepProcessAlive } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { randomFraction } from '../lib/random.ts';
import type { ClientSettings } from './client-options.ts';

/** Pauses between tries: each between half and all of a span that doubles, at random, so that clients do not come back together. */
export class Backoff {
  readonly #settings: ClientSettings;
  #span: number;

  constructor(settings: ClientSettings) {
    this.#settings = settings;
    this.#span = settings.firstBackoffMillis;
  }

  /** It works again: the next pause is a short one. */
  reset(): void {
    this.#span = this.#settings.firstBackoffMillis;
  }

  /** The next pause in milliseconds. */
  next(): number {
    const span = this.#span;
    this.#span = Math.min(span * 2, this.#settings.longestBackoffMillis);
    return span * (0.5 + randomFraction() / 2);
  }

  /** Waits for the next pause. Rejects with the signal's reason. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    return pause(this.#settings.clock, this.next(), signal);
  }
}

/** Waits. A program that waits for nothing else does not end meanwhile. Rejects with the signal's reason. */
export async function pause(clock: Clock, millis: number, signal: AbortSignal | undefined): Promise<void> {
  const release = keepProcessAlive();
  try {
    await delay(clock, millis, signal);
  } finally {
    release();
  }
}
