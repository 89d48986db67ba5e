/**
 * Decided appends for tests of storage: arbitrary ones for properties, and a builder that keeps positions and revisions as the
 * pipeline would.
 */
import fc from 'fast-check';
import type { DecidedAppend } from '../../src/domain/append.ts';
import type { ProposedEvent, RecordedEvent } from '../../src/domain/event.ts';
import { eventId } from './events.ts';

/** What a test asks for; ids are made from positions. */
export interface Wanted {
  readonly streamId: string;
  readonly events: readonly Omit<ProposedEvent, 'id'>[];
  readonly createdAt: number;
}

/** Gives appends their places, from an empty store on, and remembers the events. */
export class Decider {
  /** Everything decided, by position. */
  readonly log: RecordedEvent[] = [];
  readonly #heads = new Map<string, { readonly streamNumber: number; readonly next: number }>();

  decide({ streamId, events, createdAt }: Wanted): DecidedAppend {
    const firstPosition = this.log.length;
    const { streamNumber, next } = this.#heads.get(streamId) ?? { streamNumber: firstPosition, next: 0 };
    const withIds = events.map((event, i) => ({ ...event, id: eventId(firstPosition + i) }));
    for (const [i, event] of withIds.entries()) {
      this.log.push({ ...event, streamId, createdAt, revision: next + i, position: firstPosition + i });
    }
    this.#heads.set(streamId, { streamNumber, next: next + events.length });
    return { streamId, streamNumber, firstRevision: next, firstPosition, createdAt, events: withIds };
  }
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('\0', 'a\0b', 'ünïcödé', '🎉'.repeat(40), 'x'.repeat(100)),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 100, max: 6000 }).map((length) => new Uint8Array(length).fill(length)),
);

/** Any event, without an id. */
export const anyEvent: fc.Arbitrary<Omit<ProposedEvent, 'id'>> = fc.record({
  type: text.map((value) => value || 'type'),
  data: bytes,
  contentType: text,
  metadata: bytes,
  tags: fc.uniqueArray(text, { maxLength: 4 }),
});

/** Any place: revision, position and time over the whole range of safe integers. */
export const anyNumber = fc.oneof(fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 32 - 1), fc.maxSafeNat());
