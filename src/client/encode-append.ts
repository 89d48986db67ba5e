/**
 * AppendEventRequest messages written by hand into one buffer of the right size: sizes first, then one pass. The generated code grows its
 * buffer step by step and copies it at the end, which costs more than all else that a client does for an append of many events.
 * Knows the field numbers of event_store.proto; a test holds it equal to the generated code.
 */
import type { Event, ExpectedVersion } from '../grpc/gen/graveyar/v1/event_store.ts';
import { ExpectedVersion as ExpectedVersionMessage } from '../grpc/gen/graveyar/v1/event_store.ts';

/** One append to one stream, complete, before it is encoded. */
export interface StreamAppendMessage {
  readonly streamId: string;
  readonly events: Event[];
  readonly expectedVersion: ExpectedVersion | undefined;
}

/** Tag bytes: field number << 3 | 2. */
const STREAM_ID = 0x0a;
const EVENTS = 0x12;
const EXPECTED_VERSION = 0x1a;
const ID = 0x0a;
const TYPE = 0x12;
const DATA = 0x1a;
const CONTENT_TYPE = 0x22;
const METADATA = 0x2a;
const TAG = 0x32;

/** Up to so many characters, JavaScript is faster than the call into native code. */
const SHORT = 64;
const nothing = new Uint8Array(0);

/** The serialized AppendEventRequest, with memory of its own. */
export function encodeAppend({ streamId, events, expectedVersion }: StreamAppendMessage): Uint8Array {
  const expected = expectedVersion === undefined ? null : ExpectedVersionMessage.encode(expectedVersion).finish();
  const lengths = events.map(eventLength);
  let length = textLength(streamId) + (expected === null ? 0 : fieldLength(expected.length));
  for (const eventBytes of lengths) length += fieldLength(eventBytes);
  const target = Buffer.allocUnsafe(length);
  let at = writeText(target, 0, STREAM_ID, streamId);
  for (const [i, event] of events.entries()) {
    at = writeHead(target, at, EVENTS, lengths[i] ?? 0);
    at = writeEvent(target, at, event);
  }
  if (expected !== null) writeBytes(target, writeHead(target, at, EXPECTED_VERSION, expected.length), expected);
  return target;
}

function eventLength({ id, type, data, contentType, metadata, tags }: Event): number {
  let length = textLength(id) + textLength(type) + textLength(contentType);
  if (data.length > 0) length += fieldLength(data.length);
  if (metadata.length > 0) length += fieldLength(metadata.length);
  for (const tag of tags) length += fieldLength(utf8Length(tag));
  return length;
}

function writeEvent(target: Buffer, start: number, { id, type, data, contentType, metadata, tags }: Event): number {
  let at = writeText(target, writeText(target, start, ID, id), TYPE, type);
  if (data.length > 0) at = writeBytes(target, writeHead(target, at, DATA, data.length), data);
  at = writeText(target, at, CONTENT_TYPE, contentType);
  if (metadata.length > 0) at = writeBytes(target, writeHead(target, at, METADATA, metadata.length), metadata);
  for (const tag of tags) {
    // A tag that is empty is still one of the tags.
    at = tag === '' ? writeBytes(target, writeHead(target, at, TAG, 0), nothing) : writeText(target, at, TAG, tag);
  }
  return at;
}

function textLength(text: string): number {
  return text === '' ? 0 : fieldLength(utf8Length(text));
}

/** A field's tag, length and value. */
function fieldLength(length: number): number {
  let varint = 1;
  for (let rest = length; rest >= 0x80; rest >>>= 7) varint += 1;
  return 1 + varint + length;
}

function writeHead(target: Buffer, at: number, tag: number, length: number): number {
  target[at] = tag;
  let next = at + 1;
  for (let rest = length; ; rest >>>= 7) {
    target[next++] = rest < 0x80 ? rest : (rest & 0x7f) | 0x80;
    if (rest < 0x80) return next;
  }
}

function writeBytes(target: Buffer, at: number, bytes: Uint8Array): number {
  target.set(bytes, at);
  return at + bytes.length;
}

/** Writes a text field, nothing when it is empty. */
function writeText(target: Buffer, at: number, tag: number, text: string): number {
  if (text === '') return at;
  const length = utf8Length(text);
  const start = writeHead(target, at, tag, length);
  if (length === text.length && length <= SHORT) {
    for (let i = 0; i < length; i += 1) target[start + i] = text.charCodeAt(i);
  } else {
    target.write(text, start, length, 'utf8');
  }
  return start + length;
}

function utf8Length(text: string): number {
  if (text.length > SHORT) return Buffer.byteLength(text, 'utf8');
  for (let i = 0; i < text.length; i += 1) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text, 'utf8');
  }
  return text.length;
}
