/**
 * What passes between the live hub and a subscription.
 */
import type { CompiledFilter } from '../../domain/compiled-filter.ts';
import type { StoredAppend } from '../../storage/stored-append.ts';
import type { Runs } from '../read/selection.ts';

/** The events of one append that a route wants. Made once and shared by all consumers of the route: nobody changes it. */
export interface LiveEvents {
  readonly append: StoredAppend;
  readonly runs: Runs;
  /** Bytes of appends that the hub had seen up to this one: tells how old it is, in bytes. */
  readonly age: number;
}

/** What a consumer wants of the hub: a stream, everything (null), or what a filter matches. */
export type LiveRoute =
  | { readonly kind: 'stream'; readonly streamId: string }
  | { readonly kind: 'all'; readonly filter: CompiledFilter | null };

/** A subscription, as the hub sees it. Its methods are called while appends are applied: they neither wait nor throw. */
export interface LiveConsumer {
  /** Takes events in the order of positions. When there is no room for them, the consumer detaches itself. */
  offer(events: LiveEvents): void;
  /** The `age` of the oldest events it holds; null when it holds none. */
  readonly oldestAge: number | null;
  /** Gives up the events it holds, to read them from the store later. */
  fallBehind(): void;
  /** Called in rounds, at least once per checkpoint interval and per `checkpointPositions`. */
  turn(): void;
  readonly queuedAppends: number;
  readonly queuedBytes: number;
}
