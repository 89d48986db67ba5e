/**
 * Waits that end: by their result, by a deadline or by an abort. Knows nothing of what is waited for.
 */
import type { Clock } from './clock.ts';

/**
 * The result of `work`, which gets a signal that is aborted as soon as one of `signals` is, with its reason.
 *
 * Instead of `AbortSignal.any`, which holds its sources weakly: a combined signal that nobody listens to never learns of the abort of a
 * source that is collected before it is asked, and one whose listener is never removed is kept for ever, with all that it reaches.
 */
export async function withAnySignal<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stops = signals.map((signal) => {
    const abort = (): void => {
      controller.abort(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    return () => {
      signal.removeEventListener('abort', abort);
    };
  });
  try {
    return await work(controller.signal);
  } finally {
    for (const stop of stops) stop();
  }
}

/**
 * The result of `work`, which gets a signal that is aborted when the wait ends early. Rejects with the signal's reason when
 * `signal` is aborted, and with what `expired` makes after `millis`, whether or not `work` heeds its signal.
 */
export function withDeadline<T>(
  clock: Clock,
  millis: number,
  signal: AbortSignal,
  expired: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      cancel();
      signal.removeEventListener('abort', abort);
    };
    const fail = (reason: Error): void => {
      settle();
      reject(reason);
      controller.abort(reason);
    };
    const abort = (): void => {
      fail(signal.reason as Error);
    };
    const cancel = clock.setTimer(millis, () => {
      fail(expired());
    });
    signal.addEventListener('abort', abort, { once: true });
    work(controller.signal).then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
