/**
 * The one listener to what the store applies: hands each append to the consumers that want it, knows how far it has come, and
 * goes round all consumers for what cannot be left to them: checkpoints while nothing matches, and giving up events that have
 * waited too long.
 *
 * Invariant: every consumer attached when an append is applied is offered what it wants of it before `end` moves beyond
 * it. So a consumer that attaches at `end` and reads the store up to there misses nothing and gets nothing twice.
 */
import { type CancelTimer, type Clock } from '../../lib/clock.ts';
import { assert, defined } from '../../lib/assert.ts';
import type { Store } from '../../storage/store.ts';
import type { StoredAppend } from '../../storage/stored-append.ts';
import type { SubscriptionObserver } from '../../telemetry/subscription-observer.ts';
import type { LiveConsumer, LiveRoute } from './live-consumer.ts';
import { RouteTable } from './route-table.ts';
import type { SubscriptionSettings } from './subscription-settings.ts';

/** A round visits one part of the consumers at a time, so that it is never felt. */
const ROUND_PARTS = 16;

export class LiveHub {
  readonly #settings: SubscriptionSettings;
  readonly #clock: Clock;
  readonly #observer: SubscriptionObserver;
  readonly #routes = new RouteTable();
  readonly #parts: readonly Set<LiveConsumer>[] = Array.from({ length: ROUND_PARTS }, () => new Set<LiveConsumer>());
  readonly #stopListening: () => void;
  #end: number;
  #consumers = 0;
  #joined = 0;
  /** Bytes of groups seen: the clock of the window. */
  #bytes = 0;
  #lastBuffer: ArrayBufferLike | null = null;
  #windowCheckedAt = 0;
  #nextPart = 0;
  #partDueAtPosition: number;
  #cancelTimer: CancelTimer | null = null;

  constructor(store: Store, settings: SubscriptionSettings, clock: Clock, observer: SubscriptionObserver) {
    this.#settings = settings;
    this.#clock = clock;
    this.#observer = observer;
    this.#end = store.appliedEnd;
    this.#partDueAtPosition = this.#end + this.#positionsPerPart;
    this.#stopListening = store.onApplied((appends) => {
      this.#applied(appends);
    });
  }

  /** Every position below it was offered to those who want it. */
  get end(): number {
    return this.#end;
  }

  /** Consumers that get live events now. */
  get attached(): number {
    return this.#routes.consumers;
  }

  /** All consumers that joined, in no order. */
  *consumers(): Generator<LiveConsumer, void, undefined> {
    for (const part of this.#parts) yield* part;
  }

  /** Takes the consumer into the rounds. Returns how to leave. */
  join(consumer: LiveConsumer): () => void {
    const part = defined(this.#parts[this.#joined++ % ROUND_PARTS], 'a part of the round');
    part.add(consumer);
    this.#consumers += 1;
    this.#startTimer();
    return () => {
      if (!part.delete(consumer)) return;
      this.#consumers -= 1;
      if (this.#consumers === 0) this.#stopTimer();
    };
  }

  /** From now on, beginning at `end`, the consumer is offered what it wants. Returns how to stop that. */
  attach(wanted: LiveRoute, consumer: LiveConsumer): () => void {
    return this.#routes.attach(wanted, consumer);
  }

  /** Listens no more. */
  stop(): void {
    this.#stopListening();
    this.#stopTimer();
  }

  #applied(appends: readonly StoredAppend[]): void {
    for (const append of appends) {
      // Applied before the hub listened, and told all the same.
      if (append.firstPosition < this.#end) continue;
      assert(append.firstPosition === this.#end, () => `applied ${append.firstPosition} after ${this.#end}`);
      const { buffer } = append.bytes;
      if (buffer !== this.#lastBuffer) {
        this.#lastBuffer = buffer;
        this.#bytes += buffer.byteLength;
      }
      this.#routes.route(append, this.#bytes);
      this.#end += append.count;
    }
    if (this.#consumers === 0) return;
    this.#checkWindow();
    for (let part = 0; part < ROUND_PARTS && this.#end >= this.#partDueAtPosition; part++) {
      this.#partDueAtPosition += this.#positionsPerPart;
      this.#visitPart();
    }
    this.#partDueAtPosition = Math.max(this.#partDueAtPosition, this.#end);
  }

  /** Makes consumers give up events older than the window; checked each time a quarter of it has gone by. */
  #checkWindow(): void {
    const { windowBytes } = this.#settings;
    if (this.#bytes - this.#windowCheckedAt < windowBytes / 4) return;
    this.#windowCheckedAt = this.#bytes;
    for (const consumer of this.consumers()) {
      if (consumer.oldestAge !== null && this.#bytes - consumer.oldestAge > windowBytes) consumer.fallBehind();
    }
  }

  get #positionsPerPart(): number {
    return Math.max(1, Math.floor(this.#settings.checkpointPositions / ROUND_PARTS));
  }

  #visitPart(): void {
    const part = defined(this.#parts[this.#nextPart], 'a part of the round');
    this.#nextPart = (this.#nextPart + 1) % ROUND_PARTS;
    let appends = 0;
    let bytes = 0;
    for (const consumer of part) {
      consumer.turn();
      appends = Math.max(appends, consumer.queuedAppends);
      bytes = Math.max(bytes, consumer.queuedBytes);
    }
    this.#observer.queueDepth(appends, bytes);
  }

  #startTimer(): void {
    this.#cancelTimer ??= this.#clock.setTimer(this.#settings.checkpointMillis / ROUND_PARTS, () => {
      this.#cancelTimer = null;
      this.#visitPart();
      if (this.#consumers > 0) this.#startTimer();
    });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
