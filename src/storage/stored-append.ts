/**
 * One append as it is kept: a view over its record's bytes, which are the same in the log, in RocksDB, on the way to
 * followers and (the events in it) on the way to readers. Layout: FORMAT.md, "Append record".
 */
import type { EventFacts, EventId, RecordedEvent } from '../domain/event.ts';

/** Read-only and shared: nobody changes its bytes. Events are addressed by their ordinal in the append, from 0. */
export interface StoredAppend {
  /** The whole record. */
  readonly bytes: Uint8Array;
  readonly streamId: string;
  readonly streamNumber: number;
  readonly firstRevision: number;
  readonly firstPosition: number;
  /** Microseconds since the epoch. */
  readonly createdAt: number;
  /** How many events, at least 1. */
  readonly count: number;
  /** The next append belongs to the same transaction: who shows this one must show that one as well. */
  readonly continues: boolean;

  /**
   * The events with ordinals from <= n < to as the bytes of a ReadResponse message: each a field 1 (tag, length,
   * RecordedEvent). Concatenating such pieces gives a longer ReadResponse. A view, not a copy.
   */
  wire(from: number, to: number): Uint8Array;
  /** Bytes that `wire(from, to)` has. */
  wireLength(from: number, to: number): number;
  eventId(ordinal: number): EventId;
  /** Where in `bytes` the 36 characters of the event's id begin. */
  eventIdOffset(ordinal: number): number;
  /** What filters look at; does not touch data or metadata. */
  facts(ordinal: number): EventFacts;
  /** Whether this event, not the first, has plainly the type of the one before and neither has tags. False when that takes decoding. */
  repeatsFacts(ordinal: number): boolean;
  /** Everything of one event, decoded. Data and metadata are views. */
  event(ordinal: number): RecordedEvent;
}
