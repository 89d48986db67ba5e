/**
 * The first stage of a read: waits until this member's state is as fresh as the caller asked for.
 */
import { StoreError } from '../../domain/errors.ts';
import { unreachable } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import { withAnySignal, withDeadline } from '../../lib/deadline.ts';
import type { Store } from '../../storage/store.ts';
import type { Contact } from '../contact.ts';
import { outOfTouch } from '../contact.ts';
import type { ReadConsistency } from '../event-pipeline.ts';

/** What freshness is found out with. */
export interface ConsistencyParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly contact: Contact;
  readonly waitMillis: number;
}

/**
 * Resolves when the store may be read. Rejects with NOT_SERVING as soon as this member is out of touch with the others, with
 * DEADLINE_EXCEEDED after `waitMillis`, and with the signal's reason when it is aborted.
 */
export async function awaitConsistency(
  parts: ConsistencyParts,
  consistency: ReadConsistency,
  signal: AbortSignal,
): Promise<void> {
  const { store } = parts;
  switch (consistency.kind) {
    case 'local':
      return;
    case 'at-least': {
      const { position } = consistency;
      if (store.appliedEnd > position) return;
      const waiting = `position ${position}, of which this member has applied ${store.appliedEnd}`;
      await bounded(parts, waiting, signal, (own) => store.waitForApplied(position + 1, own));
      return;
    }
    case 'linearizable':
      await bounded(parts, 'the newest acknowledged state', signal, (own) => store.readBarrier(own));
      return;
    default:
      unreachable(consistency, 'read consistency');
  }
}

async function bounded(
  { clock, contact, waitMillis }: ConsistencyParts,
  waiting: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const expired = (): StoreError => {
    const reason = `waited ${waitMillis} ms for ${waiting}`;
    const advice = 'another member may have it';
    return new StoreError('DEADLINE_EXCEEDED', `the read ${reason}: ${advice}`, { reason });
  };
  const left = new AbortController();
  const look = (): void => {
    if (contact.state !== 'in-touch') left.abort(outOfTouch(`it cannot find out about ${waiting}`));
  };
  const stop = contact.onChange(look);
  try {
    look();
    await withAnySignal([signal, left.signal], (either) => withDeadline(clock, waitMillis, either, expired, work));
  } finally {
    stop();
  }
}
