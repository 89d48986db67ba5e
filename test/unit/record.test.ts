// The append record: against a plain model, against the generated protobuf code, and damaged at every byte.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecidedAppend } from '../../src/domain/append.ts';
import type { RecordedEvent } from '../../src/domain/event.ts';
import { ReadResponse } from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import { decodeGroup, encodeGroup } from '../../src/storage/group.ts';
import { StoredRecord, verifyRecord } from '../../src/storage/record.ts';
import { anyEvent, anyNumber } from '../support/decided.ts';
import { eventId, proposed } from '../support/events.ts';

const anyAppend: fc.Arbitrary<DecidedAppend> = fc
  .record({
    streamId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 70 }),
    streamNumber: anyNumber,
    firstRevision: anyNumber.map((n) => Math.max(0, n - 10)),
    firstPosition: anyNumber.map((n) => Math.max(0, n - 10)),
    createdAt: anyNumber,
    events: fc.array(anyEvent, { minLength: 1, maxLength: 5 }),
  })
  .map((append) => ({ ...append, events: append.events.map((event, i) => ({ ...event, id: eventId(i) })) }));

/** What the record must say, from the append itself. */
function recorded(append: DecidedAppend): RecordedEvent[] {
  const { streamId, createdAt } = append;
  return append.events.map((event, i) => ({
    ...event,
    streamId,
    createdAt,
    revision: append.firstRevision + i,
    position: append.firstPosition + i,
  }));
}

function encode(append: DecidedAppend): StoredRecord {
  const [record] = encodeGroup([append]).appends;
  if (record === undefined) throw new Error('a group of one has one');
  return new StoredRecord(record.bytes);
}

/** Data and metadata as plain arrays of the same class, for comparison. */
const plain = (event: RecordedEvent): unknown => ({
  ...event,
  data: Buffer.from(event.data).toString('hex'),
  metadata: Buffer.from(event.metadata).toString('hex'),
});

describe('append record', () => {
  it('takes any text as the stream id, also with the character that stands for what is no text', () => {
    const event = { ...proposed(0), id: eventId(0) };
    const places = { streamNumber: 0, firstRevision: 0, firstPosition: 0, createdAt: 0 };
    const record = encode({ streamId: 'a\ufffdb', events: [event], ...places });
    verifyRecord(record);
    const at = Buffer.from(record.bytes).indexOf('\ufffd');
    record.bytes.set([0xff], at);
    expect(() => verifyRecord(record)).toThrow(/not text/);
  });

  it('knows events that have the type of the one before', () => {
    const types = ['a', 'a', 'b', 'b'.repeat(127), 'b'.repeat(127), 'b'.repeat(128), 'b'.repeat(128), 'b', 'b', 'b'];
    const events = types.map((type, i) => ({ ...proposed(0, { tags: i === 8 ? ['x'] : [] }), id: eventId(i), type }));
    const places = { streamNumber: 0, firstRevision: 0, firstPosition: 0, createdAt: 0 };
    const record = encode({ streamId: 's', events, ...places });
    const repeats = events.flatMap((_, i) => (i > 0 && record.repeatsFacts(i) ? [i] : []));
    // Not those of 128 bytes, whose length takes two: they are decoded.
    expect(repeats).toEqual([1, 4]);
  });

  it('gives back what was decided', () => {
    fc.assert(
      fc.property(anyAppend, (append) => {
        const record = encode(append);
        verifyRecord(record);
        const { streamId, streamNumber, firstRevision, firstPosition, createdAt, count } = record;
        expect({ streamId, streamNumber, firstRevision, firstPosition, createdAt }).toEqual({
          streamId: append.streamId,
          streamNumber: append.streamNumber,
          firstRevision: append.firstRevision,
          firstPosition: append.firstPosition,
          createdAt: append.createdAt,
        });
        expect(count).toBe(append.events.length);
        for (const [ordinal, event] of recorded(append).entries()) {
          expect(plain(record.event(ordinal))).toEqual(plain(event));
          expect(record.eventId(ordinal)).toBe(event.id);
          expect(record.facts(ordinal)).toEqual({ streamId: event.streamId, type: event.type, tags: event.tags });
          const before = append.events[ordinal - 1];
          if (before !== undefined && record.repeatsFacts(ordinal)) {
            expect([before.type, before.tags, event.tags]).toEqual([event.type, [], []]);
          }
        }
      }),
    );
  });

  it('is, in any part, a ReadResponse to the generated code', () => {
    fc.assert(
      fc.property(anyAppend, fc.nat(5), fc.nat(5), (append, a, b) => {
        const record = encode(append);
        const [from, to] = [Math.min(a, b, record.count), Math.min(Math.max(a, b), record.count)];
        const wire = record.wire(from, to);
        expect(wire.length).toBe(record.wireLength(from, to));
        expect(wire.buffer).toBe(record.bytes.buffer);
        const decoded = ReadResponse.decode(wire).events;
        expect(decoded.map((event) => plain(event as RecordedEvent))).toEqual(
          recorded(append).slice(from, to).map(plain),
        );
        // The same length as the generated code's own encoding: nothing is said twice, and no default is spelt out.
        expect(ReadResponse.encode({ events: decoded }).finish().length).toBe(wire.length);
      }),
    );
  });

  it('refuses every truncation and every extension', () => {
    const { bytes } = encode(example);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => new StoredRecord(bytes.subarray(0, length)), `${length} bytes`).toThrow(
        expect.objectContaining({ code: 'STORAGE_CORRUPT' }),
      );
    }
    expect(() => new StoredRecord(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(/length/);
  });

  it('meets every flipped bit with STORAGE_CORRUPT or another valid record, never another failure', () => {
    const { bytes } = encode(example);
    let found = 0;
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = new Uint8Array(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        verifyRecord(new StoredRecord(damaged));
      } catch (error) {
        expect(error, `bit ${bit}`).toMatchObject({ code: 'STORAGE_CORRUPT' });
        found += 1;
      }
    }
    // All but the payload's own bits, which the checksums around a record guard.
    expect(found).toBeGreaterThan(500);
  });

  it('refuses a layout it does not know', () => {
    const { bytes } = encode(example);
    for (const at of [0, 1]) {
      const newer = new Uint8Array(bytes);
      newer[at] = 9;
      expect(() => new StoredRecord(newer)).toThrow(/unknown/);
    }
  });
});

