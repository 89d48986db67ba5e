/**
 * The append record: how one append lies in bytes, written once by the leader and never changed. Layout: FORMAT.md, "Append
 * record". Knows nothing of keys, groups or engines.
 *
 * {@link StoredRecord} decodes lazily: construction checks the header and the lengths, so that every view lies within the
 * record; events are decoded, and found damaged, when they are asked for. {@link verifyRecord} looks at everything.
 */
import { isUtf8 } from 'node:buffer';
import type { DecidedAppend } from '../domain/append.ts';
import type { EventFacts, EventId, RecordedEvent } from '../domain/event.ts';
import { limits } from '../domain/limits.ts';
import { assert } from '../lib/assert.ts';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './big-endian.ts';
import { corruption } from './corruption.ts';
import {
  EVENT_TAG,
  eventIdStart,
  eventLength,
  messageStart,
  plainTypeEnd,
  plainTypeStart,
  readEvent,
  readEventId,
  readFacts,
  varintLength,
  writeEvent,
  writeVarint,
} from './event-wire.ts';
import type { StoredAppend } from './stored-append.ts';
import { readUtf8, utf8Length, writeUtf8 } from './utf8.ts';

/** The layout's version, in the record's first byte. */
export const RECORD_VERSION = 1;

/** Offsets of the header's fields. */
const FLAGS = 1;
const STREAM_ID_LENGTH = 2;
const COUNT = 4;
const FIRST_POSITION = 8;
const FIRST_REVISION = 16;
const CREATED_AT = 24;
const STREAM_NUMBER = 32;
const STREAM_ID = 40;
const OFFSET_SIZE = 4;

/** The only flag: the next record belongs to the same transaction. */
const CONTINUES = 1;

/** What writing a record needs to know beforehand: its size, and that of each event's message. */
export interface RecordPlan {
  readonly append: DecidedAppend;
  readonly streamIdLength: number;
  readonly messageLengths: readonly number[];
  /** Of the whole record, in bytes. */
  readonly length: number;
}

/** Measures the record of a decided append, which keeps to `limits.ts` and has at least one event. */
export function planRecord(append: DecidedAppend): RecordPlan {
  const streamIdLength = utf8Length(append.streamId);
  const { firstRevision, firstPosition, createdAt } = append;
  assert(append.events.length > 0, 'an append has at least one event');
  assert(streamIdLength <= 0xffff, () => `a stream id of ${streamIdLength} bytes`);
  for (const value of [firstRevision, firstPosition, createdAt, append.streamNumber]) {
    assert(Number.isSafeInteger(value) && value >= 0, () => `${value} is not a place or a time`);
  }
  const place = { streamId: append.streamId, streamIdLength, revision: 0, position: 0, createdAt };
  const messageLengths: number[] = [];
  let length = STREAM_ID + streamIdLength + OFFSET_SIZE * append.events.length;
  for (const [ordinal, event] of append.events.entries()) {
    place.revision = firstRevision + ordinal;
    place.position = firstPosition + ordinal;
    const messageLength = eventLength(event, place);
    messageLengths.push(messageLength);
    length += 1 + varintLength(messageLength) + messageLength;
  }
  return { append, streamIdLength, messageLengths, length };
}

/** Writes the planned record at `at`; `plan.length` bytes. */
export function writeRecord(target: Buffer, at: number, plan: RecordPlan): void {
  const { append, streamIdLength, messageLengths } = plan;
  target[at] = RECORD_VERSION;
  target[at + FLAGS] = append.continues === true ? CONTINUES : 0;
  writeU16(target, at + STREAM_ID_LENGTH, streamIdLength);
  writeU32(target, at + COUNT, append.events.length);
  writeU64(target, at + FIRST_POSITION, append.firstPosition);
  writeU64(target, at + FIRST_REVISION, append.firstRevision);
  writeU64(target, at + CREATED_AT, append.createdAt);
  writeU64(target, at + STREAM_NUMBER, append.streamNumber);
  let table = writeUtf8(target, at + STREAM_ID, append.streamId, streamIdLength);
  const start = table + OFFSET_SIZE * append.events.length;
  const place = { streamId: append.streamId, streamIdLength, revision: 0, position: 0, createdAt: append.createdAt };
  let offset = start;
  for (const [ordinal, event] of append.events.entries()) {
    place.revision = append.firstRevision + ordinal;
    place.position = append.firstPosition + ordinal;
    target[offset] = EVENT_TAG;
    offset = writeVarint(target, offset + 1, messageLengths[ordinal] ?? 0);
    offset = writeEvent(target, offset, event, place);
    writeU32(target, table, offset - start);
    table += OFFSET_SIZE;
  }
  assert(offset === at + plan.length, () => `a record of ${plan.length} bytes took ${offset - at}`);
}

/** A record's bytes as a {@link StoredAppend}. */
export class StoredRecord implements StoredAppend {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly firstPosition: number;
  readonly firstRevision: number;
  readonly createdAt: number;
  readonly streamNumber: number;
  readonly continues: boolean;
  readonly #streamIdLength: number;
  #streamId: string | undefined;

