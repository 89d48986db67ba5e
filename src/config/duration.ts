/**
 * Durations as people write them: `250ms`, `5s`, `1.5m`, `2h`. A bare number is refused, as nobody can tell its unit. Knows
 * no setting.
 */
import { formatWithUnit, parseWithUnit } from './unit.ts';
import type { Units } from './unit.ts';

const UNITS: Units = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** Milliseconds, a safe integer from 0, or null when the text is no duration or no whole number of milliseconds. */
export function parseDuration(text: string): number | null {
  return parseWithUnit(text, UNITS);
}

/** In the largest unit that gives a whole number, in a form that {@link parseDuration} reads back. */
export function formatDuration(millis: number): string {
  return formatWithUnit(millis, UNITS);
}
