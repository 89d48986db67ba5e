/**
 * The values of the keys that point: stream heads and the stream index, and the state's own numbers.
 * Layout: FORMAT.md, "Keys". Decoding throws STORAGE_CORRUPT; it checks lengths and ranges, not whether the values are true.
 */
import type { StreamHead } from '../domain/append.ts';
import { readU32, readU64, writeU32, writeU64 } from './big-endian.ts';
import { corruption } from './corruption.ts';

/** Where a stream's record is. */
export interface RecordPlace {
  readonly firstPosition: number;
  /** Events in the record. */
  readonly count: number;
  /** Position of the first event of the page that has the record. */
  readonly pagePosition: number;
}

/** How far the state is: what one atomic write leaves behind. */
export interface AppliedState {
  /** Index and term of the last log entry that was applied; 0 and 0 before the first. */
  readonly index: number;
  readonly term: number;
  /** The count of events. */
  readonly nextPosition: number;
  /** Microseconds; 0 before the first event. */
  readonly lastCreatedAt: number;
}

/** The value of a stream head: 24 bytes. */
export function encodeHead(head: StreamHead): Uint8Array {
  return encodeNumbers(head.streamNumber, head.lastRevision, head.lastPosition);
}

/** The stream head in a value. Throws STORAGE_CORRUPT. */
export function decodeHead(value: Uint8Array): StreamHead {
  const [streamNumber = 0, lastRevision = 0, lastPosition = 0] = decodeNumbers(value, 3, 'stream head');
  return { streamNumber, lastRevision, lastPosition };
}

/** The value of a stream index entry: 16 bytes. The page begins at most 2^32 - 1 positions before the record. */
export function encodePlace(place: RecordPlace): Uint8Array {
  const value = Buffer.allocUnsafe(16);
  writeU64(value, 0, place.firstPosition);
  writeU32(value, 8, place.firstPosition - place.pagePosition);
  writeU32(value, 12, place.count);
  return value;
}

/** The place in a value. Throws STORAGE_CORRUPT, also when it has no events or a page before position 0. */
export function decodePlace(value: Uint8Array): RecordPlace {
  const firstPosition = value.length === 16 ? readU64(value, 0) : NaN;
  const pagePosition = firstPosition - readU32(value, 8);
  const count = readU32(value, 12);
  if (!(pagePosition >= 0) || count === 0)
    throw corruption('stream index', `a value of ${value.length} bytes is wrong`);
  return { firstPosition, count, pagePosition };
}

/** The value of the applied state: 32 bytes. */
export function encodeApplied(state: AppliedState): Uint8Array {
  return encodeNumbers(state.index, state.term, state.nextPosition, state.lastCreatedAt);
}

/** The applied state in a value. Throws STORAGE_CORRUPT. */
export function decodeApplied(value: Uint8Array): AppliedState {
  const [index = 0, term = 0, nextPosition = 0, lastCreatedAt = 0] = decodeNumbers(value, 4, 'applied state');
  return { index, term, nextPosition, lastCreatedAt };
}

function encodeNumbers(...numbers: number[]): Uint8Array {
  const value = Buffer.allocUnsafe(8 * numbers.length);
  for (let i = 0; i < numbers.length; i += 1) writeU64(value, 8 * i, numbers[i] ?? 0);
  return value;
}

function decodeNumbers(value: Uint8Array, count: number, what: string): number[] {
  if (value.length !== 8 * count) throw corruption(what, `a value has ${value.length} bytes instead of ${8 * count}`);
  const numbers: number[] = [];
  for (let at = 0; at < value.length; at += 8) {
    const number = readU64(value, at);
    if (Number.isNaN(number)) throw corruption(what, 'a number is out of range');
    numbers.push(number);
  }
  return numbers;
}
