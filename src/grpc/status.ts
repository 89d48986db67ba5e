/**
 * How the store's errors look on the wire: the one table from error codes to canonical gRPC codes and typed details. It
 * does not compile when a code is missing. Knows nothing of calls.
 *
 * Invariant: what is sent is well-formed Unicode and small enough for HTTP/2 headers, whatever is in the error.
 * Source: google.rpc.Status in the trailer `grpc-status-details-bin` (gRPC documentation, "Error handling").
 */
import { Metadata, status as Code } from '@grpc/grpc-js';
import type { ErrorCode, ErrorDetails, StoreError } from '../domain/errors.ts';
import { Status } from './gen/google/rpc/status.ts';
import { ErrorInfo } from './gen/graveyar/v1/errors.ts';

/** A canonical code with what belongs to it; the shape grpc-js sends. */
export interface CallStatus {
  readonly code: Code;
  readonly details: string;
  readonly metadata: Metadata | null;
}

/** The end of a call that succeeded. */
export const OK: CallStatus = { code: Code.OK, details: '', metadata: null };

type Details = ErrorInfo['details'];

interface Mapping<C extends ErrorCode> {
  readonly code: Code;
  /** False: the message and details name files or causes that are none of the caller's business. */
  readonly shown: boolean;
  readonly details: (details: ErrorDetails[C]) => Details;
}

const none = (): Details => undefined;

const table = {
  INVALID_ARGUMENT: {
    code: Code.INVALID_ARGUMENT,
    shown: true,
    details: ({ field, limit }) => ({
      $case: 'invalidArgument',
      invalidArgument: { field: clip(field), limit: clip(limit ?? '') },
    }),
  },
  WRONG_EXPECTED_VERSION: {
    code: Code.FAILED_PRECONDITION,
    shown: true,
    details: ({ streamId, expected, actualRevision }) => ({
      $case: 'wrongExpectedVersion',
      wrongExpectedVersion: { streamId, expected, actualRevision: actualRevision ?? undefined },
    }),
  },
  EVENT_ID_CONFLICT: {
    code: Code.ALREADY_EXISTS,
    shown: true,
    details: ({ streamId, eventId, revision, reason }) => ({
      $case: 'eventIdConflict',
      eventIdConflict: { streamId, eventId, revision, reason: clip(reason) },
    }),
  },
  APPEND_CONDITION_FAILED: {
    code: Code.FAILED_PRECONDITION,
    shown: true,
    details: ({ position, afterPosition }) => ({
      $case: 'appendConditionFailed',
      appendConditionFailed: { position, afterPosition: afterPosition ?? undefined },
    }),
  },
  STREAM_NOT_FOUND: {
    code: Code.NOT_FOUND,
    shown: true,
    details: ({ streamId }) => ({ $case: 'streamNotFound', streamNotFound: { streamId } }),
  },
  OVERLOADED: {
    code: Code.RESOURCE_EXHAUSTED,
    shown: true,
    details: ({ queue, limit }) => ({ $case: 'overloaded', overloaded: { queue, limit } }),
  },
  CANCELLED: { code: Code.CANCELLED, shown: true, details: none },
  DEADLINE_EXCEEDED: { code: Code.DEADLINE_EXCEEDED, shown: true, details: none },
  OUTCOME_UNKNOWN: { code: Code.UNAVAILABLE, shown: true, details: none },
  NOT_SERVING: { code: Code.UNAVAILABLE, shown: true, details: none },
  NOT_LEADER: {
    code: Code.UNAVAILABLE,
    shown: true,
    details: ({ leaderId, endpoint }) => ({
      $case: 'notLeader',
      notLeader: { leaderId: leaderId ?? '', endpoint: endpoint ?? '' },
    }),
  },
  MEMBER_NOT_FOUND: { code: Code.NOT_FOUND, shown: true, details: none },
  MEMBERSHIP_REFUSED: { code: Code.FAILED_PRECONDITION, shown: true, details: none },
  STORAGE_CORRUPT: { code: Code.DATA_LOSS, shown: false, details: none },
  STORAGE_LOCKED: { code: Code.INTERNAL, shown: false, details: none },
  STORAGE_FORMAT_TOO_NEW: { code: Code.INTERNAL, shown: false, details: none },
  STORAGE_IO: { code: Code.INTERNAL, shown: false, details: none },
} as const satisfies { readonly [C in ErrorCode]: Mapping<C> };

/** Headers are limited to 8 KiB by many peers, and the message is in them twice (once in base64). */
const messageLimit = 1024;

function clip(text: string): string {
  const wellFormed = text.toWellFormed();
  return wellFormed.length <= messageLimit ? wellFormed : `${wellFormed.slice(0, messageLimit - 1).toWellFormed()}…`;
}

/** Whether the caller may see the error's message and details. When not, it gets {@link internalStatus}. */
export function isShown(error: StoreError): boolean {
  return table[error.code].shown;
}

function info(error: StoreError): ErrorInfo {
  const details = table[error.code].details as Mapping<ErrorCode>['details'];
  return { code: error.code, retryable: error.retryable, details: details(error.details) };
}

function encodeStatus(code: Code, message: string, errorInfo: ErrorInfo): Uint8Array {
  const value = Buffer.from(ErrorInfo.encode(errorInfo).finish());
  return Status.encode({
    code,
    message,
    details: [{ typeUrl: 'type.googleapis.com/graveyar.v1.ErrorInfo', value }],
  }).finish();
}

/** An error of a standard protocol (health), which has a canonical code and none of the store's. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: Code;

  constructor(code: Code, message: string) {
    super(message);
    this.code = code;
  }
}

/** What another member answered to a call that was passed on to it: the caller gets it unchanged. */
export class PassedOnFailure extends Error {
  override readonly name = 'PassedOnFailure';
  readonly failure: EncodedFailure;

  constructor(failure: EncodedFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** The failure that a caller gets for it. */
export function protocolFailure(error: ProtocolError): EncodedFailure {
  const message = clip(error.message);
  return { code: error.code, message, status: Status.encode({ code: error.code, message, details: [] }).finish() };
}

/** An error as part of an answer (AppendFailure), where there are no trailers. */
export interface EncodedFailure {
  readonly code: Code;
  readonly message: string;
  /** A serialized google.rpc.Status. */
  readonly status: Uint8Array;
}

/** The failure that a caller gets for an expected error. Only for errors that {@link isShown}. */
export function failureOf(error: StoreError): EncodedFailure {
  const { code } = table[error.code];
  const message = clip(error.message);
  return { code, message, status: encodeStatus(code, message, info(error)) };
}

/** The failure that a caller gets instead of an error it must not see. `reference` finds the line in the server's log. */
export function internalFailure(reference: string, error?: StoreError): EncodedFailure {
  const code = error === undefined ? Code.INTERNAL : table[error.code].code;
  const message = `internal error, see the server's log, reference ${reference}`;
  const errorInfo = { code: error?.code ?? 'INTERNAL', retryable: false, details: undefined };
  return { code, message, status: encodeStatus(code, message, errorInfo) };
}

/** The same failure as the end of a call. */
export function callStatus(failure: EncodedFailure): CallStatus {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(failure.status));
  return { code: failure.code, details: failure.message, metadata };
}
