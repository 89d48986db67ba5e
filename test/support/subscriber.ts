/**
 * A subscription that a test pulls by hand, which checks each message against the rules of the order of messages and against the
 * log: nothing twice, nothing left out, and no position is called looked at before what matches up to it was delivered.
 */
import { expect } from 'vitest';
import { type CompiledFilter, compileFilter, matchesFilter } from '../../src/domain/compiled-filter.ts';
import type { EventFacts } from '../../src/domain/event.ts';
import { defined } from '../../src/lib/assert.ts';
import type { EventPipeline, SubscriptionMessage, SubscriptionTarget } from '../../src/pipeline/event-pipeline.ts';
import { decodeBatch } from './decoded-batch.ts';
import { nth } from './nth.ts';

/** What the check needs of an event of the log. */
export interface LoggedEvent extends EventFacts {
  readonly revision: number;
  readonly position: number;
}

export class Subscriber {
  readonly target: SubscriptionTarget;
  readonly abort = new AbortController();
  readonly positions: number[] = [];
  readonly kinds: SubscriptionMessage['kind'][] = [];
  /** The newest message. */
  last: SubscriptionMessage | null = null;
  /** Why it ended; null while it has not. */
  failure: Error | null = null;
  asking = false;
  readonly #log: readonly LoggedEvent[];
  readonly #messages: AsyncIterator<SubscriptionMessage>;
  readonly #filter: CompiledFilter | null;
  readonly #endAt: () => number;
  /** Where it begins when it begins at the end; null until it was first asked. */
  #begins: number | null = null;
  readonly #wanted: number[] = [];
  #logged = 0;
  #live = false;
  #looked = -1;

  /** `endAt` answers the count of events visible: asked when the subscription begins at the end. */
  constructor(
    pipeline: Pick<EventPipeline, 'subscribe'>,
    target: SubscriptionTarget,
    log: readonly LoggedEvent[],
    endAt: () => number,
  ) {
    this.target = target;
    this.#log = log;
    this.#endAt = endAt;
    this.#filter = target.kind === 'all' && target.filter !== null ? compileFilter(target.filter) : null;
    this.#messages = pipeline.subscribe(target, this.abort.signal)[Symbol.asyncIterator]();
  }

  /** Asks for one message and checks it. Resolves when it came, or the subscription ended. */
  async pull(): Promise<SubscriptionMessage | null> {
    this.asking = true;
    this.#begins ??= this.#endAt();
    try {
      const next = await this.#messages.next();
      if (next.done === true) return null;
      this.#check(next.value);
      this.last = next.value;
      return next.value;
    } catch (error) {
      if (error instanceof Error && error.name === 'AssertionError') throw error;
      this.failure = error as Error;
      return null;
    } finally {
      this.asking = false;
    }
  }

  /** Pulls until a message of this kind came. */
  async pullUntil(kind: SubscriptionMessage['kind']): Promise<SubscriptionMessage> {
    for (;;) {
      const message = await this.pull();
      if (message === null) throw this.failure ?? new Error('ended');
      if (message.kind === kind) return message;
    }
  }

  /** Pulls until everything in the log that is wanted was delivered. */
  async pullAll(): Promise<void> {
    while (!this.complete) {
      if ((await this.pull()) === null) throw this.failure ?? new Error('ended');
    }
  }

  /** Everything in the log that is wanted was delivered. */
  get complete(): boolean {
    return this.#begins !== null && this.positions.length === this.wanted.length;
  }

  /** All positions of the log that this subscription is to deliver. */
  get wanted(): readonly number[] {
    for (; this.#logged < this.#log.length; this.#logged++) {
      const event = nth(this.#log, this.#logged);
      if (this.#wants(event)) this.#wanted.push(event.position);
    }
    return this.#wanted;
  }

  /** Leaves the iteration. */
  async leave(): Promise<void> {
    await this.#messages.return?.();
  }

  #wants(event: LoggedEvent): boolean {
    const { target } = this;
    if (target.start.kind === 'end' && event.position < defined(this.#begins, 'a beginning')) return false;
    if (target.kind === 'stream') {
      if (event.streamId !== target.streamId) return false;
      return target.start.kind !== 'after' || event.revision > target.start.value;
    }
    if (target.start.kind === 'after' && event.position <= target.start.value) return false;
    return this.#filter === null || matchesFilter(this.#filter, event);
  }

  #check(message: SubscriptionMessage): void {
    expect(message.kind === 'confirmed').toBe(this.kinds.length === 0);
    this.kinds.push(message.kind);
    switch (message.kind) {
      case 'confirmed':
        expect(message.subscriptionId).not.toBe('');
        return;
      case 'events':
        for (const { position } of decodeBatch(message.batch)) {
          // What is wanted next: nothing twice, left out or out of order.
          if (this.wanted[this.positions.length] !== position)
            expect(position).toBe(this.wanted[this.positions.length]);
          this.positions.push(position);
        }
        return;
      case 'caught-up':
        expect(this.#live).toBe(false);
        this.#live = true;
        break;
      case 'fell-behind':
        expect(this.#live).toBe(true);
        this.#live = false;
        break;
      case 'checkpoint':
        expect(message.position).toBeGreaterThan(Math.max(this.#looked, this.positions.at(-1) ?? -1));
        break;
    }
    // Everything up to there was delivered.
    const looked = message.position ?? -1;
    expect(looked).toBeGreaterThanOrEqual(this.#looked);
    expect(this.wanted[this.positions.length] ?? Number.POSITIVE_INFINITY).toBeGreaterThan(looked);
    this.#looked = looked;
  }
}
