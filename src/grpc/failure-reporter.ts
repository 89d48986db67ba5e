/**
 * What becomes of an error that reached the API layer: the caller gets an expected one as it is, and for an unexpected one
 * a reference to the log and no internals. A broken invariant is handed to the process's fatal handler, which ends it.
 */
import { randomUUID } from 'node:crypto';
import { StoreError } from '../domain/errors.ts';
import { InvariantViolation } from '../lib/assert.ts';
import type { Logger } from '../telemetry/logger.ts';
import { PassedOnFailure, ProtocolError, failureOf, internalFailure, isShown, protocolFailure } from './status.ts';
import type { EncodedFailure } from './status.ts';

/** Turns errors into what callers see. Shared by all calls of a server. */
export class FailureReporter {
  readonly #logger: Logger;
  readonly #onFatal: (error: InvariantViolation) => void;

  constructor(logger: Logger, onFatal: (error: InvariantViolation) => void) {
    this.#logger = logger;
    this.#onFatal = onFatal;
  }

  /** What the caller gets. Logs one line for an error that it does not get to see; `peer` says who called. */
  report(error: unknown, method: string, peer: string): EncodedFailure {
    const expected = error instanceof StoreError ? (error as StoreError) : undefined;
    if (expected !== undefined && isShown(expected)) return failureOf(expected);
    if (error instanceof PassedOnFailure) return error.failure;
    if (error instanceof ProtocolError) return protocolFailure(error);
    const reference = randomUUID().slice(0, 8);
    this.#logger.error('a call failed with an internal error', { reference, method, peer, error });
    if (error instanceof InvariantViolation) this.#onFatal(error);
    return internalFailure(reference, expected);
  }
}
