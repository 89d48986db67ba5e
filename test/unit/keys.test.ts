// Keys: in the order of their parts, there and back, no kind within another.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  eventIdBucketKey,
  keyAfter,
  keyKinds,
  kindRange,
  largeRecordKey,
  metaKeys,
  pageKey,
  positionOfKey,
  prefixEnd,
  readStreamHeadKey,
  readStreamIndexKey,
  readTextKey,
  streamHeadKey,
  streamIndexKey,
  tagKey,
  typeKey,
  type KeyKind,
} from '../../src/storage/keys.ts';
import { anyNumber } from '../support/decided.ts';

const sign = (n: number): number => Math.sign(n);
const compareText = (a: string, b: string): number => sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
const compareKeys = (a: Uint8Array, b: Uint8Array): number => sign(Buffer.compare(a, b));
/** The order of tuples of numbers and texts. */
function compareParts(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    const order = typeof x === 'number' ? sign(x - Number(y)) : compareText(x, String(y));
    if (order !== 0) return order;
  }
  return 0;
}

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\0', '\x01', 'a', 'b', 'é', '\uffff'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
  minLength: 1,
  maxLength: 5,
});
const near = fc.oneof(fc.nat(3), anyNumber);

describe('keys', () => {
  it('have the order of their numbers, and give them back', () => {
    fc.assert(
      fc.property(fc.tuple(near, near), fc.tuple(near, near), (a, b) => {
        expect(compareKeys(pageKey(a[0]), pageKey(b[0]))).toBe(sign(a[0] - b[0]));
        expect(compareKeys(largeRecordKey(a[0]), largeRecordKey(b[0]))).toBe(sign(a[0] - b[0]));
        expect(compareKeys(streamIndexKey(...a), streamIndexKey(...b))).toBe(compareParts(a, b));
        expect(positionOfKey(pageKey(a[0]))).toBe(a[0]);
        expect(readStreamIndexKey(streamIndexKey(...a))).toEqual({ streamNumber: a[0], firstRevision: a[1] });
      }),
    );
  });

  it('have the order of text, then number, whatever the text', () => {
    for (const [kind, make] of Object.entries({ type: typeKey, tag: tagKey })) {
      fc.assert(
        fc.property(fc.tuple(text, near), fc.tuple(text, near), (a, b) => {
          expect(compareKeys(make(...a), make(...b)), kind).toBe(compareParts(a, b));
          expect([readTextKey(make(...a)), positionOfKey(make(...a))]).toEqual(a);
        }),
      );
    }
  });

  it('keep all positions of a text apart from those of every other', () => {
    fc.assert(
      fc.property(text, fc.tuple(text, near), (own, [other, position]) => {
        const key = typeKey(other, position);
        const within =
          compareKeys(typeKey(own, 0), key) <= 0 && compareKeys(key, typeKey(own, Number.MAX_SAFE_INTEGER)) <= 0;
        expect(within).toBe(own === other);
      }),
    );
  });

  it('have the byte order of stream ids', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(compareKeys(streamHeadKey(a), streamHeadKey(b))).toBe(compareText(a, b));
        expect(readStreamHeadKey(streamHeadKey(a))).toBe(a);
        const under =
          compareKeys(streamHeadKey(b), streamHeadKey(a)) >= 0 &&
          compareKeys(streamHeadKey(b), prefixEnd(streamHeadKey(a))) < 0;
        expect(under).toBe(Buffer.from(b).subarray(0, Buffer.byteLength(a)).equals(Buffer.from(a)));
      }),
    );
  });

  it('have the order of level, run and bucket', () => {
    const level = fc.integer({ min: 0, max: 5 });
    const bucket = fc.nat({ max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.tuple(level, near, bucket), fc.tuple(level, near, bucket), (a, b) => {
        const order = a.map((part, i) => Math.sign(part - (b[i] ?? 0))).find((sign) => sign !== 0) ?? 0;
        expect(compareKeys(eventIdBucketKey(...a), eventIdBucketKey(...b))).toBe(order);
      }),
    );
  });

  it('lie within their kind, and no kinds overlap', () => {
    const examples: Readonly<Record<KeyKind, Uint8Array>> = {
      meta: metaKeys.confState,
      page: pageKey(Number.MAX_SAFE_INTEGER),
      largeRecord: largeRecordKey(Number.MAX_SAFE_INTEGER),
      streamIndex: streamIndexKey(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      streamHead: streamHeadKey('\u{10ffff}'.repeat(256)),
      eventId: eventIdBucketKey(255, Number.MAX_SAFE_INTEGER, 2 ** 32 - 1),
      type: typeKey('\u{10ffff}', Number.MAX_SAFE_INTEGER),
      tag: tagKey('\u{10ffff}', Number.MAX_SAFE_INTEGER),
    };
    const kinds = Object.keys(keyKinds) as KeyKind[];
    for (const kind of kinds) {
      for (const other of kinds) {
        const { gte, lt } = kindRange(other);
        const key = examples[kind];
        expect(compareKeys(gte, key) <= 0 && compareKeys(key, lt) < 0, `${kind} in ${other}`).toBe(kind === other);
      }
    }
    expect(new Set(Object.values(metaKeys).map((key) => Buffer.from(key).toString('hex'))).size).toBe(5);
  });

  it('have a next key with nothing in between', () => {
    const key = Uint8Array.of(1, 2);
    expect(keyAfter(key)).toEqual(Uint8Array.of(1, 2, 0));
    expect(prefixEnd(Uint8Array.of(1, 0xff, 0xff))).toEqual(Uint8Array.of(2));
    expect(key).toEqual(Uint8Array.of(1, 2));
  });
});
