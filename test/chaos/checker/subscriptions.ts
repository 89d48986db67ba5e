/**
 * The checks of what one subscription was delivered, over all its batches: no event is missing between two, none comes twice.
 * That each batch agrees with the log, demands.ts looks after.
 */
import type { ReadOp } from './history.ts';
import type { Violation } from './violation.ts';

/** A subscription's lines have one client, in the order of their delivery; its first tells where it begins. */
export function checkSubscriptions(deliveries: readonly ReadOp[]): Violation[] {
  const violations: Violation[] = [];
  const next = new Map<number | string, number>();
  for (const { line, number, from, ids } of deliveries) {
    const expected = next.get(line.client) ?? from;
    if (from !== expected) {
      const kind = from > expected ? 'subscription gap' : 'subscription duplicate';
      violations.push({
        kind,
        message: `line ${number}: subscription ${line.client} got ${from}, and ${expected} was next`,
      });
    }
    next.set(line.client, from + ids.length);
  }
  return violations;
}
