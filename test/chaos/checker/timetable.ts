/**
 * Whether the operations can be given moments that explain their answers: the real-time half of linearizability.
 *
 * Why this is exact. The final log fixes the order of all writes: positions are part of what clients are told, so no other order
 * explains it. What is left is to choose a moment T(w) for each write with T(1) <= T(2) <= …, and for each operation that only
 * looked a moment t within its [call, ret] in one of its gaps. A gap range [low, high] contains moment t exactly when
 * T(low) <= t <= T(high + 1). Such a t exists exactly when T(low) <= ret and T(high + 1) >= call. So each operation turns into
 * one upper bound on one write's moment and one lower bound on another's; together with the chain they can be satisfied exactly
 * when, for each write, the greatest lower bound of it and all before it is not above its own upper bound. (Chosen as early
 * as possible, T(w) is that greatest bound.) Operations at equal moments overlap in time, as both intervals are closed, and may
 * be ordered as the log has it; those without effect within a gap are ordered by their moments. Hence the history is
 * linearizable if and only if the bounds can be met: one pass over the log.
 *
 * An operation with several separate gap ranges is an either-or: those that times do not decide are searched.
 */
import { defined } from '../../../src/lib/assert.ts';
import type { Demands, Observation } from './demands.ts';
import type { Gaps } from './log-order.ts';
import type { Violation, ViolationKind } from './violation.ts';

type Source = 'append' | 'read' | 'rejection';

interface Bound {
  readonly time: number;
  readonly source: Source;
  readonly line: number;
}

const never: Bound = { time: -Infinity, source: 'append', line: 0 };
const always: Bound = { time: Infinity, source: 'append', line: 0 };

/** Bounds of the moments of writes 1 to n; 0 is the beginning and n + 1 the end of time. */
class Bounds {
  readonly lower: Bound[];
  readonly upper: Bound[];

  constructor(lower: Bound[], upper: Bound[]) {
    this.lower = lower;
    this.upper = upper;
  }

  copy(): Bounds {
    return new Bounds([...this.lower], [...this.upper]);
  }

  raise(write: number, bound: Bound): void {
    if (bound.time > (this.lower[write]?.time ?? -Infinity)) this.lower[write] = bound;
  }

  reduce(write: number, bound: Bound): void {
    if (bound.time < (this.upper[write]?.time ?? Infinity)) this.upper[write] = bound;
  }

  add(observation: Observation, { low, high }: Gaps, last: number): void {
    const { what, number, call, ret } = observation;
    if (low >= 1) this.reduce(low, { time: ret, source: what, line: number });
    if (high < last) this.raise(high + 1, { time: call, source: what, line: number });
  }

  /** The pairs of bounds that contradict each other; none: the bounds can be met. At most `limit`. */
  conflicts(limit: number): (readonly [write: number, lower: Bound, upper: Bound])[] {
    const found: (readonly [number, Bound, Bound])[] = [];
    let greatest = never;
    for (let write = 1; write < this.lower.length && found.length < limit; write++) {
      const own = this.lower[write] ?? never;
      if (own.time > greatest.time) greatest = own;
      const upper = this.upper[write] ?? always;
      if (greatest.time <= upper.time) continue;
      found.push([write, greatest, upper]);
      greatest = never;
    }
    return found;
  }
}

const LONGEST_SEARCH = 1_000_000;

/** Looks for a timetable; what contradicts it otherwise, at most `limit` findings. */
export function checkTimetable(demands: Demands, last: number, limit = 20): Violation[] {
  const fill = (): Bound[] => Array.from({ length: last + 1 });
  const bounds = new Bounds(fill().fill(never), fill().fill(always));
  for (const { write, notBefore, notBeforeLine, notAfter, notAfterLine } of demands.writes) {
    bounds.raise(write.number, { time: notBefore, source: 'append', line: notBeforeLine });
    bounds.reduce(write.number, { time: notAfter, source: 'append', line: notAfterLine });
  }
  const open: Observation[] = [];
  for (const observation of demands.observations) {
    const [only, second] = observation.gaps;
    if (only !== undefined && second === undefined) bounds.add(observation, only, last);
    else open.push(observation);
  }
  const conflicts = bounds.conflicts(limit);
  if (conflicts.length > 0) return conflicts.map(([write, lower, upper]) => explain(write, lower, upper));
  const undecided: Observation[] = [];
  for (const observation of open) {
    const possible = observation.gaps.filter((gaps) => fits(bounds, observation, gaps, last));
    if (possible.length === 0) return [unexplained(observation)];
    if (possible.length === 1) bounds.add(observation, defined(possible[0], 'the one range'), last);
    else undecided.push({ ...observation, gaps: possible });
  }
  const budget = { left: LONGEST_SEARCH };
  const failed = search(bounds, undecided, 0, last, budget);
  return failed === null ? [] : [unexplained(failed)];
}

/** A choice of ranges that goes together with all else; null when there is one, else the deepest operation that has none. */
function search(
  bounds: Bounds,
  open: readonly Observation[],
  at: number,
  last: number,
  budget: { left: number },
): Observation | null {
  const observation = open[at];
  if (observation === undefined) return bounds.conflicts(1).length === 0 ? null : (open.at(-1) ?? null);
  let failed: Observation = observation;
  for (const gaps of observation.gaps) {
    if (--budget.left < 0) throw new Error('the history has too many either-ors to be judged');
    if (!fits(bounds, observation, gaps, last)) continue;
    const next = bounds.copy();
    next.add(observation, gaps, last);
    const deeper = search(next, open, at + 1, last, budget);
    if (deeper === null) return null;
    failed = deeper;
  }
  return failed;
}

function fits(bounds: Bounds, observation: Observation, gaps: Gaps, last: number): boolean {
  const trial = bounds.copy();
  trial.add(observation, gaps, last);
  return trial.conflicts(1).length === 0;
}

function unexplained({ number }: Observation): Violation {
  return { kind: 'wrong rejection', message: `line ${number}: no state within its time explains the answer` };
}

function explain(write: number, lower: Bound, upper: Bound): Violation {
  const message =
    `write ${write} of the log: not before ${lower.time} by line ${lower.line} (${lower.source}), ` +
    `not after ${upper.time} by line ${upper.line} (${upper.source})`;
  return { kind: kindOf(lower.source, upper.source), message };
}

/** A lower bound says "not yet there", an upper bound "there". */
function kindOf(lower: Source, upper: Source): ViolationKind {
  if (lower === 'rejection' || upper === 'rejection') return 'wrong rejection';
  if (lower === 'read') return upper === 'read' ? 'reads go back' : 'stale read';
  return upper === 'read' ? 'early read' : 'order against real time';
}
