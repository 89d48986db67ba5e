/**
 * What RocksDB's failures mean to the store. The binding gives them as errors whose message begins with the kind of RocksDB's
 * Status ("Corruption: ...", "IO error: ...").
 */
import { StoreError } from '../../domain/errors.ts';
import { corruption } from '../corruption.ts';

/** The StoreError for a failure of the database at `path`. Leaves a StoreError as it is. */
export function rocksError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error as StoreError;
  const reason = messageOf(error);
  if (/lock hold by|while lock file/i.test(reason)) {
    return new StoreError(
      'STORAGE_LOCKED',
      `the RocksDB database ${path} is in use by another process, which must be stopped first`,
      { path, holder: null },
      { cause: error },
    );
  }
  if (/corrupt|checksum mismatch|bad table magic/i.test(reason)) {
    return corruption(`the RocksDB database ${path}`, reason, error);
  }
  if (/session is closed/i.test(reason)) {
    return new StoreError('NOT_SERVING', 'the store is closed', { reason: 'closed' }, { cause: error });
  }
  return new StoreError('STORAGE_IO', `RocksDB failed at ${path}: ${reason}`, { path, reason }, { cause: error });
}

/** The innermost message: a failed batch wraps the failure of its parts. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) {
    const first: unknown = error.errors.find((part) => part instanceof Error);
    return first === undefined ? error.message : messageOf(first);
  }
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : messageOf(error.cause);
}
