/**
 * How long to wait before something is tried again: doubling from `first` to `longest`, each wait between half and all of that, so that those
 * who failed together do not come back together.
 */

/** Waits in milliseconds. */
export interface BackoffRange {
  readonly first: number;
  readonly longest: number;
}

/** The wait after `failures` (from 1 on) failures in a row. `fraction`: from 0 up to 1, at random. */
export function backoffMillis({ first, longest }: BackoffRange, failures: number, fraction: number): number {
  const span = Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
  return (span / 2) * (1 + fraction);
}