  /**
   * A view over `bytes`, exactly one record. Throws STORAGE_CORRUPT when the header or a length is impossible, or the
   * layout's version unknown.
   */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.firstPosition = bytes.length < STREAM_ID ? NaN : readU64(bytes, FIRST_POSITION);
    if (Number.isNaN(this.firstPosition)) throw this.#corrupt('its header is cut short or wrong');
    const flags = bytes[FLAGS] ?? 0;
    if (bytes[0] !== RECORD_VERSION || (flags & ~CONTINUES) !== 0) {
      throw this.#corrupt(`version ${bytes[0] ?? 0} with flags ${flags} is unknown`);
    }
    this.continues = flags === CONTINUES;
    this.#streamIdLength = readU16(bytes, STREAM_ID_LENGTH);
    this.count = readU32(bytes, COUNT);
    this.firstRevision = readU64(bytes, FIRST_REVISION);
    this.createdAt = readU64(bytes, CREATED_AT);
    this.streamNumber = readU64(bytes, STREAM_NUMBER);
    const places = this.firstRevision + this.createdAt + this.streamNumber;
    if (Number.isNaN(places) || this.count === 0) throw this.#corrupt('a number in its header is out of range');
    const start = this.#eventsStart();
    if (start > bytes.length || start + readU32(bytes, start - OFFSET_SIZE) !== bytes.length) {
      throw this.#corrupt('its length is not what its header says');
    }
  }

  get streamId(): string {
    return (this.#streamId ??= readUtf8(this.bytes, STREAM_ID, STREAM_ID + this.#streamIdLength));
  }

  /** Whether the stream id is text, at least one character: bytes that are not UTF-8 read as U+FFFD, which may also stand there. */
  get hasWellFormedStreamId(): boolean {
    return this.#streamIdLength > 0 && isUtf8(this.bytes.subarray(STREAM_ID, STREAM_ID + this.#streamIdLength));
  }

  wire(from: number, to: number): Uint8Array {
    return this.bytes.subarray(this.#eventStart(from), this.#eventStart(to));
  }

  wireLength(from: number, to: number): number {
    return this.#eventStart(to) - this.#eventStart(from);
  }

  eventId(ordinal: number): EventId {
    return this.#decode(ordinal, readEventId);
  }

  eventIdOffset(ordinal: number): number {
    return this.#decode(ordinal, eventIdStart);
  }

  facts(ordinal: number): EventFacts {
    return this.#decode(ordinal, readFacts);
  }

  repeatsFacts(ordinal: number): boolean {
    const { bytes } = this;
    const start = this.#decode(ordinal, startOf);
    const before = this.#decode(ordinal - 1, startOf);
    const end = plainTypeEnd(bytes, start, this.#eventStart(ordinal + 1));
    if (end === -1 || plainTypeEnd(bytes, before, this.#eventStart(ordinal)) - before !== end - start) return false;
    for (let at = plainTypeStart(start); at < end; at += 1) {
      if (bytes[at] !== bytes[before + at - start]) return false;
    }
    return true;
  }

  event(ordinal: number): RecordedEvent {
    return this.#decode(ordinal, readEvent);
  }

  #decode<T>(ordinal: number, read: (bytes: Uint8Array, start: number, end: number, streamId: string) => T): T {
    assert(ordinal >= 0 && ordinal < this.count, () => `ordinal ${ordinal} of ${this.count} events`);
    const end = this.#eventStart(ordinal + 1);
    try {
      return read(this.bytes, messageStart(this.bytes, this.#eventStart(ordinal), end), end, this.streamId);
    } catch (error) {
      if (error instanceof RangeError) throw this.#corrupt(`event ${ordinal}: ${error.message}`);
      throw error;
    }
  }

  #eventsStart(): number {
    return STREAM_ID + this.#streamIdLength + OFFSET_SIZE * this.count;
  }

  /** Where event `ordinal` begins in the record; `count` gives the end of the last. */
  #eventStart(ordinal: number): number {
    const start = this.#eventsStart();
    if (ordinal === 0) return start;
    const end = start + readU32(this.bytes, start - OFFSET_SIZE * (this.count - ordinal + 1));
    if (end > this.bytes.length) throw this.#corrupt(`event ${ordinal - 1} ends after the record`);
    return end;
  }

  #corrupt(reason: string): Error {
    return corruption(`record at position ${this.firstPosition}`, reason);
  }
}

const startOf = (_: Uint8Array, start: number): number => start;

/** Checks everything of a record: every event decodes, and stands where the header says. Throws STORAGE_CORRUPT. */
export function verifyRecord(record: StoredRecord): void {
  const fail = (reason: string): never => {
    throw corruption(`record at position ${record.firstPosition}`, reason);
  };
  if (record.count > limits.eventsPerAppend) fail(`it has ${record.count} events`);
  if (!Number.isSafeInteger(record.firstPosition + record.count)) fail('its positions are too large');
  if (!Number.isSafeInteger(record.firstRevision + record.count)) fail('its revisions are too large');
  if (!record.hasWellFormedStreamId) fail('its stream id is not text');
  for (let ordinal = 0; ordinal < record.count; ordinal += 1) {
    if (record.wireLength(ordinal, ordinal + 1) <= 0) fail(`event ${ordinal} has no bytes`);
    record.eventId(ordinal);
    const event = record.event(ordinal);
    if (
      event.streamId !== record.streamId ||
      event.revision !== record.firstRevision + ordinal ||
      event.position !== record.firstPosition + ordinal ||
      event.createdAt !== record.createdAt
    ) {
      fail(`event ${ordinal} names another place than the record's header`);
    }
  }
}
