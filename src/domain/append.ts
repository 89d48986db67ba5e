/**
 * Appends: what a caller asks for, and what was decided. Pure data.
 */
import type { EventId, ProposedEvent } from './event.ts';
import type { Query } from './query.ts';

/** The state a stream must be in. */
export type ExpectedVersion =
  | { readonly kind: 'any' }
  | { readonly kind: 'no-stream' }
  | { readonly kind: 'stream-exists' }
  | { readonly kind: 'revision'; readonly revision: number };

/** Events for one stream. At least one event; no event id twice. */
export interface StreamAppend {
  readonly streamId: string;
  readonly events: readonly ProposedEvent[];
  readonly expectedVersion: ExpectedVersion;
}

/** Fails the append when an event that matches `query` exists at a position greater than `afterPosition` (null: at all). */
export interface AppendCondition {
  readonly query: Query;
  readonly afterPosition: number | null;
}

/** One atomic append: one stream (AppendEvent) or several, each at most once (AppendTransaction). */
export interface Append {
  readonly streams: readonly StreamAppend[];
  readonly condition: AppendCondition | null;
}

/** Where one stream's part of an append is. Revisions and positions are inclusive. */
export interface AppendResult {
  readonly firstRevision: number;
  readonly lastRevision: number;
  readonly firstPosition: number;
  readonly lastPosition: number;
  /** True when the events were there before this append. */
  readonly duplicate: boolean;
}

/** The newest state of a stream that exists. */
export interface StreamHead {
  /** Names the stream in keys: the position of its first event, hence unique and the same on every replica. */
  readonly streamNumber: number;
  readonly lastRevision: number;
  readonly lastPosition: number;
}

/** One stream's part of an append, decided: its places are fixed, and nothing validates it again. */
export interface DecidedAppend {
  readonly streamId: string;
  readonly streamNumber: number;
  readonly firstRevision: number;
  readonly firstPosition: number;
  /** Microseconds since the epoch. */
  readonly createdAt: number;
  readonly events: readonly ProposedEvent[];
  /** The next append belongs to the same transaction: both are seen, or neither. Default false. */
  readonly continues?: boolean;
}

/** What has to be loaded before an append can be decided. */
export interface DecisionNeed {
  /** Streams whose heads are wanted, each with the event ids to look up in it. */
  readonly streams: ReadonlyMap<string, readonly EventId[]>;
  readonly conditions: readonly AppendCondition[];
}

/** What was found. Complete for its {@link DecisionNeed}: a stream or id that is not in a map does not exist. */
export interface DecisionFacts {
  readonly heads: ReadonlyMap<string, StreamHead>;
  /** By stream id, then event id: the revision that has this id. */
  readonly revisions: ReadonlyMap<string, ReadonlyMap<EventId, number>>;
  /** For each condition of the need, in order: the position of a matching event after its position, or null. */
  readonly conditionMatches: readonly (number | null)[];
}
