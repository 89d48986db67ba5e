/**
 * A group: the appends that were decided together and become durable together, as one log entry. Layout: FORMAT.md, "Group".
 */
import type { DecidedAppend } from '../domain/append.ts';
import { assert } from '../lib/assert.ts';
import { readU32, writeU32 } from './big-endian.ts';
import { corruption } from './corruption.ts';
import { planRecord, StoredRecord, verifyRecord, writeRecord } from './record.ts';
import type { StoredAppend } from './stored-append.ts';

/** The layout's version, in the group's first byte. */
export const GROUP_VERSION = 1;
/** Version (1) and count (4). */
const HEADER = 5;
/** The length before each record. */
export const RECORD_LENGTH_SIZE = 4;

/** An encoded group. `bytes` is the log entry's payload; the records of `appends` are views into it. */
export interface EncodedGroup {
  readonly bytes: Uint8Array;
  /** In the order of positions, without gaps. At least one. */
  readonly appends: readonly StoredAppend[];
}

/**
 * Encodes decided appends into one buffer: sizes first, then one pass. The appends are in the order of positions, without
 * gaps, at least one; the result shares nothing with them.
 */
export function encodeGroup(appends: readonly DecidedAppend[]): EncodedGroup {
  assert(appends.length > 0, 'a group has at least one append');
  const plans = appends.map(planRecord);
  const length = plans.reduce((sum, plan) => sum + RECORD_LENGTH_SIZE + plan.length, HEADER);
  const bytes = Buffer.allocUnsafeSlow(length);
  bytes[0] = GROUP_VERSION;
  writeU32(bytes, 1, appends.length);
  const records: StoredRecord[] = [];
  let offset = HEADER;
  for (const plan of plans) {
    writeU32(bytes, offset, plan.length);
    offset += RECORD_LENGTH_SIZE;
    writeRecord(bytes, offset, plan);
    records.push(new StoredRecord(bytes.subarray(offset, offset + plan.length)));
    offset += plan.length;
  }
  checkOrder(records);
  return { bytes, appends: records };
}

/** A group of records that are stored already, in the order of positions without gaps, at least one. Copies them. */
export function joinGroup(appends: readonly StoredAppend[]): EncodedGroup {
  assert(appends.length > 0, 'a group has at least one append');
  const length = appends.reduce((sum, append) => sum + RECORD_LENGTH_SIZE + append.bytes.length, HEADER);
  const bytes = Buffer.allocUnsafeSlow(length);
  bytes[0] = GROUP_VERSION;
  writeU32(bytes, 1, appends.length);
  let offset = HEADER;
  const records = appends.map((append) => {
    writeU32(bytes, offset, append.bytes.length);
    offset += RECORD_LENGTH_SIZE;
    bytes.set(append.bytes, offset);
    offset += append.bytes.length;
    return new StoredRecord(bytes.subarray(offset - append.bytes.length, offset));
  });
  checkOrder(records);
  return { bytes, appends: records };
}

/**
 * Decodes a log entry's payload; the result's records are views into `bytes`, which the caller must not change. Checks the
 * structure and the order of positions; with `verify`, every event as well. Throws STORAGE_CORRUPT.
 */
export function decodeGroup(bytes: Uint8Array, verify: 'structure' | 'everything' = 'structure'): EncodedGroup {
  if (bytes.length < HEADER || bytes[0] !== GROUP_VERSION) {
    throw corruption('group of appends', `it has ${bytes.length} bytes and version ${bytes[0] ?? 'none'}`);
  }
  const appends = splitRecords(bytes, HEADER);
  if (appends.length !== readU32(bytes, 1) || appends.length === 0) {
    throw corruption('group of appends', `it says ${readU32(bytes, 1)} records and holds ${appends.length}`);
  }
  if (verify === 'everything') for (const append of appends) verifyRecord(append);
  checkOrder(appends);
  return { bytes, appends };
}

/** Splits records, each with its length before it, from `from` to the end of `bytes`. Throws STORAGE_CORRUPT. */
export function splitRecords(bytes: Uint8Array, from: number): StoredRecord[] {
  const records: StoredRecord[] = [];
  let offset = from;
  while (offset < bytes.length) {
    const start = offset + RECORD_LENGTH_SIZE;
    const end = start + (start <= bytes.length ? readU32(bytes, offset) : 0);
    if (start > bytes.length || end > bytes.length) {
      throw corruption('sequence of records', `a record at byte ${offset} does not end within ${bytes.length} bytes`);
    }
    records.push(new StoredRecord(bytes.subarray(start, end)));
    offset = end;
  }
  return records;
}

function checkOrder(appends: readonly StoredAppend[]): void {
  let next = appends[0]?.firstPosition ?? 0;
  for (const append of appends) {
    if (append.firstPosition !== next) {
      throw corruption(`record at position ${append.firstPosition}`, `position ${next} was to follow`);
    }
    next += append.count;
  }
}
