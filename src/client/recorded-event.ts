/**
 * Events as the store keeps them, on their way in. Decoded by hand: the generated code takes every number through a bigint and a
 * string and copies all data, which would cost more than the rest of a read. A test holds both equal.
 */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { RecordedEvent as RecordedEventFields } from '../domain/event.ts';

const noBytes = new Uint8Array(0);
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** An event that was read. `data` and `metadata` are views into the message it came in; copy what is to be kept for long. */
export class RecordedEvent implements RecordedEventFields {
  id = '';
  type = '';
  data: Uint8Array = noBytes;
  contentType = '';
  metadata: Uint8Array = noBytes;
  tags: readonly string[] = [];
  streamId = '';
  /** Its place in its stream, from 0. */
  revision = 0;
  /** Its place in the store, from 0. */
  position = 0;
  /** Microseconds since the epoch, by the clock of the server. */
  createdAt = 0;

  /** The time of the append, to the millisecond. */
  get created(): Date {
    return new Date(this.createdAt / 1000);
  }

  /** The data as text. Throws TypeError when it is not UTF-8. */
  text(): string {
    return textDecoder.decode(this.data);
  }

  /** The data as JSON. Throws SyntaxError when it is not. */
  json(): unknown {
    return JSON.parse(this.text());
  }

  /** The metadata as JSON. Throws SyntaxError when it is not; undefined when there is none. */
  metadataJson(): unknown {
    return this.metadata.length === 0 ? undefined : JSON.parse(textDecoder.decode(this.metadata));
  }
}

/** The events of a serialized ReadResponse (field 1, repeated). */
export function decodeEvents(message: Uint8Array): RecordedEvent[] {
  const reader = new BinaryReader(message);
  return readEvents(reader, reader.len);
}

/** The same from a message within another one, which ends at `end`. */
export function readEvents(reader: BinaryReader, end: number): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) events.push(readEvent(reader, reader.uint32() + reader.pos));
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- it refuses what is no wire type
    else reader.skip(tag & 7, tag >>> 3);
  }
  return events;
}

function readEvent(reader: BinaryReader, end: number): RecordedEvent {
  const event = new RecordedEvent();
  let tags: string[] | null = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) event.id = reader.string();
    else if (tag === 18) event.type = reader.string();
    else if (tag === 26) event.data = reader.bytes();
    else if (tag === 34) event.contentType = reader.string();
    else if (tag === 42) event.metadata = reader.bytes();
    else if (tag === 50) (tags ??= []).push(reader.string());
    else if (tag === 58) event.streamId = reader.string();
    else if (tag === 64) event.revision = readNumber(reader);
    else if (tag === 72) event.position = readNumber(reader);
    else if (tag === 80) event.createdAt = readNumber(reader);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- it refuses what is no wire type
    else reader.skip(tag & 7, tag >>> 3);
  }
  if (tags !== null) event.tags = tags;
  return event;
}

/** Small numbers take one 32-bit read; what has more bits than that is read the long way. */
function readNumber(reader: BinaryReader): number {
  const start = reader.pos;
  const low = reader.uint32();
  if (reader.pos - start < 5) return low;
  reader.pos = start;
  return Number(reader.uint64());
}
