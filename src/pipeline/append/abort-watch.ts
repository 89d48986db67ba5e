/**
 * Tells pending appends that their caller's signal was aborted. One listener for each signal, ever: a session passes the
 * same signal with thousands of appends, and a listener for each would be searched for one by one.
 */
import type { PendingAppend } from './pending-append.ts';

export class AbortWatch {
  readonly #watched = new WeakMap<AbortSignal, Set<PendingAppend>>();

  /** Abandons the append when the signal is aborted (at once, if it is already) before it has its answer. */
  watch(pending: PendingAppend, signal: AbortSignal): void {
    if (signal.aborted) {
      pending.abandon(signal.reason);
      return;
    }
    const appends = this.#watched.get(signal) ?? this.#listen(signal);
    appends.add(pending);
    pending.watchedIn = appends;
  }

  #listen(signal: AbortSignal): Set<PendingAppend> {
    const appends = new Set<PendingAppend>();
    this.#watched.set(signal, appends);
    signal.addEventListener(
      'abort',
      () => {
        // Answering takes the append out of the set: go over a copy.
        for (const pending of [...appends]) pending.abandon(signal.reason);
      },
      { once: true },
    );
    return appends;
  }
}
