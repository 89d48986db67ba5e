/**
 * Chance: the only file that asks the runtime for it. For spreading things out, never for secrets or identities.
 */

/** A number from 0 up to, not including, 1. */
export function randomFraction(): number {
  return Math.random();
}
