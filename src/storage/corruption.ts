/**
 * How damage in stored bytes is reported: one error, whoever finds it. Knows no layout.
 */
import { StoreError } from '../domain/errors.ts';

const ADVICE =
  'stop the server, run "graveyar check" on the data directory, and restore this member from a backup or from another member';

/** A STORAGE_CORRUPT error. `place` names what was being read ("record at position 7"), `reason` what is wrong with it. */
export function corruption(place: string, reason: string, cause?: unknown): StoreError<'STORAGE_CORRUPT'> {
  return new StoreError(
    'STORAGE_CORRUPT',
    `${place} is damaged: ${reason}; ${ADVICE}`,
    { path: place, advice: ADVICE },
    cause === undefined ? undefined : { cause },
  );
}
