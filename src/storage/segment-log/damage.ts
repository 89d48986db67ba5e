/**
 * The error for bytes that are not what was written and known to be durable. Knows the advice, not how damage is found.
 */
import { StoreError } from '../../domain/errors.ts';

/** What to do about a damaged log. Cutting the log by hand is no way out: it would forget acknowledged writes. */
export const DAMAGE_ADVICE =
  'Do not cut or delete log files: acknowledged writes would be lost. On a cluster, remove this member and let it ' +
  'rejoin with an empty data directory; on a single node, restore the data directory from a backup.';

/** A refusal to go on with a damaged log. `record` is the number of the first record concerned, null when unknown. */
export function corrupt(
  path: string,
  offset: number,
  record: number | null,
  problem: string,
): StoreError<'STORAGE_CORRUPT'> {
  const where = record === null ? `at byte ${offset}` : `at byte ${offset}, record ${record}`;
  return new StoreError('STORAGE_CORRUPT', `${path} is damaged ${where}: ${problem}. ${DAMAGE_ADVICE}`, {
    path,
    advice: DAMAGE_ADVICE,
  });
}

/** A refusal to go on without the log that must be there. */
export function logIsMissing(directory: string): StoreError<'STORAGE_CORRUPT'> {
  const message = `${directory} has no segment files, so the log is lost. ${DAMAGE_ADVICE}`;
  return new StoreError('STORAGE_CORRUPT', message, { path: directory, advice: DAMAGE_ADVICE });
}
