/**
 * AppendSession: many appends in flight on one call, answered in the order of the requests. A refused append does not end the
 * session; a message that cannot be read does, after the answers to those before it. So does an append that its client will
 * send again (its outcome is unknown, or this member does not decide now): what is behind it is called off, because if it
 * took place the order of the session would not be that of its appends.
 *
 * Invariants: at most its {@link SessionBounds} of appends and bytes (and one append more) are between "read" and "answer taken by the transport"; beyond
 * them nothing is read, and HTTP/2 holds the client back. Half-close drains.
 */
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { Append, AppendResult } from '../domain/append.ts';
import { isStoreError, StoreError } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { defined } from '../lib/assert.ts';
import { encodeSessionFailure, encodeSessionSuccess } from './append-response.ts';
import { readSessionAppend } from './append-request.ts';
import type { SessionAppend } from './append-request.ts';
import type { CallContext } from './call-context.ts';
import { ServerCall } from './server-call.ts';

/** Failures after which a client sends the append again, with all behind it. */
const BREAKING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['OUTCOME_UNKNOWN', 'NOT_LEADER', 'NOT_SERVING']);

/** What a session does with an append. */
export type SessionMethod = (append: Append, signal: AbortSignal) => Promise<readonly AppendResult[]>;

/** How much of one session is in flight. */
export interface SessionBounds {
  readonly appends: number;
  readonly bytes: number;
}

/** One append, from its request until its answer was taken. */
interface Slot {
  readonly correlationId: number;
  readonly bytes: number;
  readonly startedAt: number;
  answer: Uint8Array | null;
}

/** One session. */
export class SessionCall extends ServerCall {
  readonly #run: SessionMethod;
  readonly #bounds: SessionBounds;
  /** In the order of the requests; those before `#sent` wait only for the transport. */
  readonly #slots: Slot[] = [];
  #sent = 0;
  #bytes = 0;
  #reading = true;
  #askingForMore = false;
  /** The failure that the appends behind it were called off for. */
  #brokenBy: StoreError | null = null;
  /** Nothing more is read; what the session ends with once everything is answered, null being success. */
  #closing: { readonly error: StoreError | null } | null = null;

  constructor(
    base: ServerInterceptingCallInterface,
    context: CallContext,
    method: string,
    run: SessionMethod,
    bounds: SessionBounds,
  ) {
    super(base, context, method, context.clock.monotonicMillis());
    this.#run = run;
    this.#bounds = bounds;
    context.add(this);
  }

  onReceiveMessage(message: Uint8Array): void {
    this.#reading = false;
    // What arrived after the session began to close was not begun; the client learns that from the status.
    if (this.ended || this.#closing !== null) return;
    try {
      this.#accept(readSessionAppend(message), message.length);
      this.#readIfRoom();
    } catch (error) {
      if (error instanceof StoreError) this.#close(error);
      else this.fail(error);
    }
  }

  onReceiveHalfClose(): void {
    this.#reading = false;
    this.#close(null);
  }

  drain(): void {
    this.#close(new StoreError('NOT_SERVING', 'the server is stopping', { reason: 'the server is stopping' }));
  }

  #accept({ correlationId, append }: SessionAppend, bytes: number): void {
    const slot: Slot = { correlationId, bytes, startedAt: this.context.clock.monotonicMillis(), answer: null };
    this.#slots.push(slot);
    this.#bytes += bytes;
    if (append instanceof Error) {
      this.#refuse(slot, append);
      return;
    }
    this.#run(append, this.signal).then(
      (results) => {
        this.#answer(slot, 0, () =>
          encodeSessionSuccess(correlationId, defined(results[0], 'a result for the one stream of an append')),
        );
      },
      (error: unknown) => {
        this.#refuse(slot, error);
      },
    );
  }

  #refuse(slot: Slot, error: unknown): void {
    if (this.ended) {
      this.fail(error);
      return;
    }
    const failure = this.context.failures.report(this.#calledOff(error), this.method, this.peer);
    const breaking = this.#brokenBy === null && isStoreError(error) && BREAKING.has(error.code);
    if (breaking) this.#brokenBy = error;
    this.#answer(slot, failure.code, () => encodeSessionFailure(slot.correlationId, failure));
    if (!breaking) return;
    this.#close(this.#brokenBy);
    this.callOff(error);
  }

  /** What became of an append that was cancelled because of another one. */
  #calledOff(error: unknown): unknown {
    if (this.#brokenBy === null || !isStoreError(error) || !error.is('CANCELLED')) return error;
    const reason = `an append before it in the session has failed: ${this.#brokenBy.message}`;
    return new StoreError('NOT_SERVING', `nothing was done, as ${reason}`, { reason });
  }

  #answer(slot: Slot, code: number, encode: () => Uint8Array): void {
    try {
      slot.answer = encode();
      this.context.observer.sessionAppendFinished(code, this.context.clock.monotonicMillis() - slot.startedAt);
      this.#sendAnswered();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends the answers that are next in order. */
  #sendAnswered(): void {
    for (let slot = this.#slots[this.#sent]; slot?.answer; slot = this.#slots[this.#sent]) {
      this.#sent++;
      this.send(slot.answer, this.#taken);
    }
    this.#endIfDrained();
  }

  /** The transport took the oldest answer. */
  readonly #taken = (): void => {
    if (this.ended) return;
    const slot = defined(this.#slots.shift(), 'the slot of an answer that was sent');
    this.#sent--;
    this.#bytes -= slot.bytes;
    this.#readIfRoom();
  };

  /** A loop, because a message that is there already arrives within `readMore`. */
  #readIfRoom(): void {
    if (this.#askingForMore) return;
    this.#askingForMore = true;
    while (!this.#reading && this.#hasRoom()) {
      this.#reading = true;
      this.readMore();
    }
    this.#askingForMore = false;
  }

  #hasRoom(): boolean {
    if (this.ended || this.#closing !== null) return false;
    return this.#slots.length < this.#bounds.appends && this.#bytes < this.#bounds.bytes;
  }

  #close(error: StoreError | null): void {
    if (this.#closing !== null) return;
    this.#closing = { error };
    this.#endIfDrained();
  }

  #endIfDrained(): void {
    if (this.ended || this.#closing === null || this.#sent < this.#slots.length) return;
    if (this.#closing.error === null) this.succeed();
    else this.fail(this.#closing.error);
  }
}
