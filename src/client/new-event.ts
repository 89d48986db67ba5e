/**
 * Events on their way out: what a caller gives, completed (id, content type) and turned into their messages.
 *
 * Invariant: an event's id is fixed before its append is sent for the first time, so that every retry repeats the same append.
 */
import { randomUUID } from 'node:crypto';
import type { ExpectedVersion } from '../domain/append.ts';
import type { Event, ExpectedVersion as ExpectedVersionMessage } from '../grpc/gen/graveyar/v1/event_store.ts';
import type { StreamAppendMessage } from './encode-append.ts';

/** What JSON can say. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue | undefined };

/** An event to be appended. */
export interface NewEvent {
  /** What happened, for example "order-placed". */
  readonly type: string;
  /**
   * Bytes are sent as they are. A string is sent as text in UTF-8 (content type "text/plain"), anything else as JSON
   * ("application/json"). Default: no bytes.
   */
  readonly data?: Uint8Array | JsonValue;
  /** A UUID; the idempotency key, unique within its stream. Default: a new random one. */
  readonly id?: string;
  /** Default: see `data`; empty for bytes. */
  readonly contentType?: string;
  /** About the event. Bytes are sent as they are, anything else as JSON. */
  readonly metadata?: Uint8Array | JsonValue;
  readonly tags?: readonly string[];
}

/** The state a stream must be in: a number is the revision of its last event. */
export type Expected = 'any' | 'no-stream' | 'stream-exists' | number;

/** Completes the events and makes the message. */
export function appendMessage(
  streamId: string,
  events: readonly NewEvent[],
  expected: Expected = 'any',
): StreamAppendMessage {
  return { streamId, events: events.map(eventMessage), expectedVersion: expectedMessage(expected) };
}

/** The expected version as the SDK says it. */
export function expectedOf(version: ExpectedVersion): Expected {
  return version.kind === 'revision' ? version.revision : version.kind;
}

const noBytes = Buffer.alloc(0);

function eventMessage(event: NewEvent): Event {
  const { data, metadata } = event;
  return {
    id: event.id ?? randomUUID(),
    type: event.type,
    data: typeof data === 'string' ? Buffer.from(data) : bytesOf(data),
    contentType: event.contentType ?? contentTypeOf(data),
    metadata: bytesOf(metadata),
    tags: event.tags === undefined ? [] : [...event.tags],
  };
}

function bytesOf(value: Uint8Array | JsonValue | undefined): Buffer {
  if (value === undefined) return noBytes;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return Buffer.from(JSON.stringify(value));
}

function contentTypeOf(data: Uint8Array | JsonValue | undefined): string {
  if (data === undefined || data instanceof Uint8Array) return '';
  return typeof data === 'string' ? 'text/plain' : 'application/json';
}

function expectedMessage(expected: Expected): ExpectedVersionMessage | undefined {
  switch (expected) {
    case 'any':
      return undefined;
    case 'no-stream':
      return { kind: { $case: 'noStream', noStream: {} } };
    case 'stream-exists':
      return { kind: { $case: 'streamExists', streamExists: {} } };
    default:
      return { kind: { $case: 'revision', revision: expected } };
  }
}
