/**
 * The first stage of a read: waits until this member's state is as fresh as the caller asked for.
 */
import { StoreError } from '../../domain/errors.ts';
import { unreachable } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { Store } from '../../storage/store.ts';
import type { ReadConsistency } from '../event-pipeline.ts';

/**
 * Resolves when the store may be read. Rejects with DEADLINE_EXCEEDED after `waitMillis`, and with the signal's reason when it
 * is aborted.
 */
export async function awaitConsistency(
  store: Store,
  clock: Clock,
  consistency: ReadConsistency,
  waitMillis: number,
  signal: AbortSignal,
): Promise<void> {
  switch (consistency.kind) {
    case 'local':
      return;
    case 'at-least': {
      const { position } = consistency;
      if (store.appliedEnd > position) return;
      const waiting = `position ${position}, of which this member has applied ${store.appliedEnd}`;
      await withDeadline(clock, waitMillis, signal, expired(waitMillis, waiting), (own) =>
        store.waitForApplied(position + 1, own),
      );
      return;
    }
    case 'linearizable':
      await withDeadline(clock, waitMillis, signal, expired(waitMillis, 'the newest acknowledged state'), (own) =>
        store.readBarrier(own),
      );
      return;
    default:
      unreachable(consistency, 'read consistency');
  }
}

function expired(waitMillis: number, waiting: string): () => StoreError {
  return () => {
    const reason = `waited ${waitMillis} ms for ${waiting}`;
    return new StoreError('DEADLINE_EXCEEDED', `the read ${reason}`, { reason });
  };
}
