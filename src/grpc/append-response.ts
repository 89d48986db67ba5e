/**
 * Answers to appends, from the domain to the wire.
 */
import type { AppendResult } from '../domain/append.ts';
import { defined } from '../lib/assert.ts';
import {
  AppendEventResponse,
  AppendSessionResponse,
  AppendTransactionResponse,
} from './gen/graveyar/v1/event_store.ts';
import { asBuffer } from './request-reader.ts';
import type { EncodedFailure } from './status.ts';

/** The AppendEventResponse message; `results` has the one stream's. */
export function encodeAppendResponse(results: readonly AppendResult[]): Uint8Array {
  return AppendEventResponse.encode(defined(results[0], 'a result for the one stream of an append')).finish();
}

/** The AppendTransactionResponse message. */
export function encodeTransactionResponse(results: readonly AppendResult[]): Uint8Array {
  return AppendTransactionResponse.encode({ appends: [...results] }).finish();
}

/** The AppendSessionResponse message of an append that succeeded. */
export function encodeSessionSuccess(correlationId: number, success: AppendResult): Uint8Array {
  return AppendSessionResponse.encode({ correlationId, result: { $case: 'success', success } }).finish();
}

/** The AppendSessionResponse message of an append that failed. */
export function encodeSessionFailure(correlationId: number, failure: EncodedFailure): Uint8Array {
  const { code, message, status } = failure;
  return AppendSessionResponse.encode({
    correlationId,
    result: { $case: 'failure', failure: { code, message, status: asBuffer(status) } },
  }).finish();
}
