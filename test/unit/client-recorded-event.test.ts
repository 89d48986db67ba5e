// Reading recorded events by hand, against the generated code; and what callers get of them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordedEvent, decodeEvents } from '../../src/client/recorded-event.ts';
import { decodeSubscriptionMessage } from '../../src/client/subscription-requests.ts';
import { ReadResponse, SubscribeResponse } from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import { encodeSubscriptionMessage } from '../../src/grpc/subscribe-request.ts';

const bytes = fc.uint8Array({ maxLength: 400 }).map((value) => Buffer.from(value));
const number = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 32 - 1, 2 ** 32));
const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((value) => value.isWellFormed());
const recorded = fc.record({
  id: fc.uuid(),
  type: text,
  data: bytes,
  contentType: text,
  metadata: bytes,
  tags: fc.array(text, { maxLength: 4 }),
  streamId: text,
  revision: number,
  position: number,
  createdAt: number,
});

const plain = (event: { data: Uint8Array; metadata: Uint8Array }): object => ({
  ...event,
  data: Buffer.from(event.data).toString('hex'),
  metadata: Buffer.from(event.metadata).toString('hex'),
});

describe('recorded events', () => {
  it('are read as the generated code reads them', () => {
    fc.assert(
      fc.property(fc.array(recorded, { maxLength: 5 }), (events) => {
        const wire = ReadResponse.encode({ events }).finish();
        expect(decodeEvents(wire).map(plain)).toEqual(ReadResponse.decode(wire).events.map(plain));
      }),
      { numRuns: 300 },
    );
  });

  it('pass through a subscription as they are, at every length of the prefix', () => {
    for (const size of [1, 100, 127, 128, 16_000, 16_384, 2_097_152]) {
      const data = Buffer.alloc(size, 3);
      const none = Buffer.alloc(0);
      const text = { id: '', type: '', contentType: '', streamId: '', tags: [] };
      const event = { ...text, data, metadata: none, revision: 0, position: 9, createdAt: 0 };
      const wire = ReadResponse.encode({ events: [event] }).finish();
      const batch = { wire, count: 1, lastRevision: 0, lastPosition: 9 };
      const message = encodeSubscriptionMessage({ kind: 'events', batch });
      const { kind } = SubscribeResponse.decode(message);
      expect(kind?.$case === 'events' && kind.events.events.map(({ data }) => data.length)).toEqual([size]);
      const read = decodeSubscriptionMessage(message);
      expect(read?.kind === 'events' && read.events.map(({ data }) => data.length)).toEqual([size]);
    }
  });

  it('give their data as text and JSON, and fail on what is neither', () => {
    const event = new RecordedEvent();
    event.data = Buffer.from('{"a":"ü"}');
    expect(event.text()).toBe('{"a":"ü"}');
    expect(event.json()).toEqual({ a: 'ü' });
    expect(event.metadataJson()).toBeUndefined();
    event.metadata = Buffer.from('[1]');
    expect(event.metadataJson()).toEqual([1]);
    event.createdAt = 1_700_000_000_123_456;
    expect(event.created.toISOString()).toBe('2023-11-14T22:13:20.123Z');
    event.data = Buffer.of(0xff);
    expect(() => event.text()).toThrow(TypeError);
    event.data = Buffer.from('{');
    expect(() => event.json()).toThrow(SyntaxError);
  });
});

describe('steps of a subscription', () => {
  it.each([
    { kind: 'confirmed', subscriptionId: 'x' },
    { kind: 'caught-up', position: null },
    { kind: 'caught-up', position: 0 },
    { kind: 'fell-behind', position: 2 ** 40 },
    { kind: 'checkpoint', position: 7 },
  ] as const)('$kind arrive as they were sent', (message) => {
    expect(decodeSubscriptionMessage(encodeSubscriptionMessage(message))).toEqual(message);
  });

  it('of a later version are passed over', () => {
    expect(decodeSubscriptionMessage(Buffer.of(0xfa, 0x01, 0))).toBeNull();
  });
});
