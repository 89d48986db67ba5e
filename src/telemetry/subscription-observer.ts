/**
 * What subscriptions tell about themselves, for metrics. Knows nothing of who listens. Implementations must not throw.
 */
export interface SubscriptionObserver {
  /** How many subscriptions stand now. */
  subscribers(count: number): void;
  /** A consumer was too slow for the live events and is read to from the store again. */
  fellBehind(): void;
  /** The deepest live queue among the subscriptions looked at in one turn of the periodic round, in appends and bytes. */
  queueDepth(appends: number, bytes: number): void;
}

/** Listens to nothing. */
export const noSubscriptionObserver: SubscriptionObserver = {
  subscribers: () => undefined,
  fellBehind: () => undefined,
  queueDepth: () => undefined,
};
