/**
 * The pipeline: appends, reads and subscriptions over one store. Composes, and decides nothing.
 */
import { systemClock } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import type { Store } from '../storage/store.ts';
import type { AppendOptions } from './append/append-options.ts';
import { AppendPipeline } from './append/append-pipeline.ts';
import type { Contact } from './contact.ts';
import { alwaysInTouch } from './contact.ts';
import type { EventPipeline } from './event-pipeline.ts';
import { createReads } from './read/create-reads.ts';
import type { ReadSettings, Reads } from './read/create-reads.ts';
import { createSubscriptions } from './subscribe/create-subscriptions.ts';
import type { SubscriptionOptions, Subscriptions } from './subscribe/create-subscriptions.ts';

export interface PipelineOptions {
  readonly clock?: Clock;
  /** Whether the store's other members can be heard of. Default: always. */
  readonly contact?: Contact;
  readonly append?: Partial<AppendOptions>;
  readonly read?: Partial<ReadSettings>;
  readonly subscribe?: Omit<SubscriptionOptions, 'clock' | 'contact'>;
}

/** The pipeline with its parts, for metrics. */
export interface ComposedPipeline extends EventPipeline {
  readonly appends: AppendPipeline;
  readonly reads: Reads;
  readonly subscriptions: Subscriptions;
}

/** A pipeline over `store`, which stays the caller's: stop the pipeline, then close the store. */
export function createPipeline(store: Store, options: PipelineOptions = {}): ComposedPipeline {
  const { clock = systemClock, contact = alwaysInTouch } = options;
  const appends = new AppendPipeline(store, { clock, ...options.append });
  const reads = createReads(store, options.read, clock, contact);
  const subscriptions = createSubscriptions(store, { ...options.subscribe, clock, contact });
  return {
    appends,
    reads,
    subscriptions,
    append: (append, signal) => appends.append(append, signal),
    readStream: (read, signal) => reads.readStream(read, signal),
    readAll: (read, signal) => reads.readAll(read, signal),
    listStreams: (query, signal) => reads.listStreams(query, signal),
    subscribe: (target, signal) => subscriptions.subscribe(target, signal),
    async stop() {
      // Subscribers and readers go first: what is still being appended is not theirs to wait for.
      subscriptions.stop();
      reads.stop();
      await appends.stop();
    },
  };
}
