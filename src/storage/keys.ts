/**
 * The keys of the event state: ordered bytes, a first byte for each kind. Layout and values: FORMAT.md, "Keys". Knows how
 * keys are built and taken apart; must not know who reads them or what the engine is.
 *
 * Invariants: no two kinds share a key; within a kind, keys have the order of their parts (numbers by size, text by its UTF-8
 * bytes). Numbers are safe integers.
 */
import { assert } from '../lib/assert.ts';
import { readU64, writeU32, writeU64 } from './big-endian.ts';
import { asBuffer, utf8Length, writeUtf8 } from './utf8.ts';

/** The first byte of a key. Zero and 0xff stay free, so that every kind has a neighbour below and above. */
export const keyKinds = {
  meta: 0x01,
  page: 0x02,
  largeRecord: 0x03,
  streamIndex: 0x04,
  streamHead: 0x05,
  eventId: 0x06,
  type: 0x07,
  tag: 0x08,
} as const;

export type KeyKind = keyof typeof keyKinds;

/** The single entries of kind `meta`, by their second byte. */
export const metaKeys = {
  format: Uint8Array.of(keyKinds.meta, 0x01),
  applied: Uint8Array.of(keyKinds.meta, 0x02),
  clusterId: Uint8Array.of(keyKinds.meta, 0x03),
  confState: Uint8Array.of(keyKinds.meta, 0x04),
  eventIds: Uint8Array.of(keyKinds.meta, 0x05),
} as const;

const NUMBER = 8;
/** Ends the text of a type or tag; a zero byte within the text is written as zero, ESCAPED. */
const TERMINATOR = 0x01;
const ESCAPED = 0xff;

/** A half-open range of keys: `gte <= key < lt`. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** All keys of a kind. */
export function kindRange(kind: KeyKind): KeyRange {
  return { gte: Uint8Array.of(keyKinds[kind]), lt: Uint8Array.of(keyKinds[kind] + 1) };
}

/** The page whose first event has this position. */
export function pageKey(firstPosition: number): Uint8Array {
  return numberKey(keyKinds.page, firstPosition);
}

/** The record that is a page alone and too large to be its value. */
export function largeRecordKey(firstPosition: number): Uint8Array {
  return numberKey(keyKinds.largeRecord, firstPosition);
}

/** The record of a stream that begins with this revision. */
export function streamIndexKey(streamNumber: number, firstRevision: number): Uint8Array {
  const key = numberKey(keyKinds.streamIndex, streamNumber, NUMBER);
  writeU64(key, 1 + NUMBER, firstRevision);
  return key;
}

/** The head of a stream. */
export function streamHeadKey(streamId: string): Uint8Array {
  const length = utf8Length(streamId);
  const key = Buffer.allocUnsafe(1 + length);
  key[0] = keyKinds.streamHead;
  writeUtf8(key, 1, streamId, length);
  return key;
}

/** A bucket of a run of the event id index. */
export function eventIdBucketKey(level: number, run: number, bucket: number): Uint8Array {
  const key = Buffer.allocUnsafe(2 + NUMBER + 4);
  key[0] = keyKinds.eventId;
  key[1] = level;
  writeU64(key, 2, run);
  writeU32(key, 2 + NUMBER, bucket);
  return key;
}

/** Says that the page which begins at this position has an event of this type. */
export function typeKey(type: string, pagePosition: number): Uint8Array {
  return textKey(keyKinds.type, type, pagePosition);
}

/** The same of a tag. */
export function tagKey(tag: string, pagePosition: number): Uint8Array {
  return textKey(keyKinds.tag, tag, pagePosition);
}

/** The number in a page, large-record, type or tag key: its last eight bytes. NaN when it is not a safe integer. */
export function positionOfKey(key: Uint8Array): number {
  return readU64(key, key.length - NUMBER);
}

/** The parts of a stream index key. */
export function readStreamIndexKey(key: Uint8Array): { readonly streamNumber: number; readonly firstRevision: number } {
  return { streamNumber: readU64(key, 1), firstRevision: readU64(key, 1 + NUMBER) };
}

/** The stream id of a stream head key. */
export function readStreamHeadKey(key: Uint8Array): string {
  return asBuffer(key).toString('utf8', 1);
}

/** The text of a type or tag key. */
export function readTextKey(key: Uint8Array): string {
  const text = Buffer.allocUnsafe(key.length);
  let length = 0;
  for (let at = 1; at < key.length - NUMBER - 2; at += 1) {
    text[length] = key[at] ?? 0;
    length += 1;
    if (key[at] === 0) at += 1;
  }
  return text.toString('utf8', 0, length);
}

/** The least key that is greater than `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The least key that is greater than every key which begins with `prefix` (not empty, not all 0xff). */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (prefix[length - 1] === 0xff) length -= 1;
  assert(length > 0, 'a prefix has an end');
  const end = new Uint8Array(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}

function numberKey(kind: number, value: number, more = 0): Uint8Array {
  const key = Buffer.allocUnsafe(1 + NUMBER + more);
  key[0] = kind;
  writeU64(key, 1, value);
  return key;
}

function textKey(kind: number, text: string, value: number): Uint8Array {
  const length = utf8Length(text);
  let zeros = 0;
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) === 0) zeros += 1;
  const key = Buffer.allocUnsafe(1 + length + zeros + 2 + NUMBER);
  key[0] = kind;
  let at = 1;
  if (zeros === 0) {
    at = writeUtf8(key, at, text, length);
  } else {
    for (const byte of Buffer.from(text, 'utf8')) {
      key[at] = byte;
      at += 1;
      if (byte === 0) {
        key[at] = ESCAPED;
        at += 1;
      }
    }
  }
  key[at] = 0;
  key[at + 1] = TERMINATOR;
  writeU64(key, at + 2, value);
  return key;
}
