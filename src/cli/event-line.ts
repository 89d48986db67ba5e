/**
 * One event as one line of JSON: the form that `import` takes, `export` and `--json` give, and that survives the way out
 * and in again byte for byte. Knows nothing of files or servers.
 *
 *     {"stream":"orders-1","id":"…","type":"order-placed","contentType":"application/json","data":{"total":10},"tags":["vip"]}
 *
 * `data` is JSON and is kept exactly as written, digits and spaces included; `dataText` is text and `dataBase64` any bytes.
 * `metadata`, `metadataText` and `metadataBase64` likewise. `revision`, `position` and `createdAt` are given by the store;
 * `import` ignores them. A line without `id` gets one made of its number and text, so that importing a file twice
 * appends nothing twice.
 */
import { hash } from 'node:crypto';
import type { ProposedEvent, RecordedEvent } from '../domain/event.ts';
import { rawMembers } from './raw-members.ts';

/** What a line asks for. */
export interface EventLine {
  readonly stream: string;
  readonly event: ProposedEvent;
}

/** The line is not in the form above. The message says why, without the line's number. */
export class EventLineError extends Error {
  override readonly name = 'EventLineError';
}

const KEYS = new Set(
  'stream id type contentType tags data dataText dataBase64 metadata metadataText metadataBase64 revision position createdAt'.split(
    ' ',
  ),
);
const NOTHING = new Uint8Array(0);
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a line; `number` is its number in the file, from 1, and `stream` stands in where the line names none. Throws
 * {@link EventLineError}. Limits are the server's to check.
 */
export function parseEventLine(line: string, number: number, stream?: string): EventLine {
  const members = parseObject(line);
  for (const key of Object.keys(members)) {
    if (!KEYS.has(key)) throw new EventLineError(`there is no field "${key}"; the fields are ${[...KEYS].join(', ')}`);
  }
  const data = payload(line, members, 'data');
  const metadata = payload(line, members, 'metadata');
  return {
    stream: members['stream'] === undefined && stream !== undefined ? stream : text(members, 'stream'),
    event: {
      id: members['id'] === undefined ? lineId(line, number) : text(members, 'id'),
      type: text(members, 'type'),
      data: data.bytes,
      contentType: members['contentType'] === undefined ? data.contentType : text(members, 'contentType'),
      metadata: metadata.bytes,
      tags: tags(members),
    },
  };
}

/** The line for an event, without a newline. */
export function formatEventLine(event: RecordedEvent): string {
  const { streamId, id, type, contentType } = event;
  const head = JSON.stringify({
    stream: streamId,
    revision: event.revision,
    position: event.position,
    createdAt: new Date(event.createdAt / 1000).toISOString(),
    id,
    type,
    contentType,
    ...(event.tags.length > 0 ? { tags: event.tags } : {}),
  }).slice(0, -1);
  return `${head}${payloadMember('data', event.data)}${payloadMember('metadata', event.metadata)}}`;
}

/** A UUID (version 8) made of the first 16 bytes of SHA-256 over the line's number, a line feed and its text. */
export function lineId(line: string, number: number): string {
  const digest = hash('sha256', `${number}\n${line}`);
  const variant = ((parseInt(digest.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}

function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new EventLineError(`not valid JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EventLineError('not a JSON object');
  }
  return value as Record<string, unknown>;
}

function text(members: Record<string, unknown>, key: string): string {
  const value = members[key];
  if (typeof value === 'string') {
    if (value.isWellFormed()) return value;
    throw new EventLineError(`"${key}" has half a surrogate pair, which is no text`);
  }
  throw new EventLineError(value === undefined ? `"${key}" is missing` : `"${key}" must be text`);
}

function tags(members: Record<string, unknown>): readonly string[] {
  const value = members['tags'] ?? [];
  if (Array.isArray(value) && value.every((tag) => typeof tag === 'string')) return value;
  throw new EventLineError('"tags" must be a list of text');
}

interface Payload {
  readonly bytes: Uint8Array;
  /** What the form says of the content, unless the line says it itself. */
  readonly contentType: string;
}

function payload(line: string, members: Record<string, unknown>, key: 'data' | 'metadata'): Payload {
  const given = [key, `${key}Text`, `${key}Base64`].filter((name) => members[name] !== undefined);
  if (given.length > 1) throw new EventLineError(`"${given.join('" and "')}" exclude each other`);
  const [form] = given;
  if (form === undefined) return { bytes: NOTHING, contentType: '' };
  if (form === key) {
    // Not JSON.stringify of the parsed value: that would change large numbers, and the bytes.
    const raw = rawMembers(line).get(key) ?? JSON.stringify(members[key]);
    return { bytes: Buffer.from(raw), contentType: 'application/json' };
  }
  const value = text(members, form);
  if (form === `${key}Text`) return { bytes: Buffer.from(value), contentType: 'text/plain' };
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) throw new EventLineError(`"${form}" is not base64 with padding`);
  return { bytes, contentType: 'application/octet-stream' };
}

/** `,"data":…` in the first form that gives the same bytes back: JSON as it is, text, base64; nothing when empty. */
function payloadMember(key: 'data' | 'metadata', bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  const decoded = decodeText(bytes);
  if (decoded === null) return `,"${key}Base64":"${Buffer.from(bytes).toString('base64')}"`;
  return isPlainJson(decoded) ? `,"${key}":${decoded}` : `,"${key}Text":${JSON.stringify(decoded)}`;
}

function decodeText(bytes: Uint8Array): string | null {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Whether the text is JSON that can stand in a line as it is. */
function isPlainJson(text: string): boolean {
  if (/^\s|\s$|[\r\n]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
