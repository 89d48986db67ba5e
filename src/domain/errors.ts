/**
 * Every failure that a caller can expect, with its code, its details and whether a retry may help. Knows nothing of
 * gRPC: the API layer maps codes to statuses in one table that does not compile when a code is missing.
 */

/** The codes, each with the shape of its details. Adding one here makes the status table fail to compile until mapped. */
export interface ErrorDetails {
  /** The request breaks a rule; `field` is the path of the field in the request, `limit` the rule broken. */
  INVALID_ARGUMENT: { field: string; limit?: string };
  /** The stream is not at the expected version. Versions are as {@link describeVersion} prints them. */
  WRONG_EXPECTED_VERSION: { streamId: string; expected: string; actualRevision: number | null };
  /** Some, but not all, of the append's event ids are in the stream, or they are there in another order. */
  EVENT_ID_CONFLICT: { streamId: string; eventId: string; revision: number; reason: string };
  /** An event that matches the append's condition exists after the condition's position. */
  APPEND_CONDITION_FAILED: { position: number; afterPosition: number | null };
  STREAM_NOT_FOUND: { streamId: string };
  /** A bounded queue is full. Nothing was done. */
  OVERLOADED: { queue: string; limit: number };
  /** The deadline passed or the caller went away before the append was decided. Nothing was done. */
  CANCELLED: { reason: string };
  DEADLINE_EXCEEDED: { reason: string };
  /** The append may or may not become durable. Retrying with the same event ids is safe. */
  OUTCOME_UNKNOWN: { reason: string };
  /** The server is starting or stopping. Nothing was done. */
  NOT_SERVING: { reason: string };
  /** This member is not the leader. `endpoint` is where the leader serves clients, when known. */
  NOT_LEADER: { leaderId: string | null; endpoint: string | null };
  /** No member of the cluster has this id. */
  MEMBER_NOT_FOUND: { memberId: string };
  /** The membership cannot be changed like this, or not now; `reason` says why. Nothing was done. */
  MEMBERSHIP_REFUSED: { reason: string };
  /** Bytes on disk are not what was written. `advice` says what the operator should do. */
  STORAGE_CORRUPT: { path: string; advice: string };
  STORAGE_LOCKED: { path: string; holder: string | null };
  STORAGE_FORMAT_TOO_NEW: { path: string; found: number; supported: number };
  /** A read, write or sync failed. A failed write or sync is final: the process ends. */
  STORAGE_IO: { path: string; reason: string };
}

export type ErrorCode = keyof ErrorDetails;

/** Codes whose cause may pass by itself: the same request, sent again, may succeed and can do no harm. */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set(['OVERLOADED', 'OUTCOME_UNKNOWN', 'NOT_SERVING', 'NOT_LEADER']);

/** An expected failure. `message` is written for the user who reads it: it names the field, the limit, what to do. */
export class StoreError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'StoreError';
  readonly code: C;
  readonly details: ErrorDetails[C];

  constructor(code: C, message: string, details: ErrorDetails[C], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }

  /** Narrows to one code, so that `details` has that code's shape. */
  is<K extends ErrorCode>(code: K): this is StoreError<K> {
    const own: ErrorCode = this.code;
    return own === code;
  }
}

/** Whether something caught is an expected failure. Anything else is a mistake of ours, and must not be answered. */
export function isStoreError(error: unknown): error is StoreError {
  return error instanceof StoreError;
}
