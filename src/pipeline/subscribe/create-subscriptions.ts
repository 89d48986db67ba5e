/**
 * Subscriptions, stage by stage: begin (bounded) -> filter -> consistency (from the end) -> subscription -> messages. A message is
 * made when it is asked for; when the caller aborts, the server stops, or it has lost the other members, everything is let go of at
 * once, asked for or not.
 */
import type { CompiledFilter } from '../../domain/compiled-filter.ts';
import type { StoreError } from '../../domain/errors.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Store } from '../../storage/store.ts';
import { type SubscriptionObserver, noSubscriptionObserver } from '../../telemetry/subscription-observer.ts';
import type { Contact } from '../contact.ts';
import { alwaysInTouch, outOfTouch } from '../contact.ts';
import type { EventPipeline, SubscriptionMessage, SubscriptionTarget } from '../event-pipeline.ts';
import { awaitConsistency } from '../read/consistency.ts';
import { Operations } from '../read/operation.ts';
import { FilterRegistry } from './filter-registry.ts';
import { LiveHub } from './live-hub.ts';
import { Subscription } from './subscription.ts';
import { type SubscriptionSettings, subscriptionSettings } from './subscription-settings.ts';

/** How subscriptions are, for metrics and tests. */
export interface SubscriptionGauges {
  readonly subscribers: number;
  /** Those that get live events now. */
  readonly attached: number;
  /** The deepest live queue: appends, and bytes. */
  readonly deepestAppends: number;
  readonly deepestBytes: number;
}

/** The subscribing part of {@link EventPipeline}, with the same contract. */
export interface Subscriptions extends Pick<EventPipeline, 'subscribe'> {
  /** Looks at every subscription. */
  gauges(): SubscriptionGauges;
  /** Ends the subscriptions that stand, and every later one, with NOT_SERVING. */
  stop(): void;
}

export interface SubscriptionOptions {
  readonly settings?: Partial<SubscriptionSettings>;
  readonly clock?: Clock;
  /** Default: always in touch. */
  readonly contact?: Contact;
  readonly observer?: SubscriptionObserver;
}

/** A subscription's lifetime, and what it uses meanwhile. */
interface Begun {
  readonly filter: CompiledFilter | null;
  /** Aborted when the caller goes away, the server stops or has lost the other members. */
  readonly signal: AbortSignal;
  readonly close: () => void;
}

/**
 * Subscriptions over `store`, which stays the caller's; listens to it from now on, until `stop`. Settings not given are the
 * defaults of `subscription-settings.ts`; each has to be at least 1.
 */
export function createSubscriptions(store: Store, options: SubscriptionOptions = {}): Subscriptions {
  const { clock = systemClock, contact = alwaysInTouch, observer = noSubscriptionObserver } = options;
  const settings = subscriptionSettings(options.settings ?? {});
  const hub = new LiveHub(store, settings, clock, observer);
  const context = { store, hub, settings, observer };
  const freshness = { store, clock, contact, waitMillis: settings.endWaitMillis };
  const operations = new Operations('subscriptions', settings.maxSubscriptions);
  const filters = new FilterRegistry(settings.maxRegexInstructions);
  let begun = 0;
  const stopLooking = contact.onChange(() => {
    if (contact.state === 'lost') operations.endAll(cutOff());
  });

  /** Begins one. `close` gives back what it used, as the abort of its signal does; calling it again does nothing. */
  function begin(target: SubscriptionTarget, signal: AbortSignal): Begun {
    const operation = operations.begin(signal);
    let filter: CompiledFilter | null = null;
    try {
      if (target.kind === 'all' && target.filter !== null) filter = filters.acquire(target.filter);
    } catch (error) {
      operation.end();
      throw error;
    }
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      if (filter !== null) filters.release(filter);
      operation.end();
      observer.subscribers(operations.active);
    };
    operation.signal.addEventListener('abort', close, { once: true });
    observer.subscribers(operations.active);
    return { filter, signal: operation.signal, close };
  }

  async function* subscribe(
    target: SubscriptionTarget,
    caller: AbortSignal,
  ): AsyncGenerator<SubscriptionMessage, never, undefined> {
    if (contact.state === 'lost') throw cutOff();
    const { filter, signal, close } = begin(target, caller);
    let end: (() => void) | null = null;
    try {
      // What was acknowledged before is behind the end, also when it is not applied here yet.
      if (target.start.kind === 'end') {
        await awaitConsistency(freshness, { kind: 'linearizable' }, signal);
      }
      signal.throwIfAborted();
      const subscription = new Subscription(context, `subscription-${++begun}`, target, filter);
      end = endWith(subscription, signal);
      for (;;) yield await subscription.next();
    } finally {
      end?.();
      close();
    }
  }

  return {
    subscribe,
    gauges: () => gauges(hub, operations.active),
    stop: () => {
      stopLooking();
      operations.stop();
      hub.stop();
    },
  };
}

/** Ends the subscription when `signal` is aborted. Returns how to end it otherwise. */
function endWith(subscription: Subscription, signal: AbortSignal): () => void {
  const end = (): void => {
    const reason: unknown = signal.reason;
    subscription.end(reason instanceof Error ? reason : new Error('the subscription was ended', { cause: reason }));
  };
  signal.addEventListener('abort', end, { once: true });
  return end;
}

/** Whoever is subscribed here would hear nothing, and not know that there is something to hear. */
function cutOff(): StoreError {
  return outOfTouch('it hears of no new events');
}

function gauges(hub: LiveHub, subscribers: number): SubscriptionGauges {
  let deepestAppends = 0;
  let deepestBytes = 0;
  for (const consumer of hub.consumers()) {
    deepestAppends = Math.max(deepestAppends, consumer.queuedAppends);
    deepestBytes = Math.max(deepestBytes, consumer.queuedBytes);
  }
  return { subscribers, attached: hub.attached, deepestAppends, deepestBytes };
}
