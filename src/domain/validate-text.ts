/**
 * Rules for single values of a request: text, numbers, ids. Pure. A failure is an INVALID_ARGUMENT that names the field by
 * its path in the gRPC request and the rule it breaks. The paths are handed in; what a request looks like is not known here.
 */
import { NOT_WELL_FORMED, utf8Length } from '../lib/utf8-length.ts';
import type { EventId } from './event.ts';
import { StoreError } from './errors.ts';
import { limits } from './limits.ts';

const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/u;
const UUID_LENGTH = 36;
/** By character code: 1 for the digits of a canonical UUID. */
const UUID_DIGITS = new Uint8Array(128);
for (const digit of '0123456789abcdef') UUID_DIGITS[digit.charCodeAt(0)] = 1;
const DASH = 0x2d;

/** The error of a request that breaks a rule: `field: problem (limit)`. */
export function invalidArgument(field: string, problem: string, limit?: string): StoreError<'INVALID_ARGUMENT'> {
  const message = limit === undefined ? `${field}: ${problem}` : `${field}: ${problem}; allowed: ${limit}`;
  return new StoreError('INVALID_ARGUMENT', message, limit === undefined ? { field } : { field, limit });
}

/** A count as people read it: `16,777,216`. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/gu, ',');
}

/**
 * Bytes of UTF-8 of `text`, which has to be well-formed and between `min` and `max` of them. Throws INVALID_ARGUMENT.
 * @param field Makes the field's path; called only on failure.
 */
export function validateText(text: string, min: number, max: number, field: () => string): number {
  // A unit takes at least one byte: text that is too long is not walked through.
  const bytes = text.length > max ? text.length : utf8Length(text);
  if (bytes >= min && bytes <= max) return bytes;
  if (bytes === NOT_WELL_FORMED) throw invalidArgument(field(), 'text has a lone surrogate', 'well-formed Unicode');
  const rule = min === 0 ? `at most ${countText(max)} bytes of UTF-8` : `${min} to ${countText(max)} bytes of UTF-8`;
  const problem = bytes === 0 ? 'must not be empty' : `is longer than ${countText(max)} bytes`;
  throw invalidArgument(field(), problem, rule);
}

/** A stream id: 1 to 1,024 bytes of UTF-8 without control characters. Returns its bytes. Throws INVALID_ARGUMENT. */
export function validateStreamId(streamId: string, field: () => string): number {
  const bytes = validateText(streamId, 1, limits.streamIdBytes, field);
  if (CONTROL_CHARACTER.test(streamId)) {
    throw invalidArgument(field(), 'has a control character', 'text without control characters');
  }
  return bytes;
}

/** The canonical form of an event id: a UUID in text form, in upper or lower case. Throws INVALID_ARGUMENT. */
export function validateEventId(id: string, field: () => string): EventId {
  if (isCanonicalUuid(id)) return id;
  const lower = id.length === UUID_LENGTH ? id.toLowerCase() : '';
  if (isCanonicalUuid(lower)) return lower;
  const problem = id === '' ? 'must not be empty' : 'is not a UUID';
  throw invalidArgument(field(), problem, '8-4-4-4-12 hexadecimal digits');
}

/** 8-4-4-4-12 lower-case hexadecimal digits. A loop: each event is looked at, and a regular expression takes three times as long. */
function isCanonicalUuid(id: string): boolean {
  if (id.length !== UUID_LENGTH) return false;
  for (let at = 0; at < UUID_LENGTH; at += 1) {
    const code = id.charCodeAt(at);
    const isRight = at === 8 || at === 13 || at === 18 || at === 23 ? code === DASH : UUID_DIGITS[code] === 1;
    if (!isRight) return false;
  }
  return true;
}

/** A position, a revision or a count: a safe integer from `min` on. Throws INVALID_ARGUMENT. */
export function validateInteger(value: number, min: number, field: () => string): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  throw invalidArgument(field(), `is ${value}`, `an integer from ${min} to ${Number.MAX_SAFE_INTEGER}`);
}

/** A number of things between `min` and `max`. Throws INVALID_ARGUMENT. */
export function validateCount(count: number, min: number, max: number, what: string, field: () => string): void {
  if (count >= min && count <= max) return;
  throw invalidArgument(field(), `has ${countText(count)} ${what}`, `${min} to ${countText(max)} ${what}`);
}
