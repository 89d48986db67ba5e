/**
 * A leader that is about to stop hands its office over first, in bounded time. Must not know why it stops.
 */
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ClusterAdmin } from './cluster-admin.ts';
import type { Leadership, LeadershipView } from './leadership.ts';

export interface HandOverParts {
  readonly member: LeadershipView;
  readonly leadership: Leadership;
  readonly admin: Pick<ClusterAdmin, 'transferLeadership'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Resolves when this member leads no more, has nobody to hand over to, or `millis` have passed. */
export async function handOver(
  { member, leadership, admin, clock, logger }: HandOverParts,
  millis: number,
): Promise<void> {
  const { voters } = member.configuration.confState;
  const leading = (): boolean => member.leading;
  if (!leading() || millis <= 0 || voters.length === 1) return;
  const over = new AbortController();
  const cancel = clock.setTimer(millis, () => {
    over.abort();
  });
  try {
    // One that leads but does not decide is about to, or is handing over already, or leads no more in a moment.
    const decides = (): boolean | null => leadership.hint.self || (leading() ? null : false);
    if (!(await leadership.until(decides, over.signal))) return;
    await admin.transferLeadership(null, over.signal);
    logger.info('leadership handed over', { leaderId: member.leaderId });
  } catch (error) {
    // Lost meanwhile: there is nothing to hand over.
    if (!leading()) return;
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn('leadership was not handed over', { reason });
  } finally {
    cancel();
  }
}
