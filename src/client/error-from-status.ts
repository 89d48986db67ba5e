/**
 * From the status of a failed call, or of a failed append of a session, to the error that the caller gets.
 * Source: google.rpc.Status with graveyar.v1.ErrorInfo in the trailer `grpc-status-details-bin`.
 */
import { status as Code } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import {
  AppendConditionFailedError,
  DeadlineExceededError,
  EventIdConflictError,
  GraveyarError,
  InvalidArgumentError,
  NotLeaderError,
  OverloadedError,
  StreamNotFoundError,
  UnavailableError,
  WrongExpectedVersionError,
} from './errors.ts';
import { Status } from '../grpc/gen/google/rpc/status.ts';
import { ErrorInfo } from '../grpc/gen/graveyar/v1/errors.ts';

const DEADLINE_EXCEEDED: number = Code.DEADLINE_EXCEEDED;
const INTERNAL: number = Code.INTERNAL;
const RESOURCE_EXHAUSTED: number = Code.RESOURCE_EXHAUSTED;
const typeName = 'graveyar.v1.ErrorInfo';

/** The error of a failed call. Anything that is no status of a call comes back as it is. */
export function errorFromCall(error: unknown): Error {
  if (!isServiceError(error)) return error instanceof Error ? error : new Error(String(error));
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const info = bytes instanceof Uint8Array ? readInfo(bytes) : null;
  if (info !== null) return errorFromInfo(info, error.details, { cause: error });
  return errorFromCode(error.code, error.details, { cause: error });
}

/** The error of a failed append of a session. `status` is a serialized google.rpc.Status. */
export function errorFromFailure(failure: { code: number; message: string; status: Uint8Array }): Error {
  const info = readInfo(failure.status);
  if (info !== null) return errorFromInfo(info, failure.message);
  return errorFromCode(failure.code, failure.message);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}

function readInfo(status: Uint8Array): ErrorInfo | null {
  try {
    const any = Status.decode(status).details.find(({ typeUrl }) => typeUrl.endsWith(`/${typeName}`));
    return any === undefined ? null : ErrorInfo.decode(any.value);
  } catch {
    // Details that cannot be read are as good as none: the code is still there.
    return null;
  }
}

function errorFromInfo(info: ErrorInfo, message: string, options?: ErrorOptions): Error {
  const { details } = info;
  switch (details?.$case) {
    case 'invalidArgument':
      return new InvalidArgumentError(message, details.invalidArgument.field, details.invalidArgument.limit, options);
    case 'wrongExpectedVersion': {
      const { streamId, expected, actualRevision = null } = details.wrongExpectedVersion;
      return new WrongExpectedVersionError(message, { streamId, expected, actualRevision }, options);
    }
    case 'eventIdConflict':
      return new EventIdConflictError(message, details.eventIdConflict, options);
    case 'appendConditionFailed': {
      const { position, afterPosition = null } = details.appendConditionFailed;
      return new AppendConditionFailedError(message, { position, afterPosition }, options);
    }
    case 'streamNotFound':
      return new StreamNotFoundError(message, details.streamNotFound.streamId, options);
    case 'overloaded':
      return new OverloadedError(message, details.overloaded, options);
    case 'notLeader': {
      const { leaderId, endpoint } = details.notLeader;
      return new NotLeaderError(message, { leaderId: leaderId || null, endpoint: endpoint || null }, options);
    }
    case undefined:
      return errorFromPlainInfo(info, message, options);
  }
}

function errorFromPlainInfo({ code, retryable }: ErrorInfo, message: string, options?: ErrorOptions): Error {
  // A deadline of the server's own: this side makes no details.
  if (code === 'DEADLINE_EXCEEDED') return new DeadlineExceededError(message, true, options);
  if (code === 'OUTCOME_UNKNOWN' || code === 'NOT_SERVING') return new UnavailableError(code, message, options);
  return new GraveyarError(code, message, retryable, options);
}

const unavailable: ReadonlySet<number> = new Set([
  Code.UNAVAILABLE,
  // A connection that is cut while a call goes on may show as this, depending on who cut it.
  Code.CANCELLED,
]);

/** Without details, the status was made by the transport, of this side or of the other. */
function errorFromCode(code: number, message: string, options?: ErrorOptions): Error {
  const cut = code === INTERNAL && message.startsWith('Received RST_STREAM');
  if (cut || unavailable.has(code)) return new UnavailableError('UNAVAILABLE', message, options);
  if (code === DEADLINE_EXCEEDED) return new DeadlineExceededError(message, false, options);
  // Only the transport answers this without details: the message is larger than it takes.
  if (code === RESOURCE_EXHAUSTED)
    return new InvalidArgumentError(message, 'request', 'the size of a request', options);
  return new GraveyarError(Code[code] ?? 'UNKNOWN', message, false, options);
}
