// Reading append requests: equal to what the generated code reads, and strict where that is not.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/domain/errors.ts';
import { readAppendEvent, readAppendTransaction, readSessionAppend } from '../../src/grpc/append-request.ts';
import {
  AppendEventRequest,
  AppendSessionRequest,
  AppendTransactionRequest,
} from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import type { ExpectedVersion } from '../../src/grpc/gen/graveyar/v1/event_store.ts';

const text = (max: number): fc.Arbitrary<string> => fc.string({ unit: 'grapheme', minLength: 1, maxLength: max });
const clean = text(30).filter((value) => !/[\p{Cc}]/u.test(value) && value.isWellFormed());
const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));
const event = fc.record({
  id: fc.uuid(),
  type: clean,
  data: bytes,
  contentType: fc.constantFrom('', 'application/json'),
  metadata: bytes,
  tags: fc.uniqueArray(clean, { maxLength: 4 }),
});
const version: fc.Arbitrary<ExpectedVersion | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<ExpectedVersion>(
    { kind: { $case: 'any', any: {} } },
    { kind: { $case: 'noStream', noStream: {} } },
    { kind: { $case: 'streamExists', streamExists: {} } },
  ),
  fc.maxSafeNat().map((revision): ExpectedVersion => ({ kind: { $case: 'revision', revision } })),
);
const request = fc.record({
  streamId: clean,
  events: fc.uniqueArray(event, { minLength: 1, maxLength: 5, selector: ({ id }) => id }),
  expectedVersion: version,
});

const kinds = { any: 'any', noStream: 'no-stream', streamExists: 'stream-exists', revision: 'revision' } as const;

function expectedAppend(message: AppendEventRequest): object {
  const { kind } = message.expectedVersion ?? {};
  const expectedVersion =
    kind?.$case === 'revision' ? { kind: 'revision', revision: kind.revision } : { kind: kinds[kind?.$case ?? 'any'] };
  return {
    streamId: message.streamId,
    events: message.events.map((each) => ({ ...each, data: hex(each.data), metadata: hex(each.metadata) })),
    expectedVersion,
  };
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

function plain(append: ReturnType<typeof readAppendEvent>): object[] {
  return append.streams.map((stream) => ({
    ...stream,
    events: stream.events.map((each) => ({ ...each, data: hex(each.data), metadata: hex(each.metadata) })),
  }));
}

function rejection(run: () => unknown): StoreError<'INVALID_ARGUMENT'> {
  try {
    run();
  } catch (error) {
    if (error instanceof StoreError && error.is('INVALID_ARGUMENT')) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const good = {
  id: randomUUID(),
  type: 't',
  data: Buffer.alloc(0),
  contentType: '',
  metadata: Buffer.alloc(0),
  tags: [],
};

describe('append requests', () => {
  it('are read as the generated code reads them', () => {
    fc.assert(
      fc.property(request, (message) => {
        expect(plain(readAppendEvent(AppendEventRequest.encode(message).finish()))).toEqual([expectedAppend(message)]);
      }),
      { numRuns: 300 },
    );
  });

  it('are read the same in a session and in a transaction', () => {
    fc.assert(
      fc.property(request, fc.maxSafeNat(), (message, correlationId) => {
        const wire = AppendSessionRequest.encode({ correlationId, append: message }).finish();
        const session = readSessionAppend(wire);
        expect(session.correlationId).toBe(correlationId);
        if (session.append instanceof Error) throw session.append;
        expect(plain(session.append)).toEqual([expectedAppend(message)]);
        const other = { ...message, streamId: `${message.streamId}2` };
        const both = AppendTransactionRequest.encode({ appends: [message, other], condition: undefined }).finish();
        expect(plain(readAppendTransaction(both))).toEqual([expectedAppend(message), expectedAppend(other)]);
      }),
      { numRuns: 100 },
    );
  });

  it('accept fields of later versions', () => {
    const known = AppendEventRequest.encode({ streamId: 's', events: [good], expectedVersion: undefined }).finish();
    const unknown = Buffer.from([0xc2, 0x3e, 0x02, 0x68, 0x69, 0xc8, 0x3e, 0x05]);
    expect(readAppendEvent(Buffer.concat([unknown, known, unknown])).streams[0]?.streamId).toBe('s');
  });

  it('are refused at every truncation, never half read', () => {
    const whole = AppendEventRequest.encode({
      streamId: 'stream',
      events: [good],
      expectedVersion: undefined,
    }).finish();
    for (let length = 0; length < whole.length; length++) {
      expect(() => readAppendEvent(whole.subarray(0, length)), `first ${length} bytes`).toThrow(StoreError);
    }
    expect(readAppendEvent(whole).streams).toHaveLength(1);
  });

  it('refuse text that is not UTF-8, in every text field, short or long', () => {
    const fields = (value: Buffer): Record<string, Buffer> => ({
      stream_id: Buffer.concat([Buffer.of(10, value.length), value]),
      id: nested(Buffer.concat([Buffer.of(10, value.length), value])),
      type: nested(Buffer.concat([Buffer.of(18, value.length), value])),
      content_type: nested(Buffer.concat([Buffer.of(34, value.length), value])),
      tags: nested(Buffer.concat([Buffer.of(50, value.length), value])),
    });
    for (const bad of [
      Buffer.of(0xff),
      Buffer.of(0xed, 0xa0, 0x80),
      Buffer.concat([Buffer.alloc(60, 97), Buffer.of(0xc3)]),
    ]) {
      for (const [field, message] of Object.entries(fields(bad))) {
        expect(rejection(() => readAppendEvent(message)).message, field).toContain('is not valid UTF-8');
      }
    }
    const replacement = Buffer.from('\ufffd'.repeat(20));
    const streamId = Buffer.concat([Buffer.of(10, replacement.length), replacement]);
    const events = nested(Buffer.concat([Buffer.of(10, 36), Buffer.from(good.id), Buffer.of(18, 1, 97)]));
    expect(readAppendEvent(Buffer.concat([streamId, events])).streams[0]?.streamId).toBe('\ufffd'.repeat(20));
  });

  it('name the choice that was not made, and numbers that are too large', () => {
    const empty = { streamId: 's', events: [good], expectedVersion: { kind: undefined } };
    expect(rejection(() => readAppendEvent(AppendEventRequest.encode(empty).finish())).details.field).toBe(
      'expected_version',
    );
    const session = AppendSessionRequest.encode({ correlationId: 7, append: undefined }).finish();
    expect(readSessionAppend(session)).toMatchObject({ correlationId: 7, append: { details: { field: 'append' } } });
    const huge = Buffer.from([26, 11, 32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    expect(rejection(() => readAppendEvent(huge)).message).toContain('above 9007199254740991');
  });

  it('refuse nested messages that reach beyond their parent', () => {
    const inner = Buffer.of(18, 4, 10, 36, 1, 1);
    expect(rejection(() => readAppendEvent(inner)).message).toContain('not a valid protobuf message');
    const event = Buffer.of(18, 3, 10, 2, 97, 98, 10, 1, 115);
    expect(rejection(() => readAppendEvent(event)).message).toContain('goes beyond its message');
  });
});

function nested(event: Buffer): Buffer {
  return Buffer.concat([Buffer.of(18, event.length), event]);
}
