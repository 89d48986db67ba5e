/**
 * What a failed call throws: a class for each thing a caller may want to tell apart. Knows nothing of the wire.
 */

/** Every error of the store. `code` is stable; `retryable` says that the same call may succeed later and does no harm. */
export class GraveyarError extends Error {
  override readonly name: string = 'GraveyarError';
  /** For example "WRONG_EXPECTED_VERSION"; "INTERNAL" when the server does not say. */
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, retryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = retryable;
  }
}

/** The request breaks a rule. `field` is its path, for example `events[3].id`; `limit` the rule, or empty. */
export class InvalidArgumentError extends GraveyarError {
  override readonly name = 'InvalidArgumentError';
  readonly field: string;
  readonly limit: string;

  constructor(message: string, field: string, limit: string, options?: ErrorOptions) {
    super('INVALID_ARGUMENT', message, false, options);
    this.field = field;
    this.limit = limit;
  }
}

/** The stream is not at the expected version. Nothing was appended: read what is new, decide again. */
export class WrongExpectedVersionError extends GraveyarError {
  override readonly name = 'WrongExpectedVersionError';
  readonly streamId: string;
  /** "no stream", "stream exists" or a revision. */
  readonly expected: string;
  /** The stream's last revision; null when it does not exist. */
  readonly actualRevision: number | null;

  constructor(
    message: string,
    details: { streamId: string; expected: string; actualRevision: number | null },
    options?: ErrorOptions,
  ) {
    super('WRONG_EXPECTED_VERSION', message, false, options);
    this.streamId = details.streamId;
    this.expected = details.expected;
    this.actualRevision = details.actualRevision;
  }
}

/** Some of the append's event ids are in the stream already, but not all, or not in this order. Nothing was appended. */
export class EventIdConflictError extends GraveyarError {
  override readonly name = 'EventIdConflictError';
  readonly streamId: string;
  /** One of the ids that are there. */
  readonly eventId: string;
  /** The revision that has it. */
  readonly revision: number;
  /** What is wrong about it. */
  readonly reason: string;

  constructor(
    message: string,
    details: { streamId: string; eventId: string; revision: number; reason: string },
    options?: ErrorOptions,
  ) {
    super('EVENT_ID_CONFLICT', message, false, options);
    this.streamId = details.streamId;
    this.eventId = details.eventId;
    this.revision = details.revision;
    this.reason = details.reason;
  }
}

/** An event that matches the transaction's condition exists. Nothing was appended. */
export class AppendConditionFailedError extends GraveyarError {
  override readonly name = 'AppendConditionFailedError';
  /** The position of such an event. */
  readonly position: number;
  /** As in the condition. */
  readonly afterPosition: number | null;

  constructor(message: string, details: { position: number; afterPosition: number | null }, options?: ErrorOptions) {
    super('APPEND_CONDITION_FAILED', message, false, options);
    this.position = details.position;
    this.afterPosition = details.afterPosition;
  }
}

/** The stream has no events. */
export class StreamNotFoundError extends GraveyarError {
  override readonly name = 'StreamNotFoundError';
  readonly streamId: string;

  constructor(message: string, streamId: string, options?: ErrorOptions) {
    super('STREAM_NOT_FOUND', message, false, options);
    this.streamId = streamId;
  }
}

/** A bounded queue (`queue`, which takes `limit`) of the server or of this client is full. Nothing was done. */
export class OverloadedError extends GraveyarError {
  override readonly name = 'OverloadedError';
  readonly queue: string;
  readonly limit: number;

  constructor(message: string, details: { queue: string; limit: number }, options?: ErrorOptions) {
    super('OVERLOADED', message, true, options);
    this.queue = details.queue;
    this.limit = details.limit;
  }
}

/**
 * No answer: the server cannot be reached, is starting or stopping, or went away during the call, which then may or may not
 * have taken effect. Calling again with the same event ids is safe. `code` is UNAVAILABLE, NOT_SERVING or OUTCOME_UNKNOWN.
 */
export class UnavailableError extends GraveyarError {
  override readonly name: string = 'UnavailableError';

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(code, message, true, options);
  }
}

/** Another member leads. */
export class NotLeaderError extends UnavailableError {
  override readonly name = 'NotLeaderError';
  /** Null when unknown. */
  readonly leaderId: string | null;
  /** Where the leader serves clients; null when unknown. */
  readonly endpoint: string | null;

  constructor(message: string, details: { leaderId: string | null; endpoint: string | null }, options?: ErrorOptions) {
    super('NOT_LEADER', message, options);
    this.leaderId = details.leaderId;
    this.endpoint = details.endpoint;
  }
}

/**
 * The call's deadline passed. An append may or may not have taken effect; appending again with the same ids is safe. `retryable` when the
 * server gave up waiting by itself, for what another member may have.
 */
export class DeadlineExceededError extends GraveyarError {
  override readonly name = 'DeadlineExceededError';

  constructor(message: string, retryable = false, options?: ErrorOptions) {
    super('DEADLINE_EXCEEDED', message, retryable, options);
  }
}
