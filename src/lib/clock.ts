/**
 * Time, as a thing that is passed in: the only file that reads the real clock or starts a real timer.
 */

/** Stops a timer. Calling it again, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/** A source of time. Real in production, simulated in tests. */
export interface Clock {
  /** Wall clock, microseconds since the epoch. May go back. */
  nowMicros(): number;
  /** Milliseconds from an arbitrary start, never going back. */
  monotonicMillis(): number;
  /** Calls `callback` once, no earlier than `millis` from now. Does not keep the process alive. */
  setTimer(millis: number, callback: () => void): CancelTimer;
}

/** Node's own timers end a longer wait at once: it has 31 bits. */
const LONGEST_TIMEOUT_MILLIS = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  nowMicros: () => Date.now() * 1000,
  monotonicMillis: () => performance.now(),
  setTimer: (millis, callback) => {
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      timer = setTimeout(
        () => {
          if (left > LONGEST_TIMEOUT_MILLIS) wait(left - LONGEST_TIMEOUT_MILLIS);
          else callback();
        },
        Math.min(left, LONGEST_TIMEOUT_MILLIS),
      );
      timer.unref();
    };
    wait(millis);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `millis`; rejects with the signal's reason when it is aborted first. */
export function delay(clock: Clock, millis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.setTimer(millis, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Lets the event loop run other work (I/O included) before it goes on. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Keeps the process alive, which timers of a {@link Clock} do not, until the returned function is called. */
export function keepProcessAlive(): () => void {
  const timer = setInterval(() => undefined, 2 ** 30);
  return () => {
    clearInterval(timer);
  };
}
