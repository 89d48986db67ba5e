/**
 * What a checker finds: a kind for tables and tests, and a text for people. Knows nothing else.
 */

/** The kinds of things that must not be. */
export type ViolationKind =
  /** Positions of a replica are not 0, 1, 2, … */
  | 'positions not dense'
  /** Revisions of a stream are not 0, 1, 2, … */
  | 'revisions not gap-free'
  | 'duplicate event'
  | 'time goes back'
  | 'replicas differ'
  /** An event that nobody appended. */
  | 'invented event'
  /** An append's events are not together, or not in their order, or not all there. */
  | 'torn append'
  | 'lost append'
  /** The answer names other revisions than the log. */
  | 'wrong answer'
  /** An append took place although its stream was not at the expected version, or its condition failed. */
  | 'wrong acceptance'
  /** An append was refused, and no state in its time explains that. */
  | 'wrong rejection'
  /** An append was refused and took place all the same. */
  | 'rejected append in log'
  /** Two answers say that they, and not an earlier attempt, appended the same events. */
  | 'appended twice'
  /** A read or a delivery has other events than the log. */
  | 'wrong content'
  | 'stale read'
  /** Something was read before it was appended. */
  | 'early read'
  /** Two reads of which the later one has seen less. */
  | 'reads go back'
  /** The log's order contradicts the order in which appends were made. */
  | 'order against real time'
  | 'subscription gap'
  | 'subscription duplicate';

/** One finding. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly message: string;
}
