/**
 * Requests that append, straight from the wire to the domain: the hottest decoding there is, so it is written by hand on
 * the library's reader and makes no objects in between. Knows the field numbers of AppendEventRequest, AppendSessionRequest and
 * AppendTransactionRequest (event_store.proto); a test holds it equal to the generated code. Data and metadata are views into
 * the message.
 */
import type { Append, AppendCondition, ExpectedVersion, StreamAppend } from '../domain/append.ts';
import type { ProposedEvent } from '../domain/event.ts';
import { validateStreamAppend, validateTransaction } from '../domain/validate-append.ts';
import { invalidArgument } from '../domain/validate-text.ts';
import { AppendCondition as ConditionMessage } from './gen/graveyar/v1/event_store.ts';
import { toQuery } from './filter-request.ts';
import { decodeRequest } from './request-reader.ts';
import type { RequestReader } from './request-reader.ts';

const any: ExpectedVersion = { kind: 'any' };
const noStream: ExpectedVersion = { kind: 'no-stream' };
const streamExists: ExpectedVersion = { kind: 'stream-exists' };
const noBytes = new Uint8Array(0);
const noTags: readonly string[] = [];

/** The append of an AppendEventRequest message, validated. Throws INVALID_ARGUMENT. */
export function readAppendEvent(message: Uint8Array): Append {
  const append = decodeRequest({ decode: (reader) => readStreamAppend(reader, reader.len, '') }, message);
  return { streams: [validateStreamAppend(append)], condition: null };
}

/** The append of an AppendTransactionRequest message, validated. Throws INVALID_ARGUMENT. */
export function readAppendTransaction(message: Uint8Array): Append {
  return validateTransaction(decodeRequest({ decode: readTransaction }, message));
}

/** One message of a session: which, and its append or what is wrong with it. */
export interface SessionAppend {
  readonly correlationId: number;
  /** Validated. */
  readonly append: Append | Error;
}

/** An AppendSessionRequest message. Throws INVALID_ARGUMENT when not even its correlation id can be read. */
export function readSessionAppend(message: Uint8Array): SessionAppend {
  const { correlationId, append } = decodeRequest({ decode: readSession }, message);
  return { correlationId, append: append instanceof Error ? append : validatedInSession(append) };
}

function validatedInSession(append: StreamAppend): Append | Error {
  try {
    return { streams: [validateStreamAppend(append, 'append.')], condition: null };
  } catch (error) {
    return error as Error;
  }
}

function readStreamAppend(reader: RequestReader, end: number, prefix: string): StreamAppend {
  let streamId = '';
  let expectedVersion = any;
  const events: ProposedEvent[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) streamId = reader.string();
    else if (tag === 18) events.push(readEvent(reader, reader.nestedEnd(end)));
    else if (tag === 26) expectedVersion = readExpectedVersion(reader, reader.nestedEnd(end), prefix);
    else skip(reader, tag);
  }
  reader.expectEnd(end);
  return { streamId, events, expectedVersion };
}

function readEvent(reader: RequestReader, end: number): ProposedEvent {
  let id = '';
  let type = '';
  let data: Uint8Array = noBytes;
  let contentType = '';
  let metadata: Uint8Array = noBytes;
  let tags: string[] | null = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) id = reader.string();
    else if (tag === 18) type = reader.string();
    else if (tag === 26) data = reader.bytes();
    else if (tag === 34) contentType = reader.string();
    else if (tag === 42) metadata = reader.bytes();
    else if (tag === 50) (tags ??= []).push(reader.string());
    else skip(reader, tag);
  }
  reader.expectEnd(end);
  return { id, type, data, contentType, metadata, tags: tags ?? noTags };
}

function readExpectedVersion(reader: RequestReader, end: number, prefix: string): ExpectedVersion {
  let version: ExpectedVersion | null = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) version = readEmpty(reader, end, any);
    else if (tag === 18) version = readEmpty(reader, end, noStream);
    else if (tag === 26) version = readEmpty(reader, end, streamExists);
    else if (tag === 32) version = { kind: 'revision', revision: reader.safeInteger() };
    else skip(reader, tag);
  }
  reader.expectEnd(end);
  if (version !== null) return version;
  throw invalidArgument(`${prefix}expected_version`, 'says nothing', 'any, no_stream, stream_exists or revision');
}

function readEmpty(reader: RequestReader, end: number, meaning: ExpectedVersion): ExpectedVersion {
  const nested = reader.nestedEnd(end);
  while (reader.pos < nested) skip(reader, reader.uint32());
  reader.expectEnd(nested);
  return meaning;
}

function readSession(reader: RequestReader): { correlationId: number; append: StreamAppend | Error } {
  let correlationId = 0;
  let append: StreamAppend | Error | null = null;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 8) correlationId = reader.safeInteger();
    else if (tag === 18) append = readStreamAppend(reader, reader.nestedEnd(reader.len), 'append.');
    else skip(reader, tag);
  }
  return { correlationId, append: append ?? invalidArgument('append', 'must be set') };
}

function readTransaction(reader: RequestReader): Append {
  const streams: StreamAppend[] = [];
  let condition: AppendCondition | null = null;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) {
      streams.push(readStreamAppend(reader, reader.nestedEnd(reader.len), `appends[${streams.length}].`));
    } else if (tag === 18) condition = toCondition(ConditionMessage.decode(reader, reader.uint32()));
    else skip(reader, tag);
  }
  return { streams, condition };
}

function toCondition(message: ConditionMessage): AppendCondition {
  if (message.query === undefined) throw invalidArgument('condition.query', 'must be set');
  return { query: toQuery(message.query), afterPosition: message.afterPosition ?? null };
}

/** Passes over a field of a later version of the protocol. */
function skip(reader: RequestReader, tag: number): void {
  if (tag >>> 3 === 0) throw new RangeError('a field has the number 0');
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- it refuses what is no wire type
  reader.skip(tag & 7, tag >>> 3);
}
