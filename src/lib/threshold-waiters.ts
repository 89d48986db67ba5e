/**
 * Waiting until a number that only grows has reached a value. Many may wait; a wait can be aborted. Knows nothing of what the
 * number means.
 */

interface Waiter {
  readonly threshold: number;
  readonly settle: (error: Error | null) => void;
}

export class ThresholdWaiters {
  readonly #waiters = new Set<Waiter>();
  #value: number;
  #failure: Error | null = null;

  constructor(value: number) {
    this.#value = value;
  }

  /** The number, as last told. */
  get value(): number {
    return this.#value;
  }

  /** Resolves when the number is at least `threshold`. Rejects with the signal's reason, or as {@link fail} says. */
  wait(threshold: number, signal?: AbortSignal): Promise<void> {
    if (this.#value >= threshold) return Promise.resolve();
    const refusal = this.#failure ?? (signal?.aborted === true ? (signal.reason as Error) : null);
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        waiter.settle(signal?.reason as Error);
      };
      const waiter: Waiter = {
        threshold,
        settle: (error) => {
          this.#waiters.delete(waiter);
          signal?.removeEventListener('abort', abort);
          if (error === null) resolve();
          else reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** The number is `value` now; those who waited for it go on. */
  advance(value: number): void {
    this.#value = value;
    for (const waiter of this.#waiters) if (waiter.threshold <= value) waiter.settle(null);
  }

  /** The number will not grow any more: whoever waits, now or later, for more than it is gets `error`. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters) waiter.settle(error);
  }
}
