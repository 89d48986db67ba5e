/**
 * Keeps a change of members from ending the store: it is refused when those who would vote after it do not answer in their majority, as
 * nobody could undo it then. (A change that takes out whoever does not answer passes.) Must not know how a change is made.
 */
import { StoreError } from '../domain/errors.ts';
import { delay } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import type { RaftDriver } from './raft-driver.ts';

/** Looks within the time that everybody has to answer. */
const LOOKS = 10;

/**
 * Resolves when a majority of `votersAfter()` (none: nothing to check) answers this leader, at once if it does now; a leader that is new gives them an election timeout.
 * Rejects with MEMBERSHIP_REFUSED, which names those who do not answer, or with the signal's reason.
 */
export async function majorityAnswers(
  driver: RaftDriver,
  clock: Clock,
  votersAfter: () => readonly number[],
  signal: AbortSignal,
): Promise<void> {
  for (let look = 0; ; look += 1) {
    const voters = votersAfter();
    const { progress } = driver.status();
    const silent = voters.filter((id) => !driver.answers(id, progress));
    if (voters.length === 0 || silent.length < voters.length / 2) return;
    if (look === LOOKS) throw refusal(driver, voters.length, silent);
    await delay(clock, driver.electionMillis / LOOKS, signal);
  }
}

function refusal(driver: RaftDriver, voters: number, silent: readonly number[]): StoreError<'MEMBERSHIP_REFUSED'> {
  const { members } = driver.configuration;
  const names = silent.map((id) => members.find((member) => member.id === id)?.name ?? String(id)).sort();
  const reason =
    `of the ${voters} voters that this would leave, ${silent.length} do not answer (${names.join(', ')}): ` +
    'without a majority nothing could be appended, nor this be undone. Bring them back first, or remove them instead';
  return new StoreError('MEMBERSHIP_REFUSED', reason, { reason });
}
