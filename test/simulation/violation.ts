/**
 * A broken promise of the system under test, found by a check. Knows nothing of how it was found.
 */

export class Violation extends Error {
  override readonly name = 'Violation';
  /** Which promise. */
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

/** Throws a {@link Violation} of `invariant` unless `holds`. */
export function ensure(holds: boolean, invariant: string, message: () => string): asserts holds {
  if (!holds) throw new Violation(invariant, message());
}
