/**
 * A session: many appends in flight on one call, each with a promise, in order. When the server goes away, the session calls
 * again and repeats, in order, what has not been answered; event ids make that safe.
 *
 * Invariants: appends are sent, answered and repeated in the order of their calls; at most a window of them is in flight, and
 * a bounded number waits behind it.
 */
import type { AppendResult } from '../domain/append.ts';
import { AppendSessionResponse, EventStoreService } from '../grpc/gen/graveyar/v1/event_store.ts';
import type { CancelTimer } from '../lib/clock.ts';
import type { Caller, DuplexCall, OpenedCall } from './caller.ts';
import { isRedirect } from './caller.ts';
import { errorFromFailure } from './error-from-status.ts';
import { DeadlineExceededError, GraveyarError, OverloadedError, UnavailableError } from './errors.ts';
import { encodeAppend } from './encode-append.ts';
import { appendMessage } from './new-event.ts';
import type { Expected, NewEvent } from './new-event.ts';
import { Backoff } from './retry.ts';
import { PendingAppend, SessionQueue } from './session-queue.ts';

/** How a session is set up. */
export interface SessionOptions {
  /** Appends in flight, default 256. */
  readonly window?: number;
  /** Appends that may wait behind the window, default 10,000; one more is refused with OverloadedError. */
  readonly queue?: number;
}

/** What one append of a session takes. */
export interface SessionAppendOptions {
  readonly expectedVersion?: Expected;
}

/** How often appends that take too long are looked for. */
const sweepMillis = 500;

/** A session. Made by the client. */
export class AppendSession {
  readonly #caller: Caller;
  readonly #queue: SessionQueue;
  readonly #backoff: Backoff;
  #call: DuplexCall | null = null;
  #waiting = false;
  /** The last call ended with the address of the leader, and nothing has succeeded since. */
  #redirected = false;
  #closed = false;
  /** Why every append fails from now on. */
  #broken: Error | null = null;
  /** Why the last call ended, while nothing has succeeded since. */
  #lastFailure: Error | null = null;
  #cancelSweep: CancelTimer | null = null;
  #wake: (() => void)[] = [];

  constructor(caller: Caller, options: SessionOptions) {
    this.#caller = caller;
    this.#backoff = new Backoff(caller.settings);
    this.#queue = new SessionQueue(options.window ?? 256, options.queue ?? 10_000);
  }

