/**
 * Numbers with a unit, as text: exact in both directions, without the rounding of floating point. Knows no unit of its own.
 */

/** Units by name, each with how many of the smallest it is; the largest first. */
export type Units = readonly (readonly [name: string, factor: number])[];

/** The number in the smallest unit; null when it is no safe integer, or the text no decimal number with one of the units. */
export function parseWithUnit(text: string, units: Units): number | null {
  const match = /^(\d{1,16})(?:\.(\d{1,6}))?\s*([A-Za-z]+)$/.exec(text.trim());
  const factor = units.find(([name]) => name === match?.[3])?.[1];
  if (!match || factor === undefined) return null;
  const fraction = match[2] ?? '';
  const part = (Number(fraction) * factor) / 10 ** fraction.length;
  const value = Number(match[1]) * factor + part;
  return Number.isInteger(part) && Number.isSafeInteger(value) ? value : null;
}

/** In the largest unit that gives a whole number. */
export function formatWithUnit(value: number, units: Units): string {
  const [name, factor] = units.find(([, size]) => value >= size && value % size === 0) ?? units.at(-1) ?? ['', 1];
  return `${value / factor}${name}`;
}
