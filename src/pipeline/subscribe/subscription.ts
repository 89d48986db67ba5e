/**
 * One subscription: `confirmed`, then events from the store until it has come up to the live ones, `caught-up`, then live
 * events, and back to the store after `fell-behind`.
 *
 * No gap and no duplicate: the consumer attaches to the hub at the hub's end E, reads the store up to E and not beyond, and only
 * then takes what the hub has offered since. When the live queue overflows meanwhile, it detaches, and the next pass over
 * the store goes on from what was delivered. Nothing is done unless a message is asked for, except to take live events
 * into the bounded queue. One message is asked for at a time.
 */
import type { CompiledFilter } from '../../domain/compiled-filter.ts';
import { assert, unreachable } from '../../lib/assert.ts';
import type { Store } from '../../storage/store.ts';
import type { SubscriptionObserver } from '../../telemetry/subscription-observer.ts';
import type { EventBatch, SubscriptionMessage, SubscriptionTarget } from '../event-pipeline.ts';
import { BatchBuilder } from '../read/batch-builder.ts';
import { CatchUpPass } from './catch-up-pass.ts';
import type { LiveConsumer, LiveEvents } from './live-consumer.ts';
import type { LiveHub } from './live-hub.ts';
import { LiveQueue } from './live-queue.ts';
import { Progress } from './progress.ts';
import type { SubscriptionSettings } from './subscription-settings.ts';

/** What a subscription works with. */
export interface SubscriptionContext {
  readonly store: Store;
  readonly hub: LiveHub;
  readonly settings: SubscriptionSettings;
  readonly observer: SubscriptionObserver;
}

type Phase = 'new' | 'catching-up' | 'live' | 'behind';

export class Subscription implements LiveConsumer {
  readonly #context: SubscriptionContext;
  readonly #id: string;
  readonly #target: SubscriptionTarget;
  readonly #filter: CompiledFilter | null;
  readonly #progress: Progress;
  readonly #queue: LiveQueue;
  readonly #builder: BatchBuilder;
  readonly #leave: () => void;
  #phase: Phase = 'new';
  #ended: Error | null = null;
  #detach: (() => void) | null = null;
  #pass: CatchUpPass | null = null;
  /** Where the live queue begins, while attached. */
  #liveFrom = 0;
  #wake: (() => void) | null = null;
  #asking = false;
  /** Since the last turn: a message was asked for; at the last turn: a checkpoint became due. */
  #asked = false;
  #checkpointDue = false;

  /** The start `end` means the hub's end now. */
  constructor(context: SubscriptionContext, id: string, target: SubscriptionTarget, filter: CompiledFilter | null) {
    const { hub, settings } = context;
    this.#context = context;
    this.#id = id;
    this.#target = target;
    this.#filter = filter;
    this.#progress = new Progress(target, hub.end);
    this.#queue = new LiveQueue({ appends: settings.queueAppends, bytes: settings.queueBytes });
    this.#builder = new BatchBuilder(settings.maxBatchBytes);
    this.#leave = hub.join(this);
  }

