/**
 * Events, as the store receives and keeps them. Pure data; knows nothing of wire or disk.
 *
 * Words: a *position* is an event's place in the whole store, a *revision* its place in its stream. Both start at 0, have
 * no holes, and are safe integers.
 */

/** A UUID in its canonical text form: 36 characters, lower case. Unique within a stream; the idempotency key. */
export type EventId = string;

/** An event on its way in. Fields keep to `limits.ts`; validated before it becomes one of these. */
export interface ProposedEvent {
  readonly id: EventId;
  readonly type: string;
  readonly data: Uint8Array;
  readonly contentType: string;
  readonly metadata: Uint8Array;
  /** No tag twice. */
  readonly tags: readonly string[];
}

/** An event as kept. */
export interface RecordedEvent extends ProposedEvent {
  readonly streamId: string;
  readonly revision: number;
  readonly position: number;
  /** Microseconds since the epoch, by the leader's clock; never decreases with the position. */
  readonly createdAt: number;
}

/** What filters, queries and conditions look at. */
export interface EventFacts {
  readonly streamId: string;
  readonly type: string;
  readonly tags: readonly string[];
}
