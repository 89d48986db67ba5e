/**
 * Which events of an append are wanted: runs of ordinals, flat as [from, to, from, to, …] with from < to, ascending, never
 * touching. A flat array, as one is made for every append that a filter looks at.
 */
import type { CompiledFilter } from '../../domain/compiled-filter.ts';
import { unreachable } from '../../lib/assert.ts';
import type { StoredAppend } from '../../storage/stored-append.ts';

export type Runs = readonly number[];

const NONE: Runs = [];

/** The runs of the events with ordinals from <= n < to that match the filter (null: all match). */
export function selectRuns(append: StoredAppend, from: number, to: number, filter: CompiledFilter | null): Runs {
  if (from >= to) return NONE;
  if (filter === null) return [from, to];
  switch (filter.scope) {
    case 'stream':
      return filter.test(append.streamId) ? [from, to] : NONE;
    case 'type':
      return collectRuns(from, to, (ordinal) => filter.test(append.facts(ordinal).type));
    case 'query':
      return collectRuns(from, to, (ordinal) => filter.test(append.facts(ordinal)));
    default:
      return unreachable(filter, 'filter');
  }
}

function collectRuns(from: number, to: number, wanted: (ordinal: number) => boolean): Runs {
  const runs: number[] = [];
  for (let ordinal = from; ordinal < to; ordinal++) if (wanted(ordinal)) extendRuns(runs, ordinal);
  return runs;
}

/** Adds an ordinal greater than all in `runs`. */
export function extendRuns(runs: number[], ordinal: number): void {
  if (runs.length > 0 && runs[runs.length - 1] === ordinal) runs[runs.length - 1] = ordinal + 1;
  else runs.push(ordinal, ordinal + 1);
}