  /** The next message. Rejects with the reason once it has ended. */
  async next(): Promise<SubscriptionMessage> {
    assert(!this.#asking, 'a subscription is asked for one message at a time');
    this.#asking = true;
    this.#asked = true;
    try {
      for (;;) {
        if (this.#ended !== null) throw this.#ended;
        const message = this.#phase === 'catching-up' ? await this.#catchUp() : this.#ready();
        // What was read is not given out after the end, as the end lets go of everything.
        if (message !== null && this.#isOpen()) return message;
        if (message === null && this.#phase === 'live') await this.#untilWoken();
      }
    } finally {
      this.#asking = false;
    }
  }

  /** Ends it: lets go of everything at once. Messages asked for now or later reject with `reason`. */
  end(reason: Error): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#leave();
    this.#detachFromHub();
    this.#releasePass();
    this.#wakeUp();
  }

  offer(events: LiveEvents): void {
    if (this.#phase === 'live' && this.#queue.length === 0) this.#progress.advance(events.append.firstPosition);
    if (!this.#queue.offer(events)) {
      this.fallBehind();
      return;
    }
    if (this.#phase === 'live') this.#wakeUp();
  }

  fallBehind(): void {
    if (this.#detach === null) return;
    this.#detachFromHub();
    if (this.#phase !== 'live') return;
    this.#phase = 'behind';
    this.#context.observer.fellBehind();
    this.#wakeUp();
  }

  turn(): void {
    // A consumer that does not ask must not keep a snapshot of the store open for ever.
    if (this.#phase === 'catching-up' && !this.#asking && !this.#asked) this.#releasePass();
    this.#asked = false;
    if (this.#phase !== 'live' || this.#wake === null || this.#context.hub.end - 1 <= this.#progress.reported) return;
    this.#checkpointDue = true;
    this.#wakeUp();
  }

  get oldestAge(): number | null {
    return this.#queue.oldest?.age ?? null;
  }

  get queuedAppends(): number {
    return this.#queue.length;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** A message that needs no waiting. */
  #ready(): SubscriptionMessage | null {
    switch (this.#phase) {
      case 'new':
        this.#phase = 'catching-up';
        return { kind: 'confirmed', subscriptionId: this.#id };
      case 'behind':
        this.#phase = 'catching-up';
        return { kind: 'fell-behind', position: this.#progress.looked };
      case 'live':
        return this.#takeLive();
      case 'catching-up':
        return null;
      default:
        return unreachable(this.#phase, 'phase');
    }
  }

  #takeLive(): SubscriptionMessage | null {
    this.#queue.moveTo(this.#builder, this.#progress.lowest);
    const batch = this.#builder.take();
    if (batch !== null) return this.#events(batch);
    this.#progress.advance(this.#context.hub.end);
    return this.#checkpoint(this.#checkpointDue ? 1 : this.#context.settings.checkpointPositions);
  }

  async #catchUp(): Promise<SubscriptionMessage | null> {
    const pass = (this.#pass ??= this.#beginPass());
    const step = await pass.step();
    // Released meanwhile: the end, or nobody asked for long.
    if (this.#pass !== pass) return null;
    if (step !== null) {
      this.#progress.advance(step.looked + 1);
      if (step.batch !== null) return this.#events(step.batch);
      return this.#checkpoint(this.#context.settings.checkpointPositions);
    }
    this.#pass = null;
    this.#progress.advance(pass.end);
    if (this.#detach === null) return null;
    assert(this.#liveFrom === pass.end, () => `live from ${this.#liveFrom}, but read up to ${pass.end}`);
    this.#phase = 'live';
    this.#progress.told();
    return { kind: 'caught-up', position: this.#progress.looked };
  }

  /** Attaches to the hub first when the pass is expected to come up to it before the queue overflows. */
  #beginPass(): CatchUpPass {
    const { store, hub, settings } = this.#context;
    const indexed = this.#target.kind === 'stream' || this.#filter?.scope === 'query';
    if (this.#detach === null && (indexed || hub.end - this.#progress.position <= settings.attachWithin)) {
      this.#liveFrom = hub.end;
      const route =
        this.#target.kind === 'stream'
          ? ({ kind: 'stream', streamId: this.#target.streamId } as const)
          : ({ kind: 'all', filter: this.#filter } as const);
      this.#detach = hub.attach(route, this);
    }
    const end = this.#detach === null ? hub.end : this.#liveFrom;
    return new CatchUpPass(store, this.#target, this.#filter, this.#progress, end, settings.maxBatchBytes);
  }

  #events(batch: EventBatch): SubscriptionMessage {
    this.#progress.delivered(batch);
    this.#checkpointDue = false;
    return { kind: 'events', batch };
  }

  /** Null unless at least `positions` were looked at that the consumer does not know of. */
  #checkpoint(positions: number): SubscriptionMessage | null {
    this.#checkpointDue = false;
    if (this.#progress.unreported < positions) return null;
    this.#progress.told();
    return { kind: 'checkpoint', position: this.#progress.reported };
  }

  #detachFromHub(): void {
    this.#detach?.();
    this.#detach = null;
    this.#queue.clear();
  }

  #releasePass(): void {
    this.#pass?.release();
    this.#pass = null;
  }

  #isOpen(): boolean {
    return this.#ended === null;
  }

  #untilWoken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
