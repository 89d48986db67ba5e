/**
 * The pipeline's surface: what the API layer calls. Requests that reach it are well-formed (the API layer built them with
 * the validators of `src/domain`); everything else about them is decided here.
 */
import type { Append, AppendResult } from '../domain/append.ts';
import type { Filter } from '../domain/filter.ts';
import type { ReadDirection, StreamSummary } from '../storage/store.ts';

/** How fresh a read must be. */
export type ReadConsistency =
  | { readonly kind: 'linearizable' }
  | { readonly kind: 'at-least'; readonly position: number }
  | { readonly kind: 'local' };

export interface StreamRead {
  readonly streamId: string;
  readonly direction: ReadDirection;
  /** Null: the stream's first (forwards) or last (backwards) event. */
  readonly fromRevision: number | null;
  /** At most so many events; null means no limit. */
  readonly limit: number | null;
  readonly consistency: ReadConsistency;
}

export interface AllRead {
  readonly direction: ReadDirection;
  /** `time`: microseconds; forwards the first event at or after it, backwards the last at or before it. Null: the first or last event. */
  readonly from:
    | { readonly kind: 'position'; readonly position: number }
    | { readonly kind: 'time'; readonly micros: number }
    | null;
  readonly limit: number | null;
  readonly filter: Filter | null;
  readonly consistency: ReadConsistency;
}

/** Some events in the order asked for. `wire` is a complete ReadResponse message; nobody changes it. */
export interface EventBatch {
  readonly wire: Uint8Array;
  /** How many events, at least 1. */
  readonly count: number;
  /** Revision and position of the batch's last event. */
  readonly lastRevision: number;
  readonly lastPosition: number;
}

export type SubscriptionTarget =
  | { readonly kind: 'stream'; readonly streamId: string; readonly start: SubscriptionStart }
  | { readonly kind: 'all'; readonly filter: Filter | null; readonly start: SubscriptionStart };

/** `after`: after this revision (stream) or position (all). */
export type SubscriptionStart =
  { readonly kind: 'beginning' } | { readonly kind: 'after'; readonly value: number } | { readonly kind: 'end' };

/** `position`: the last position looked at; null when there was none. */
export type SubscriptionMessage =
  | { readonly kind: 'confirmed'; readonly subscriptionId: string }
  | { readonly kind: 'events'; readonly batch: EventBatch }
  | { readonly kind: 'caught-up'; readonly position: number | null }
  | { readonly kind: 'fell-behind'; readonly position: number | null }
  | { readonly kind: 'checkpoint'; readonly position: number };

export interface StreamPage {
  readonly streams: readonly StreamSummary[];
  /** The last stream id of the page when there is more, else null. */
  readonly next: string | null;
}

export interface EventPipeline {
  /**
   * Decides and commits one atomic append; durable when it resolves. One result for each stream, in order. Appends of one
   * caller that are submitted in order (without awaiting between) are decided in that order. Rejects with StoreError.
   * Aborting before the decision cancels it; later it only stops the waiting.
   */
  append(append: Append, signal: AbortSignal): Promise<readonly AppendResult[]>;

  /** Rejects with STREAM_NOT_FOUND when the stream has no events. Pulled: a batch is read when it is asked for. */
  readStream(read: StreamRead, signal: AbortSignal): AsyncIterable<EventBatch>;

  readAll(read: AllRead, signal: AbortSignal): AsyncIterable<EventBatch>;

  /** Ends only by abort (rejects with the signal's reason) or when the server stops (NOT_SERVING). Pulled: not asking is back-pressure. */
  subscribe(target: SubscriptionTarget, signal: AbortSignal): AsyncIterable<SubscriptionMessage>;

  listStreams(
    query: {
      readonly prefix: string;
      readonly after: string | null;
      readonly limit: number;
      readonly consistency: ReadConsistency;
    },
    signal: AbortSignal,
  ): Promise<StreamPage>;

  /** Stops taking work (NOT_SERVING), finishes appends already admitted, ends subscriptions. Resolves when done. */
  stop(): Promise<void>;
}
