/**
 * Subscriptions that go on by themselves: after the server went away, from where they were, without gap or duplicate.
 *
 * Invariant: `#target` always says where to go on after what the consumer has got.
 */
import type { Caller } from './caller.ts';
import { Backoff } from './retry.ts';
import type { RecordedEvent } from './recorded-event.ts';
import { decodeSubscriptionMessage, encodeSubscribe } from './subscription-requests.ts';
import type { SubscriptionMessage, SubscriptionTarget } from './subscription-requests.ts';

/** What a subscription takes. */
export interface SubscribeOptions {
  /** Aborting ends the subscription: its iteration rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The revision of the last event of a stream at or before a position, null when there is none. */
export type RevisionAt = (
  streamId: string,
  position: number,
  signal: AbortSignal | undefined,
) => Promise<number | null>;

/** A subscription. Iterate it once, by events or by messages; ending the iteration ends it. */
export class Subscription implements AsyncIterable<RecordedEvent> {
  readonly #caller: Caller;
  readonly #path: string;
  readonly #revisionAt: RevisionAt;
  readonly #signal: AbortSignal | undefined;
  #target: SubscriptionTarget;
  /** The last position looked at, by a message; undefined before there was one. */
  #position: number | null | undefined = undefined;

  constructor(
    caller: Caller,
    path: string,
    target: SubscriptionTarget,
    revisionAt: RevisionAt,
    options: SubscribeOptions,
  ) {
    this.#caller = caller;
    this.#path = path;
    this.#target = target;
    this.#revisionAt = revisionAt;
    this.#signal = options.signal;
  }

  /** Events only. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const message of this.messages()) {
      if (message.kind === 'events') yield* message.events;
    }
  }

  /** Everything that the subscription says. */
  async *messages(): AsyncGenerator<SubscriptionMessage, void, undefined> {
    const signal = this.#signal;
    const options = signal === undefined ? {} : { signal };
    const backoff = new Backoff(this.#caller.settings);
    for (;;) {
      try {
        await this.#resolveEnd();
        for await (const bytes of this.#caller.stream(this.#path, encodeSubscribe(this.#target), options)) {
          const message = decodeSubscriptionMessage(bytes);
          if (message === null) continue;
          yield message;
          this.#advance(message);
          backoff.reset();
        }
      } catch (error) {
        if (!this.#caller.mayTryAgain(error)) throw error;
      }
      await backoff.wait(signal);
    }
  }

  #advance(message: SubscriptionMessage): void {
    if (message.kind === 'confirmed') return;
    if (message.kind === 'events') {
      const last = message.events.at(-1);
      if (last === undefined) return;
      this.#target = { ...this.#target, after: 'stream' in this.#target ? last.revision : last.position };
      return;
    }
    this.#position = message.position;
    if ('stream' in this.#target || message.position === null) return;
    this.#target = { ...this.#target, after: message.position };
  }

  /** "What comes next" was said about a moment that has passed: from the position of that moment on. */
  async #resolveEnd(): Promise<void> {
    const target = this.#target;
    if (target.after !== 'end' || this.#position === undefined) return;
    const position = this.#position;
    let after = position;
    if ('stream' in target && position !== null) after = await this.#revisionAt(target.stream, position, this.#signal);
    this.#target = startingAfter(target, after);
  }
}

function startingAfter(target: SubscriptionTarget, after: number | null): SubscriptionTarget {
  const start = after === null ? {} : { after };
  if ('stream' in target) return { stream: target.stream, ...start };
  return target.filter === undefined ? start : { filter: target.filter, ...start };
}
