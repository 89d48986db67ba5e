/**
 * Waits that end: by their result, by a deadline or by an abort. Knows nothing of what is waited for.
 */
import type { Clock } from './clock.ts';

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
