/**
 * How many bytes an entry counts for, wherever a limit is in bytes.
 *
 * Two measures, as in etcd-raft: the *size* of an entry is what it takes on the wire in the canonical protocol buffer
 * form of the protocol (so limits cut batches at the same entries as the original), its *payload size* is its data alone,
 * so that an empty entry counts for nothing. Knows no limits itself.
 */
import type { Entry } from './messages.ts';

/** Bytes of `value` as a base-128 varint. `value` is a safe integer >= 0. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  if (value < 0x2_0000_0000_0000) return 7;
  return 8;
}

/** Encoded bytes of an entry: tag and varint for type, term and index, and tag, length and bytes of its data if any. */
export function entrySize(entry: Entry): number {
  const length = entry.data.length;
  const dataSize = length === 0 ? 0 : 1 + varintSize(length) + length;
  return 4 + varintSize(entry.term) + varintSize(entry.index) + dataSize;
}

/** Sum of {@link entrySize}. */
export function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entrySize(entry);
  return size;
}

/** Sum of the lengths of the entries' data. */
export function payloadsSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entry.data.length;
  return size;
}

/** How many entries of the longest prefix fit `maxSize`: at least 1 unless there is none at all. */
export function limitedLength(entries: readonly Entry[], maxSize: number): number {
  if (maxSize === Infinity || entries.length === 0) return entries.length;
  let size = 0;
  for (let length = 0; length < entries.length; length++) {
    size += entrySize(entries[length] as Entry);
    if (size > maxSize && length > 0) return length;
  }
  return entries.length;
}

/** The longest prefix whose {@link entriesSize} is at most `maxSize`, but at least one entry. May be `entries` itself. */
export function limitSize(entries: readonly Entry[], maxSize: number): readonly Entry[] {
  const length = limitedLength(entries, maxSize);
  return length === entries.length ? entries : entries.slice(0, length);
}
