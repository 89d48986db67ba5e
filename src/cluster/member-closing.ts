/**
 * The end of a member, in order: nothing comes in any more, what was committed is applied, then the log and the state are given back.
 * Knows the order only.
 */
import type { StoreError } from '../domain/errors.ts';
import type { LogCompactor } from './log-compactor.ts';
import type { MemberParts } from './member-parts.ts';
import type { RaftDriver } from './raft-driver.ts';

export interface MemberClosing extends Pick<MemberParts, 'transport' | 'state' | 'log' | 'release'> {
  readonly driver: RaftDriver;
  readonly compactor: LogCompactor;
  readonly reason: StoreError;
  /** The member failed: nothing is made durable any more. */
  readonly failed: boolean;
}

/** Whatever fails, the rest is still given back; rejects with the first failure then. */
export async function closeMember(closing: MemberClosing): Promise<void> {
  const { transport, state, log, release, driver, compactor, reason, failed } = closing;
  const errors: unknown[] = [];
  const attempt = (step: () => Promise<void> | undefined): Promise<void> =>
    Promise.resolve(step()).catch((error: unknown) => {
      errors.push(error);
    });
  await driver.stop(reason);
  await attempt(() => transport?.stop());
  await compactor.stop();
  driver.applier.fail(reason);
  // A restart then has nothing to replay.
  if (!failed) await attempt(() => compactor.compact());
  await attempt(() => log.close());
  await attempt(() => state.close());
  await attempt(release);
  if (errors.length > 0) throw errors[0];
}
