/**
 * Subscriptions, stage by stage: begin (bounded) -> filter -> subscription -> messages. A message is made when it is asked for;
 * when the caller aborts, or the server stops, everything is let go of at once, asked for or not.
 */
import type { CompiledFilter } from '../../domain/compiled-filter.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Store } from '../../storage/store.ts';
import { type SubscriptionObserver, noSubscriptionObserver } from '../../telemetry/subscription-observer.ts';
import type { EventPipeline, SubscriptionMessage, SubscriptionTarget } from '../event-pipeline.ts';
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
  readonly observer?: SubscriptionObserver;
}

/**
 * Subscriptions over `store`, which stays the caller's; listens to it from now on, until `stop`. Settings not given are the
 * defaults of `subscription-settings.ts`; each has to be at least 1.
 */
export function createSubscriptions(store: Store, options: SubscriptionOptions = {}): Subscriptions {
  const { clock = systemClock, observer = noSubscriptionObserver } = options;
  const settings = subscriptionSettings(options.settings ?? {});
  const hub = new LiveHub(store, settings, clock, observer);
  const context = { store, hub, settings, observer };
  const operations = new Operations('subscriptions', settings.maxSubscriptions);
  const filters = new FilterRegistry(settings.maxRegexInstructions);
  let begun = 0;

  /** Begins one. `close` ends it with a reason and gives back what it used; calling it again does nothing. */
  function begin(target: SubscriptionTarget, signal: AbortSignal): { subscription: Subscription; close: () => void } {
    const operation = operations.begin(signal);
    let filter: CompiledFilter | null = null;
    try {
      if (target.kind === 'all' && target.filter !== null) filter = filters.acquire(target.filter);
    } catch (error) {
      operation.end();
      throw error;
    }
    const subscription = new Subscription(context, `subscription-${++begun}`, target, filter);
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      const reason: unknown = operation.signal.reason;
      subscription.end(reason instanceof Error ? reason : new Error('the subscription was ended', { cause: reason }));
      if (filter !== null) filters.release(filter);
      operation.end();
      observer.subscribers(operations.active);
    };
    operation.signal.addEventListener('abort', close, { once: true });
    observer.subscribers(operations.active);
    return { subscription, close };
  }

  async function* subscribe(
    target: SubscriptionTarget,
    signal: AbortSignal,
  ): AsyncGenerator<SubscriptionMessage, never, undefined> {
    const { subscription, close } = begin(target, signal);
    try {
      for (;;) yield await subscription.next();
    } finally {
      close();
    }
  }

  return {
    subscribe,
    gauges: () => gauges(hub, operations.active),
    stop: () => {
      operations.stop();
      hub.stop();
    },
  };
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
