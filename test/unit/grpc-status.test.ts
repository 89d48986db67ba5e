// The table from errors to statuses, and back through the SDK: every code, with its details.
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { errorFromCall, errorFromFailure } from '../../src/client/error-from-status.ts';
import * as errors from '../../src/client/errors.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { ErrorCode, ErrorDetails } from '../../src/domain/errors.ts';
import { callStatus, failureOf, internalFailure, isShown } from '../../src/grpc/status.ts';

type Case<C extends ErrorCode> = readonly [number, ErrorDetails[C], new (...given: never[]) => Error, object];

/** Canonical code, details, the SDK's class, and what that class has. */
const shown: { readonly [C in ErrorCode]?: Case<C> } = {
  INVALID_ARGUMENT: [3, { field: 'a.b', limit: '1' }, errors.InvalidArgumentError, { field: 'a.b', limit: '1' }],
  WRONG_EXPECTED_VERSION: [
    9,
    { streamId: 's', expected: '7', actualRevision: null },
    errors.WrongExpectedVersionError,
    { streamId: 's', expected: '7', actualRevision: null },
  ],
  EVENT_ID_CONFLICT: [
    6,
    { streamId: 's', eventId: 'e', revision: 4, reason: 'r' },
    errors.EventIdConflictError,
    { streamId: 's', eventId: 'e', revision: 4, reason: 'r' },
  ],
  APPEND_CONDITION_FAILED: [
    9,
    { position: 0, afterPosition: null },
    errors.AppendConditionFailedError,
    { position: 0, afterPosition: null },
  ],
  STREAM_NOT_FOUND: [5, { streamId: 's' }, errors.StreamNotFoundError, { streamId: 's' }],
  OVERLOADED: [8, { queue: 'q', limit: 3 }, errors.OverloadedError, { queue: 'q', limit: 3, retryable: true }],
  CANCELLED: [1, { reason: 'r' }, errors.GraveyarError, { retryable: false }],
  DEADLINE_EXCEEDED: [4, { reason: 'r' }, errors.DeadlineExceededError, { retryable: true }],
  OUTCOME_UNKNOWN: [14, { reason: 'r' }, errors.UnavailableError, { retryable: true }],
  NOT_SERVING: [14, { reason: 'r' }, errors.UnavailableError, { retryable: true }],
  NOT_LEADER: [14, { leaderId: null, endpoint: 'h:1' }, errors.NotLeaderError, { leaderId: null, endpoint: 'h:1' }],
};

describe('an expected error', () => {
  it.each(Object.entries(shown))(
    '%s has its code and details on the wire, and its class in the SDK',
    (code, expected) => {
      const [canonical, details, type, fields] = expected;
      const error = new StoreError(code as ErrorCode, 'what happened', details);
      expect(isShown(error)).toBe(true);
      const failure = failureOf(error);
      expect(failure.code).toBe(canonical);
      const status = callStatus(failure);
      const call = Object.assign(new Error('call'), { ...status, metadata: status.metadata ?? new Metadata() });
      for (const again of [errorFromCall(call), errorFromFailure(failure)]) {
        expect(again).toBeInstanceOf(type);
        expect(again).toMatchObject({ code, message: 'what happened', ...fields });
      }
    },
  );

  it.each([
    ['STORAGE_CORRUPT', 15],
    ['STORAGE_LOCKED', 13],
    ['STORAGE_FORMAT_TOO_NEW', 13],
    ['STORAGE_IO', 13],
  ] as const)('%s is not shown', (code, canonical) => {
    const error = new StoreError(code, 'secret', {
      path: '/p',
      advice: '',
      holder: null,
      found: 1,
      supported: 1,
      reason: '',
    });
    expect(isShown(error)).toBe(false);
    const failure = internalFailure('ref', error);
    expect(failure.code).toBe(canonical);
    expect(failure.message).not.toContain('secret');
    expect(errorFromFailure(failure)).toMatchObject({ code, retryable: false });
  });
});

describe('a status without details', () => {
  it.each([
    [14, 'UnavailableError', 'UNAVAILABLE', 'no connection'],
    [1, 'UnavailableError', 'UNAVAILABLE', 'cut'],
    [13, 'UnavailableError', 'UNAVAILABLE', 'Received RST_STREAM with code 2'],
    [13, 'GraveyarError', 'INTERNAL', 'something else'],
    [4, 'DeadlineExceededError', 'DEADLINE_EXCEEDED', 'late'],
    [8, 'InvalidArgumentError', 'INVALID_ARGUMENT', 'too large'],
    [12, 'GraveyarError', 'UNIMPLEMENTED', 'no such method'],
    [99, 'GraveyarError', 'UNKNOWN', 'no such code'],
  ])('%i is a %s', (code, name, text, message) => {
    const status = Buffer.alloc(0);
    expect(errorFromFailure({ code, message, status })).toMatchObject({ name, code: text, message });
    expect(errorFromFailure({ code, message, status: Buffer.of(0xff) })).toMatchObject({ name, code: text });
  });
});
