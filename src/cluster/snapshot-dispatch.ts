/**
 * Snapshots on their way to a follower, and the core told what became of each (it waits for that). Must not know how they are received.
 */
import type { Message } from '../raft/messages.ts';
import { decodeSnapshotFacts } from './configuration.ts';
import type { MemberParts } from './member-parts.ts';
import type { RaftDriver } from './raft-driver.ts';
import { snapshotSource } from './snapshot-source.ts';

type Parts = Pick<MemberParts, 'transport' | 'state' | 'settings' | 'observer' | 'logger'>;

/** Begins to send it. The driver hears how it ended, unless the signal ended it. Never throws. */
export function dispatchSnapshot(
  { transport, state, settings, observer, logger }: Parts,
  driver: Pick<RaftDriver, 'reportSnapshot'>,
  message: Message,
  signal: AbortSignal,
): void {
  if (transport === null || message.snapshot === null) return;
  const { nextPosition } = decodeSnapshotFacts(message.snapshot.data);
  const source = snapshotSource(state, nextPosition, settings.snapshotChunkBytes);
  transport.sendSnapshot(message, source, signal).then(
    () => {
      observer.snapshotTransferred('sent', 'completed', nextPosition);
      driver.reportSnapshot(message.to, 'finished');
    },
    (error: unknown) => {
      if (signal.aborted) return;
      observer.snapshotTransferred('sent', 'failed', nextPosition);
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn('a snapshot could not be sent; it will be tried again', { to: message.to, reason });
      driver.reportSnapshot(message.to, 'failed');
    },
  );
}