  /**
   * Appends, after all earlier appends of this session. Rejects like {@link GraveyarClient.append}; an append that the
   * server refused for a passing reason (OverloadedError) is not repeated, because later ones may have been taken already.
   */
  append(streamId: string, events: readonly NewEvent[], options: SessionAppendOptions = {}): Promise<AppendResult> {
    if (this.#closed) return Promise.reject(new GraveyarError('CLOSED', 'the session is closed', false));
    if (this.#broken !== null) return Promise.reject(this.#broken);
    if (this.#queue.full) {
      const message = `${this.#queue.size} appends wait in this session: wait for ready() before the next`;
      return Promise.reject(new OverloadedError(message, { queue: 'session', limit: this.#queue.size }));
    }
    return new Promise((resolve, reject) => {
      const message = encodeAppend(appendMessage(streamId, events, options.expectedVersion));
      const expiresAt = this.#now() + this.#caller.settings.deadlineMillis;
      this.#queue.push(new PendingAppend(message, expiresAt, resolve, reject));
      this.#cancelSweep ??= this.#sweepLater();
      this.#send();
    });
  }

  /** Resolves when an append would be sent at once: await it between appends to keep memory small. */
  async ready(): Promise<void> {
    while (this.#broken === null && !this.#queue.hasRoom) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
      });
    }
  }

  /** Waits for the answers to all appends, and ends the session. Never rejects: the appends' own promises tell. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#broken === null && this.#queue.size > 0) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
      });
    }
    this.#call?.end();
    this.#call = null;
    this.#cancelSweep?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #send(): void {
    if (this.#waiting || this.#broken !== null) return;
    if (this.#call === null) {
      if (this.#queue.size > 0) void this.#open();
      return;
    }
    for (let next = this.#queue.nextToSend(); next !== null; next = this.#queue.nextToSend()) {
      this.#call.write(next.message);
    }
  }

  /** Never rejects. Nothing is sent until there is a call. */
  async #open(): Promise<void> {
    this.#waiting = true;
    try {
      const opened = await this.#caller.duplex(EventStoreService.appendSession.path);
      this.#listen(opened);
      this.#call = opened.call;
      this.#waiting = false;
    } catch (error) {
      this.#waiting = false;
      this.#lost(error as Error);
      return;
    }
    if (this.#closed && this.#queue.size === 0) {
      this.#call.end();
      this.#call = null;
    }
    this.#send();
  }

  #listen({ call, failed }: OpenedCall): void {
    call.on('data', (message: Buffer) => {
      if (call === this.#call) this.#answered(call, failed, message);
    });
    call.on('error', (error) => {
      if (call === this.#call) this.#lost(failed(error));
    });
    call.on('end', () => {
      if (call === this.#call && !this.#closed) {
        this.#lost(new UnavailableError('UNAVAILABLE', 'the server ended the session'));
      }
    });
  }

  #answered(call: DuplexCall, failed: (error: unknown) => Error, message: Buffer): void {
    const { correlationId, result } = AppendSessionResponse.decode(message);
    const pending = this.#queue.oldest;
    if (pending?.correlationId !== correlationId || result === undefined) {
      call.cancel();
      this.#break(new GraveyarError('INTERNAL', 'the server answered out of order', false));
      return;
    }
    if (result.$case === 'success') {
      this.#backoff.reset();
      this.#redirected = false;
      this.#lastFailure = null;
      pending.succeed(result.success);
    } else {
      const error = errorFromFailure(result.failure);
      if (error instanceof UnavailableError) {
        // Everything after it fails for the same reason: repeat all of it, in order.
        this.#call = null;
        call.cancel();
        this.#lost(failed(error));
        return;
      }
      pending.fail(error);
    }
    this.#queue.shift();
    this.#wakeWaiters();
    this.#send();
  }

  /** The call ended. Repeats what has not been answered, if that may help. */
  #lost(error: Error): void {
    this.#call = null;
    this.#lastFailure = error;
    if (!this.#caller.mayTryAgain(error)) {
      this.#break(error);
      return;
    }
    this.#queue.rewind();
    this.#wakeWaiters();
    if (this.#queue.size === 0 || this.#waiting) return;
    if (isRedirect(error) && !this.#redirected) {
      this.#redirected = true;
      this.#send();
      return;
    }
    this.#redirected = false;
    this.#waiting = true;
    void this.#backoff.wait(undefined).then(() => {
      this.#waiting = false;
      if (this.#queue.size > 0) this.#send();
    });
  }

  #break(error: Error): void {
    this.#broken = error;
    this.#call = null;
    for (let pending = this.#queue.shift(); pending !== null; pending = this.#queue.shift()) pending.fail(error);
    this.#wakeWaiters();
  }

  #wakeWaiters(): void {
    const waiters = this.#wake;
    this.#wake = [];
    for (const wake of waiters) wake();
  }

  #sweepLater(): CancelTimer {
    return this.#caller.settings.clock.setTimer(sweepMillis, () => {
      this.#cancelSweep = null;
      const cause = this.#lastFailure;
      const message = `no answer to the append within its deadline${cause === null ? '' : `: ${cause.message}`}`;
      this.#queue.expire(this.#now(), () => new DeadlineExceededError(message, false, cause === null ? {} : { cause }));
      this.#wakeWaiters();
      if (this.#queue.size > 0) this.#cancelSweep ??= this.#sweepLater();
    });
  }

  #now(): number {
    return this.#caller.settings.clock.monotonicMillis();
  }
}
