/**
 * Broken invariants end the process: going on would write the damage to disk. Knows nothing of what it guards.
 */

/** An invariant of ours does not hold. Never caught to go on; the process reports it and ends. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** Throws {@link InvariantViolation} unless `condition` holds. The message says what was expected, with the numbers. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantViolation(typeof message === 'string' ? message : message());
}

/** Marks a place that the types prove unreachable. */
export function unreachable(value: never, what: string): never {
  throw new InvariantViolation(`unreachable: ${what} ${String(value)}`);
}

/** The value, which is known to be there. Throws {@link InvariantViolation} when it is not. */
export function defined<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new InvariantViolation(`expected ${what}`);
  return value;
}
