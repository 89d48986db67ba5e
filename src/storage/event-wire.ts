/**
 * One event as the protobuf message graveyar.v1.RecordedEvent, written and read by hand so that storage needs no generated
 * code and an event is encoded once in its life. A test holds it against the generated code.
 *
 * Wire format: https://protobuf.dev/programming-guides/encoding/. Field order: id, type, tags, then content type, stream id,
 * revision, position, created at, and data and metadata last, so that what filters look at is found without touching the
 * payload. Fields with default values are left out. Decoders of protobuf take fields in any order.
 */
import type { EventFacts, EventId, ProposedEvent, RecordedEvent } from '../domain/event.ts';
import { asBuffer, readUtf8, utf8Length, writeUtf8 } from './utf8.ts';

/** Tag bytes: field number << 3 | wire type (0 varint, 2 length-delimited). All field numbers are below 16. */
const ID = 0x0a;
const TYPE = 0x12;
const DATA = 0x1a;
const CONTENT_TYPE = 0x22;
const METADATA = 0x2a;
const TAGS = 0x32;
const STREAM_ID = 0x3a;
const REVISION = 0x40;
const POSITION = 0x48;
const CREATED_AT = 0x50;

/** The tag of `ReadResponse.events`, which stands before each event's length. */
export const EVENT_TAG = 0x0a;
/** Characters, and bytes, of an event id. */
export const EVENT_ID_LENGTH = 36;

/** What the event's place adds to it, with the stream id's length in UTF-8. */
export interface EventPlace {
  readonly streamId: string;
  readonly streamIdLength: number;
  readonly revision: number;
  readonly position: number;
  readonly createdAt: number;
}

/** Bytes of `value` (a safe integer of at least 0) as a varint. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

/** Writes a varint at `at`. Returns the offset after it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let offset = at;
  let rest = value;
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) {
    target[offset] = (rest % 0x80) | 0x80;
    offset += 1;
  }
  for (; rest >= 0x80; rest >>>= 7) {
    target[offset] = (rest & 0x7f) | 0x80;
    offset += 1;
  }
  target[offset] = rest;
  return offset + 1;
}

/** Bytes of the RecordedEvent message, without the tag and length before it. */
export function eventLength(event: ProposedEvent, place: EventPlace): number {
  let length = textLength(event.id) + textLength(event.type) + textLength(event.contentType);
  for (const tag of event.tags) length += fieldLength(utf8Length(tag));
  length += fieldLength(place.streamIdLength);
  length += numberLength(place.revision) + numberLength(place.position) + numberLength(place.createdAt);
  return length + bytesLength(event.data) + bytesLength(event.metadata);
}

/** Writes the message at `at`. Returns the offset after it: `at` + {@link eventLength}. */
export function writeEvent(target: Buffer, at: number, event: ProposedEvent, place: EventPlace): number {
  let offset = writeText(target, at, ID, event.id);
  offset = writeText(target, offset, TYPE, event.type);
  for (const tag of event.tags) offset = writeField(target, offset, TAGS, tag, utf8Length(tag));
  offset = writeText(target, offset, CONTENT_TYPE, event.contentType);
  offset = writeField(target, offset, STREAM_ID, place.streamId, place.streamIdLength);
  offset = writeNumber(target, offset, REVISION, place.revision);
  offset = writeNumber(target, offset, POSITION, place.position);
  offset = writeNumber(target, offset, CREATED_AT, place.createdAt);
  offset = writeBytes(target, offset, DATA, event.data);
  return writeBytes(target, offset, METADATA, event.metadata);
}

function fieldLength(length: number): number {
  return 1 + varintLength(length) + length;
}

function textLength(text: string): number {
  return text === '' ? 0 : fieldLength(utf8Length(text));
}

function numberLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

function bytesLength(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : fieldLength(bytes.length);
}

function writeField(target: Buffer, at: number, tag: number, text: string, length: number): number {
  target[at] = tag;
  return writeUtf8(target, writeVarint(target, at + 1, length), text, length);
}

function writeText(target: Buffer, at: number, tag: number, text: string): number {
  return text === '' ? at : writeField(target, at, tag, text, utf8Length(text));
}

