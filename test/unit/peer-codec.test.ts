// Raft messages on the wire: the codec by hand against the generated one, and what it refuses.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageType } from '../../src/cluster/raft-message.ts';
import type { Entry, Message } from '../../src/cluster/raft-message.ts';
import { isStoreError } from '../../src/domain/errors.ts';
import { MessagesRequest } from '../../src/grpc/gen/graveyar/raft/v1/peer.ts';
import { readMessages } from '../../src/grpc/peer/message-reader.ts';
import { encodeMessages, messageSize } from '../../src/grpc/peer/message-writer.ts';

const number = fc.oneof(fc.constantFrom(0, 127, 128, 16_383, 16_384, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 300 });

const ids = fc.array(fc.integer({ min: 1, max: 2 ** 48 }), { maxLength: 4 });
const snapshot = fc.record({
  index: number,
  term: number,
  data: bytes,
  confState: fc.record({
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  }),
});
const remoteTypes = [
  MessageType.MsgAppResp,
  MessageType.MsgVote,
  MessageType.MsgHeartbeat,
  MessageType.MsgReadIndexResp,
  MessageType.MsgPreVoteResp,
];

/** Any message that may come from another member, from 7 to 9. */
const message: fc.Arbitrary<Message> = fc
  .record({
    term: fc.nat({ max: 1000 }).map((term) => term + 10),
    index: fc.nat({ max: 2 ** 40 }),
    datas: fc.array(bytes, { maxLength: 5 }),
    type: fc.constantFrom(...remoteTypes, MessageType.MsgApp, MessageType.MsgSnap),
    commit: number,
    reject: fc.boolean(),
    rejectHint: number,
    context: bytes,
    snapshot,
  })
  .map(({ datas, snapshot: taken, ...rest }) => ({
    ...rest,
    to: 9,
    from: 7,
    logTerm: 3,
    entries:
      rest.type === MessageType.MsgApp
        ? datas.map((data, at): Entry => ({ type: 0, term: 5 + at, index: rest.index + 1 + at, data }))
        : [],
    snapshot: rest.type === MessageType.MsgSnap ? taken : null,
  }));

function encode(messages: readonly Message[]): Buffer {
  return encodeMessages(messages.map((each) => ({ message: each, size: messageSize(each) })));
}

/** Buffers and arrays of bytes alike. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

function sample(changes: Partial<Message> = {}): Message {
  return {
    type: MessageType.MsgApp,
    to: 9,
    from: 7,
    term: 4,
    logTerm: 2,
    index: 10,
    entries: [
      { type: 0, term: 3, index: 11, data: Uint8Array.of(1, 2, 3) },
      { type: 1, term: 4, index: 12, data: Uint8Array.of(4) },
    ],
    commit: 8,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: new Uint8Array(0),
    ...changes,
  };
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isStoreError(error) && error.is('INVALID_ARGUMENT')) return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

describe('the codec of Raft messages', () => {
  it('reads what it has written, whatever the message', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
        expect(plain(readMessages(encode(messages), 7, 9))).toEqual(plain(messages));
      }),
    );
  });

  it('writes what the generated code reads, and reads what it writes', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 3 }), (messages) => {
        const decoded = MessagesRequest.decode(encode(messages));
        expect(plain(decoded.messages.map((each) => ({ ...each, snapshot: each.snapshot ?? null })))).toEqual(
          plain(messages),
        );
        const again = MessagesRequest.encode(decoded).finish();
        expect(plain(readMessages(again, 7, 9))).toEqual(plain(messages));
      }),
    );
  });

  it('takes entry data as a view into what arrived', () => {
    const wire = encode([sample()]);
    const data = readMessages(wire, 7, 9)[0]?.entries[0]?.data;
    expect(data?.buffer).toBe(wire.buffer);
  });

  it('passes over fields of a later version', () => {
    const later = Buffer.concat([encode([sample()]), Buffer.from([0xa2, 0x06, 2, 1, 2])]);
    expect(plain(readMessages(later, 7, 9))).toEqual(plain([sample()]));
  });

  it.each([
    ['from another member than the one that greeted', sample({ from: 8 }), 'messages.from'],
    ['for another member', sample({ to: 8 }), 'messages.to'],
    ['of a kind that a member sends only to itself', sample({ type: MessageType.MsgHup }), 'messages.type'],
    ['of no kind', sample({ type: 99 as MessageType }), 'messages.type'],
    ['with a hole between its entries', sample({ index: 9 }), 'entries.index'],
    ['with entries of a later term than its own', sample({ term: 3 }), 'entries.term'],
    ['with entries of an earlier term than the one before', sample({ logTerm: 4 }), 'entries.term'],
    ['with a snapshot missing', sample({ type: MessageType.MsgSnap, entries: [] }), 'messages.snapshot'],
    [
      'with an entry of no kind',
      sample({ entries: [{ type: 3 as Entry['type'], term: 3, index: 11, data: new Uint8Array(0) }] }),
      'entries.type',
    ],
  ])('refuses a message %s', (_, bad, field) => {
    expect(refusal(() => readMessages(encode([bad]), 7, 9))).toContain(field);
  });

  it.each([
    ['a leadership transfer', MessageType.MsgTransferLeader],
    ['a request to read', MessageType.MsgReadIndex],
    ['a proposal', MessageType.MsgProp],
  ])('takes %s that is passed on for somebody else', (_, type) => {
    const passedOn = sample({ type, from: 8, entries: [] });
    expect(readMessages(encode([passedOn]), 7, 9)).toHaveLength(1);
  });

  it('refuses every cut message and every mutated one that is no message, and never breaks', () => {
    const whole = encode([sample(), sample({ context: Uint8Array.of(9, 9) })]);
    let refused = 0;
    for (let length = 1; length < whole.length; length++) {
      try {
        readMessages(whole.subarray(0, length), 7, 9);
      } catch (error) {
        expect(isStoreError(error)).toBe(true);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(whole.length / 2);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.nat({ max: 255 }), (noise, place, byte) => {
        const mutated = Buffer.from(whole);
        mutated[place % mutated.length] = byte;
        for (const input of [noise, mutated]) {
          try {
            readMessages(input, 7, 9);
          } catch (error) {
            expect(isStoreError(error)).toBe(true);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
