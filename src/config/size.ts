/**
 * Sizes as people write them: `64MiB`, `1.5GiB`, `4096`. Binary units only, because `64MB` means two things. Knows no setting.
 */
import { formatWithUnit, parseWithUnit } from './unit.ts';
import type { Units } from './unit.ts';

const UNITS: Units = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
];

/** Bytes, a safe integer from 0, or null when the text is no size or no whole number of bytes. A bare number is bytes. */
export function parseSize(text: string): number | null {
  return parseWithUnit(/^\s*\d+\s*$/.test(text) ? `${text.trim()}B` : text, UNITS);
}

/** In the largest unit that gives a whole number, in a form that {@link parseSize} reads back. */
export function formatSize(bytes: number): string {
  return formatWithUnit(bytes, UNITS);
}
