/**
 * The status of a cluster over time: now, and after changes. Changes in between may be left out. Knows only how to wait.
 */
import type { Clock } from '../lib/clock.ts';
import type { ClusterStatus } from './cluster-admin.ts';
import type { Leadership } from './leadership.ts';

/** Progress is told at most this often; changes of role and members at once. */
const INTERVAL_MILLIS = 1000;

/** The statuses that `source` gives, each different from the one before. Rejects with the signal's reason. */
export async function* watchStatus(
  source: { status(): ClusterStatus },
  leadership: Leadership,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<ClusterStatus> {
  let told = '';
  for (;;) {
    signal.throwIfAborted();
    const status = source.status();
    const text = JSON.stringify(status);
    if (text !== told) {
      told = text;
      yield status;
    }
    await nextChange(leadership, clock, signal);
  }
}

function nextChange(leadership: Leadership, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop();
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const stop = leadership.onChange(end);
    const cancel = clock.setTimer(INTERVAL_MILLIS, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
