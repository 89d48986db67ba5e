/**
 * One stream's appends that are decided but not known to be applied. Knows nothing of other streams.
 */
import type { DecidedAppend, StreamHead } from '../../domain/append.ts';
import type { EventId } from '../../domain/event.ts';

/** Up to so many events are searched one by one; more get a map. Most streams have one or two in flight. */
const MAP_FROM = 16;

export class InFlightStream {
  /** The newest state of the stream, its in-flight appends included. */
  head: StreamHead;
  readonly #appends: DecidedAppend[] = [];
  #events = 0;
  #revisions: Map<EventId, number> | null = null;

  constructor(first: DecidedAppend) {
    this.head = headAfter(first);
    this.add(first);
  }

  /** Adds the stream's next append. */
  add(decided: DecidedAppend): void {
    this.head = headAfter(decided);
    this.#appends.push(decided);
    this.#events += decided.events.length;
    if (this.#revisions !== null) addRevisions(this.#revisions, decided);
    else if (this.#events > MAP_FROM) this.#revisions = revisionsOf(this.#appends);
  }

  /** Forgets the appends below the position. Must leave at least one. */
  dropBelow(position: number): void {
    let dropped = 0;
    for (const decided of this.#appends) {
      if (decided.firstPosition >= position) break;
      dropped += 1;
      this.#events -= decided.events.length;
      if (this.#revisions !== null) for (const event of decided.events) this.#revisions.delete(event.id);
    }
    this.#appends.splice(0, dropped);
  }

  /** The revision of an event in flight, undefined when no event in flight has the id. */
  revisionOf(eventId: EventId): number | undefined {
    if (this.#revisions !== null) return this.#revisions.get(eventId);
    for (const { events, firstRevision } of this.#appends) {
      for (let ordinal = 0; ordinal < events.length; ordinal++) {
        if (events[ordinal]?.id === eventId) return firstRevision + ordinal;
      }
    }
    return undefined;
  }

  /** The position of an event in flight, undefined when the revision is not in flight. */
  positionOf(revision: number): number | undefined {
    for (const { events, firstRevision, firstPosition } of this.#appends) {
      const ordinal = revision - firstRevision;
      if (ordinal >= 0 && ordinal < events.length) return firstPosition + ordinal;
    }
    return undefined;
  }
}

function headAfter(decided: DecidedAppend): StreamHead {
  const last = decided.events.length - 1;
  return {
    streamNumber: decided.streamNumber,
    lastRevision: decided.firstRevision + last,
    lastPosition: decided.firstPosition + last,
  };
}

function revisionsOf(appends: readonly DecidedAppend[]): Map<EventId, number> {
  const revisions = new Map<EventId, number>();
  for (const decided of appends) addRevisions(revisions, decided);
  return revisions;
}

function addRevisions(revisions: Map<EventId, number>, decided: DecidedAppend): void {
  for (const [ordinal, event] of decided.events.entries()) revisions.set(event.id, decided.firstRevision + ordinal);
}
