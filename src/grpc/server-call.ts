/**
 * One call, from arrival to its one status: the part that all kinds of calls share. It talks to grpc-js's call interface
 * directly (the interface that interceptors get), since the streams that the library puts around it cost more than the
 * call's own work and read ahead without a bound that could be chosen.
 *
 * Invariants: exactly one end, by a status or by the caller going away; nothing is sent after it; the observer and the
 * context hear of the beginning and of the end once each; `signal` is aborted when the call ends without success.
 */
import { status as Code } from '@grpc/grpc-js';
import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { StoreError } from '../domain/errors.ts';
import { FORWARDED, REQUIRE_LEADER, says } from './call-facts.ts';
import type { CallFacts } from './call-facts.ts';
import type { CallContext, LiveCall } from './call-context.ts';
import { asBuffer } from './request-reader.ts';
import { OK, callStatus } from './status.ts';
import type { CallStatus } from './status.ts';

/** A call of one method. Also the listener that grpc-js tells what arrives. */
export abstract class ServerCall implements LiveCall, CallFacts {
  readonly expiresAt: number | null = null;
  protected readonly context: CallContext;
  protected readonly method: string;
  readonly #base: ServerInterceptingCallInterface;
  readonly #startedAt: number;
  #controller: AbortController | null = null;
  #ended = false;
  #expired = false;
  #release: (() => void) | null = null;
  #metadata: Metadata | null = null;

  /** `method` is the full name. The call is live from here on. */
  constructor(base: ServerInterceptingCallInterface, context: CallContext, method: string, startedAt: number) {
    this.#base = base;
    this.context = context;
    this.method = method;
    this.#startedAt = startedAt;
    context.observer.callStarted(method);
  }

  /** A message arrived; another one arrives only after {@link readMore}. */
  abstract onReceiveMessage(message: Uint8Array): void;

  /** The caller has sent everything. */
  abstract onReceiveHalfClose(): void;

  /** See {@link LiveCall}. */
  abstract drain(): void;

  /** The headers arrived. */
  onReceiveMetadata(metadata: Metadata): void {
    this.keepMetadata(metadata);
    this.readMore();
  }

  /** For {@link CallFacts}. */
  protected keepMetadata(metadata: Metadata): void {
    this.#metadata = metadata;
  }

  get requiresLeader(): boolean {
    return says(this.#metadata, REQUIRE_LEADER);
  }

  get forwarded(): boolean {
    return says(this.#metadata, FORWARDED);
  }

  get deadline(): number {
    const deadline = this.#base.getDeadline();
    return deadline instanceof Date ? deadline.getTime() : deadline;
  }

  /** The library ended the call: the caller went away, or its deadline passed. Also comes after every other end. */
  onCancel(): void {
    if (this.#ended) return;
    const error = this.#deadlinePassed()
      ? new StoreError('DEADLINE_EXCEEDED', 'the deadline passed', { reason: 'the deadline of the call passed' })
      : new StoreError('CANCELLED', 'the caller went away', { reason: 'the caller cancelled or disconnected' });
    this.#end(error.code === 'CANCELLED' ? Code.CANCELLED : Code.DEADLINE_EXCEEDED);
    this.#controller?.abort(error);
  }

  expire(): void {
    const reason = `it took longer than the ${this.context.maxUnaryMillis} ms a call may take`;
    const error = new StoreError('DEADLINE_EXCEEDED', `the call was given up: ${reason}`, { reason });
    if (this.#expired || this.#controller === null) {
      this.fail(error);
      return;
    }
    // Whoever works for the call knows what came of it (nothing, or nobody can tell), and answers when the signal is aborted.
    this.#expired = true;
    this.#controller.abort(error);
  }

  /** True once the call has ended. */
  protected get ended(): boolean {
    return this.#ended;
  }

  /** Aborted when the call ends without success. Made when it is first asked for. */
  protected get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** Aborts `signal` and lets the call go on to its end. */
  protected callOff(reason: unknown): void {
    this.#controller?.abort(reason);
  }

  protected get peer(): string {
    return this.#base.getPeer();
  }

  protected readMore(): void {
    this.#base.startRead();
  }

  /** Sends a message without waiting. For calls whose answers are few, or bounded otherwise. */
  protected send(message: Uint8Array, flushed: () => void): void {
    if (!this.#ended) this.#base.sendMessage(asBuffer(message), flushed);
  }

  /** Sends a message. Resolves when the transport has taken it (back-pressure), or when the call has ended. */
  protected sendFlushed(message: Uint8Array): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#release = resolve;
      this.#base.sendMessage(asBuffer(message), resolve);
    });
  }

  /** Ends the call with success. What was sent before still arrives. */
  protected succeed(): void {
    if (this.#ended) return;
    this.#end(Code.OK);
    this.#base.sendStatus(OK);
  }

  /** Ends the call with the error that `error` is for the caller, and aborts `signal`. After the end, only reports it. */
  protected fail(error: unknown): void {
    if (this.#ended) {
      // Whoever was stopped by the signal rejects with its reason; anything else is news for the log.
      if (!(error instanceof StoreError)) this.context.failures.report(error, this.method, this.peer);
      return;
    }
    const status: CallStatus = callStatus(this.context.failures.report(error, this.method, this.peer));
    this.#end(status.code);
    this.#base.sendStatus(status);
    this.#controller?.abort(error);
  }

  #end(code: number): void {
    this.#ended = true;
    this.context.remove(this);
    this.context.observer.callFinished(this.method, code, this.context.clock.monotonicMillis() - this.#startedAt);
    this.#release?.();
  }

  #deadlinePassed(): boolean {
    return this.deadline * 1000 <= this.context.clock.nowMicros();
  }
}
