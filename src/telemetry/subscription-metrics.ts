/**
 * Metrics of subscriptions: how many there are, how far the slowest live queue lags, how often a consumer fell behind.
 */
import { Counter, Gauge } from 'prom-client';
import { METRIC_PREFIX } from './metrics-registry.ts';
import type { MetricsRegistry } from './metrics-registry.ts';
import type { SubscriptionObserver } from './subscription-observer.ts';

/** Makes the observer and registers its metrics. */
export function createSubscriptionMetrics({ registry }: MetricsRegistry): SubscriptionObserver {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: METRIC_PREFIX + name, help, registers });
  const subscribers = gauge('subscribers', 'Subscriptions that stand.');
  const depthAppends = gauge('subscription_queue_appends', 'Appends in the deepest live queue.');
  const depthBytes = gauge('subscription_queue_bytes', 'Bytes in the deepest live queue.');
  const fellBehind = new Counter({
    name: `${METRIC_PREFIX}subscriptions_fell_behind_total`,
    help: 'How often a consumer was too slow for live events and is read to from disk again.',
    registers,
  });
  return {
    subscribers: (count) => {
      subscribers.set(count);
    },
    fellBehind: () => {
      fellBehind.inc();
    },
    queueDepth: (appends, bytes) => {
      depthAppends.set(appends);
      depthBytes.set(bytes);
    },
  };
}
