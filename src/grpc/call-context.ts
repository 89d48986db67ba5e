/**
 * What all calls of a server share, and which of them are going on. Knows nothing of single methods.
 *
 * Invariant: a call is in `live` from its arrival until it has ended; a server at rest has none.
 */
import type { Clock } from '../lib/clock.ts';
import type { CancelTimer } from '../lib/clock.ts';
import type { CallObserver } from '../telemetry/call-observer.ts';
import type { FailureReporter } from './failure-reporter.ts';

/** A call, as far as its server cares. */
export interface LiveCall {
  /** When it has to end at the latest, by the monotonic clock; null: it may go on. */
  readonly expiresAt: number | null;
  /** It has taken too long: ends it with what is known of its outcome; when called again, at once with DEADLINE_EXCEEDED. */
  expire(): void;
  /** The server is stopping: a call that would go on for ever ends soon, every other goes on. */
  drain(): void;
}

/** How often calls that take too long are looked for. */
const sweepMillis = 500;

/** Shared by the calls of one server. */
export class CallContext {
  readonly clock: Clock;
  readonly observer: CallObserver;
  readonly failures: FailureReporter;
  /** The longest a unary call may take, whatever its client says. */
  readonly maxUnaryMillis: number;
  /** In the order of arrival. */
  readonly #live = new Set<LiveCall>();
  #cancelSweep: CancelTimer | null = null;

  constructor(parts: {
    readonly clock: Clock;
    readonly observer: CallObserver;
    readonly failures: FailureReporter;
    readonly maxUnaryMillis: number;
  }) {
    this.clock = parts.clock;
    this.observer = parts.observer;
    this.failures = parts.failures;
    this.maxUnaryMillis = parts.maxUnaryMillis;
  }

  /** Calls that go on. */
  get liveCalls(): number {
    return this.#live.size;
  }

  /** A call arrived. */
  add(call: LiveCall): void {
    this.#live.add(call);
    if (call.expiresAt !== null) this.#cancelSweep ??= this.#sweepLater();
  }

  /** It ended. */
  remove(call: LiveCall): void {
    this.#live.delete(call);
  }

  /** Tells every call that the server is stopping. */
  drain(): void {
    for (const call of [...this.#live]) call.drain();
  }

  /** One timer for all calls: one per call would cost more than the call's own work. */
  #sweepLater(): CancelTimer {
    return this.clock.setTimer(sweepMillis, () => {
      this.#cancelSweep = null;
      const now = this.clock.monotonicMillis();
      let bounded = false;
      for (const call of [...this.#live]) {
        if (call.expiresAt === null) continue;
        if (call.expiresAt <= now) call.expire();
        bounded ||= this.#live.has(call);
      }
      if (bounded) this.#cancelSweep ??= this.#sweepLater();
    });
  }
}
