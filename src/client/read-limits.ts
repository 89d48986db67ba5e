/**
 * How long a read may take, with all its attempts: to its deadline, and from one answer to the next. Knows nothing of calls.
 *
 * Invariant: while something is waited for, `signal` is aborted no later than the first of the limits that were asked for.
 */
import type { CancelTimer } from '../lib/clock.ts';
import type { CallOptions, ClientSettings } from './client-options.ts';
import { DeadlineExceededError } from './errors.ts';

/** What bounds a read. */
export interface ReadLimits extends CallOptions {
  /**
   * How long the read may go without an answer, in milliseconds: until the first events, and from some to the next. Time that the reader
   * takes in between does not count, so that a read of any length goes on as long as it gets somewhere. Default: no limit while
   * the server is there. A read that fails again and again is given up after the client's `deadlineMillis` without an answer.
   */
  readonly silenceMillis?: number;
}

/** The time of one read. It waits from the beginning on. */
export class ReadTimer {
  readonly #settings: ClientSettings;
  readonly #limits: ReadLimits;
  readonly #deadline: number;
  readonly #controller = new AbortController();
  readonly #abort: () => void;
  #quietSince: number;
  #cancel: CancelTimer | null = null;
  /** Why the last attempt failed, while there was no answer since. */
  #lastFailure: Error | null = null;

  constructor(settings: ClientSettings, limits: ReadLimits) {
    this.#settings = settings;
    this.#limits = limits;
    this.#quietSince = this.#now();
    this.#deadline = this.#quietSince + (limits.deadlineMillis ?? Infinity);
    const { signal } = limits;
    this.#abort = () => {
      this.#controller.abort(signal?.reason);
    };
    if (signal?.aborted === true) this.#abort();
    else signal?.addEventListener('abort', this.#abort, { once: true });
    this.#watch();
  }

  /** Aborted with the caller's reason, and with a {@link DeadlineExceededError} when a limit is reached. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** An answer came: the reader has it, and nothing is waited for. */
  answered(): void {
    this.#cancel?.();
    this.#lastFailure = null;
  }

  /** The reader wants the next answer. */
  waitsAgain(): void {
    this.#quietSince = this.#now();
    this.#watch();
  }

  /** An attempt failed. Whether there is time for another one after a pause. */
  allowsRetry(failure: Error, pauseMillis: number): boolean {
    this.#lastFailure = failure;
    const { deadlineMillis, silenceMillis } = this.#limits;
    const patience = silenceMillis ?? (deadlineMillis === undefined ? this.#settings.deadlineMillis : Infinity);
    return this.#now() + pauseMillis < Math.min(this.#deadline, this.#quietSince + patience);
  }

  /** The read is over. */
  end(): void {
    this.#cancel?.();
    this.#limits.signal?.removeEventListener('abort', this.#abort);
  }

  #watch(): void {
    const { deadlineMillis = Infinity, silenceMillis = Infinity } = this.#limits;
    const quietUntil = this.#quietSince + silenceMillis;
    const until = Math.min(this.#deadline, quietUntil);
    if (until === Infinity) return;
    const what =
      this.#deadline <= quietUntil
        ? `the read did not end within its deadline of ${deadlineMillis} ms`
        : `the read was not answered for ${silenceMillis} ms`;
    const left = until - this.#now();
    if (left <= 0) this.#expire(what);
    else this.#cancel = this.#settings.clock.setTimer(left, () => this.#expire(what));
  }

  #expire(what: string): void {
    const cause = this.#lastFailure;
    const message = cause === null ? what : `${what}: ${cause.message}`;
    this.#controller.abort(new DeadlineExceededError(message, false, cause === null ? {} : { cause }));
  }

  #now(): number {
    return this.#settings.clock.monotonicMillis();
  }
}
