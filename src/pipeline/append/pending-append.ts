/**
 * One append on its way through the stages, and the one place where its caller gets an answer. The caller gets exactly
 * one: whoever comes later is ignored. Must not know the stages.
 */
import type { Append, AppendResult } from '../../domain/append.ts';
import { appendEvents, appendMemory } from '../../domain/append-size.ts';
import { isStoreError, StoreError } from '../../domain/errors.ts';
import type { LinkedQueue, QueueItem } from '../../lib/linked-queue.ts';
import type { AppendOutcome, PipelineObserver } from '../../telemetry/pipeline-observer.ts';
import type { Clock } from '../../lib/clock.ts';

export type Resolve = (results: readonly AppendResult[]) => void;
export type Reject = (error: Error) => void;

/** What answering needs; the same for all appends of a pipeline. */
export interface AnswerContext {
  readonly clock: Clock;
  readonly observer: PipelineObserver;
}

export class PendingAppend implements QueueItem<PendingAppend> {
  readonly append: Append;
  /** Events of all its streams. */
  readonly events: number;
  /** Bytes of memory, about. */
  readonly bytes: number;
  /** When it came, in milliseconds of the clock's monotonic time. */
  readonly admittedAt: number;
  /** Whether a decision stands that other appends may build on: cancelling it is no longer possible. */
  decided = false;
  /** How often its group lost the race for the store. */
  races = 0;
  /** The set that {@link AbortWatch} keeps it in until it is answered. */
  watchedIn: Set<PendingAppend> | null = null;

  previous: PendingAppend | null = null;
  next: PendingAppend | null = null;
  queue: LinkedQueue<PendingAppend> | null = null;

  readonly #context: AnswerContext;
  readonly #resolve: Resolve;
  readonly #reject: Reject;
  #answered = false;

  constructor(append: Append, context: AnswerContext, resolve: Resolve, reject: Reject) {
    this.append = append;
    this.events = appendEvents(append);
    this.bytes = appendMemory(append);
    this.admittedAt = context.clock.monotonicMillis();
    this.#context = context;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether the caller has its answer: nothing more needs to be done for it. */
  get answered(): boolean {
    return this.#answered;
  }

  /** The append is durable: `results` say where. */
  succeed(results: readonly AppendResult[]): void {
    if (this.#answered) return;
    this.#finish(results[0]?.duplicate === true ? 'duplicate' : 'accepted');
    this.#resolve(results);
  }

  fail(error: StoreError): void {
    if (this.#answered) return;
    this.#finish(error.code);
    this.#reject(error);
  }

  /** The caller went away, or its deadline passed. What that means depends on how far the append has come. */
  abandon(reason: unknown): void {
    const timedOut =
      reason instanceof Error &&
      (reason.name === 'TimeoutError' || (isStoreError(reason) && reason.is('DEADLINE_EXCEEDED')));
    const why = timedOut ? "the caller's deadline passed" : 'the caller went away';
    if (this.decided) {
      this.fail(new StoreError('OUTCOME_UNKNOWN', `${why} while the append was being made durable`, { reason: why }));
    } else {
      const code = timedOut ? 'DEADLINE_EXCEEDED' : 'CANCELLED';
      this.fail(new StoreError(code, `${why} before the append was decided; nothing was done`, { reason: why }));
    }
  }

  #finish(outcome: AppendOutcome): void {
    this.#answered = true;
    const { clock, observer } = this.#context;
    observer.appendAnswered(outcome, this.events, clock.monotonicMillis() - this.admittedAt);
    this.watchedIn?.delete(this);
    this.watchedIn = null;
    this.queue?.remove(this);
  }
}