function writeNumber(target: Buffer, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

function writeBytes(target: Buffer, at: number, tag: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return at;
  target[at] = tag;
  const offset = writeVarint(target, at + 1, bytes.length);
  target.set(bytes, offset);
  return offset + bytes.length;
}

/** Steps over the fields of one message. Throws a RangeError where the bytes are not such a message. */
class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #next: number;
  /** Of the field stepped on: its tag byte, and its value's place (length-delimited) or the value itself (varint). */
  tag = 0;
  start = 0;
  end = 0;
  number = 0;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#next = start;
    this.#end = end;
  }

  /** Steps on the next field; false at the end of the message. */
  step(): boolean {
    if (this.#next >= this.#end) return false;
    this.tag = this.#bytes[this.#next] ?? 0;
    this.#next += 1;
    const value = this.#varint();
    if ((this.tag & 7) === 0) {
      this.number = value;
    } else if ((this.tag & 7) === 2) {
      this.start = this.#next;
      this.end = this.start + value;
      if (this.end > this.#end) throw new RangeError(`field ${this.tag >> 3} is longer than its event`);
      this.#next = this.end;
    } else {
      throw new RangeError(`wire type ${this.tag & 7} in an event`);
    }
    return true;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 0x80) {
      if (this.#next >= this.#end) throw new RangeError('a number is longer than its event');
      const byte = this.#bytes[this.#next] ?? 0;
      this.#next += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new RangeError('a number in an event is too large');
        return value;
      }
    }
    throw new RangeError('a number in an event is too large');
  }
}

/**
 * The offset of the event's message in `bytes`, where `at` is the event's tag and `end` the offset after the event. Throws a
 * RangeError when there is none.
 */
export function messageStart(bytes: Uint8Array, at: number, end: number): number {
  let offset = at + 1;
  let length = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[offset] ?? 0;
    offset += 1;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  if (bytes[at] !== EVENT_TAG || offset + length !== end) {
    throw new RangeError('the event does not begin with its tag and length');
  }
  return offset;
}

/** Where the id's text begins; the message `bytes[start, end)` begins with the id. Throws a RangeError when it does not. */
export function eventIdStart(bytes: Uint8Array, start: number, end: number): number {
  const at = start + 2;
  if (bytes[start] !== ID || bytes[start + 1] !== EVENT_ID_LENGTH || at + EVENT_ID_LENGTH > end) {
    throw new RangeError('the event does not begin with its id');
  }
  return at;
}

/** The id. Throws a RangeError likewise. */
export function readEventId(bytes: Uint8Array, start: number, end: number): EventId {
  const at = eventIdStart(bytes, start, end);
  return asBuffer(bytes).toString('latin1', at, at + EVENT_ID_LENGTH);
}

/** What filters look at. Stops at the first field after the tags. Throws a RangeError when the message is damaged. */
export function readFacts(bytes: Uint8Array, start: number, end: number, streamId: string): EventFacts {
  const reader = new FieldReader(bytes, start, end);
  let type = '';
  let tags: string[] | undefined;
  while (reader.step()) {
    if (reader.tag === TYPE) type = readUtf8(bytes, reader.start, reader.end);
    else if (reader.tag === TAGS) (tags ??= []).push(readUtf8(bytes, reader.start, reader.end));
    else if (reader.tag !== ID) break;
  }
  return { streamId, type, tags: tags ?? NO_TAGS };
}

/**
 * Where the type of an event without tags ends; it begins right behind the id. -1 when the message is not of this form (or is
 * damaged): then {@link readFacts} tells.
 */
export function plainTypeEnd(bytes: Uint8Array, start: number, end: number): number {
  const at = plainTypeStart(start);
  const length = bytes[at + 1] ?? 0x80;
  const after = at + 2 + length;
  if (bytes[start] !== ID || bytes[at] !== TYPE || length >= 0x80 || after > end) return -1;
  return after < end && bytes[after] === TAGS ? -1 : after;
}

/** Where it begins. */
export function plainTypeStart(start: number): number {
  return start + 2 + EVENT_ID_LENGTH;
}

const NO_TAGS: readonly string[] = [];

/** The whole event; data and metadata are views. Throws a RangeError when the message is damaged. */
export function readEvent(bytes: Uint8Array, start: number, end: number): RecordedEvent {
  const reader = new FieldReader(bytes, start, end);
  const text = (): string => readUtf8(bytes, reader.start, reader.end);
  let [id, type, contentType, streamId] = ['', '', '', ''];
  let [data, metadata] = [NO_BYTES, NO_BYTES];
  let [revision, position, createdAt] = [0, 0, 0];
  const tags: string[] = [];
  while (reader.step()) {
    if (reader.tag === ID) id = text();
    else if (reader.tag === TYPE) type = text();
    else if (reader.tag === TAGS) tags.push(text());
    else if (reader.tag === CONTENT_TYPE) contentType = text();
    else if (reader.tag === STREAM_ID) streamId = text();
    else if (reader.tag === REVISION) revision = reader.number;
    else if (reader.tag === POSITION) position = reader.number;
    else if (reader.tag === CREATED_AT) createdAt = reader.number;
    else if (reader.tag === DATA) data = bytes.subarray(reader.start, reader.end);
    else if (reader.tag === METADATA) metadata = bytes.subarray(reader.start, reader.end);
    else throw new RangeError(`an event has no field ${reader.tag >> 3} of this type`);
  }
  return { id, type, data, contentType, metadata, tags, streamId, revision, position, createdAt };
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