const example: DecidedAppend = {
  streamId: 'order-1',
  streamNumber: 3,
  firstRevision: 2,
  firstPosition: 300,
  createdAt: 1_700_000_000_000_000,
  events: [proposed(1, { tags: ['a', 'b'] }), proposed(2)],
};

describe('group', () => {
  const decided = (sizes: readonly number[], firstPosition: number): DecidedAppend[] => {
    let position = firstPosition;
    return sizes.map((size, i) => {
      const events = Array.from({ length: size }, (_, n) => proposed(position + n));
      const append = { ...example, streamId: `s${i}`, streamNumber: position, firstPosition: position, events };
      position += size;
      return append;
    });
  };

  it('comes back from its bytes, its records as views', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
        fc.maxSafeNat(),
        (sizes, n) => {
          const group = encodeGroup(decided(sizes, Math.max(0, n - 100)));
          const again = decodeGroup(group.bytes, 'everything');
          expect(again.appends.map(({ bytes }) => Buffer.from(bytes))).toEqual(
            group.appends.map(({ bytes }) => Buffer.from(bytes)),
          );
          for (const { bytes } of [...again.appends, ...group.appends]) expect(bytes.buffer).toBe(group.bytes.buffer);
        },
      ),
    );
  });

  it('refuses every truncation, and a gap between records', () => {
    const { bytes } = encodeGroup(decided([1, 2], 0));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeGroup(bytes.subarray(0, length)), `${length} bytes`).toThrow(
        expect.objectContaining({ code: 'STORAGE_CORRUPT' }),
      );
    }
    const [first, second] = decided([1, 1], 0);
    if (first === undefined || second === undefined) throw new Error('two');
    expect(() => encodeGroup([first, { ...second, firstPosition: 2 }])).toThrow(/position 1 was to follow/);
  });

  it('refuses any bytes with STORAGE_CORRUPT', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, versioned) => {
        if (versioned && bytes.length > 0) bytes[0] = 1;
        expect(() => decodeGroup(bytes, 'everything')).toThrow(expect.objectContaining({ code: 'STORAGE_CORRUPT' }));
      }),
    );
  });
});
