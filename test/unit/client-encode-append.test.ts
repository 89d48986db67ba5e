// The SDK's own encoding of appends: the generated code must read back what was written, whatever the fields.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeAppend } from '../../src/client/encode-append.ts';
import { AppendEventRequest } from '../../src/grpc/gen/graveyar/v1/event_store.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 10 }),
  fc.constantFrom(
    '',
    'x'.repeat(63),
    'x'.repeat(64),
    'x'.repeat(65),
    'x'.repeat(127),
    'x'.repeat(128),
    '🎉'.repeat(40),
  ),
);
const bytes = fc
  .oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom(127, 128, 16_383, 16_384))
  .map((length) => Buffer.alloc(length, 'data'));
const event = fc.record({
  id: text,
  type: text,
  data: bytes,
  contentType: text,
  metadata: bytes,
  tags: fc.array(text, { maxLength: 3 }),
});
const expectedVersion = fc.constantFrom(
  undefined,
  { kind: { $case: 'any' as const, any: {} } },
  { kind: { $case: 'noStream' as const, noStream: {} } },
  { kind: { $case: 'streamExists' as const, streamExists: {} } },
  { kind: { $case: 'revision' as const, revision: 0 } },
  { kind: { $case: 'revision' as const, revision: Number.MAX_SAFE_INTEGER } },
);

it('writes the bytes that the generated code writes', () => {
  fc.assert(
    fc.property(text, fc.array(event, { maxLength: 4 }), expectedVersion, (streamId, events, expected) => {
      const message = { streamId, events, expectedVersion: expected };
      const encoded = encodeAppend(message);
      expect(Buffer.from(encoded).equals(AppendEventRequest.encode(message).finish())).toBe(true);
    }),
  );
});
