/**
 * What the reads of the event state work on: a reader of keys, and the count of events that are visible. As events never
 * change and positions have no holes, the count alone makes every read consistent, and no engine snapshot is held while a
 * slow consumer reads.
 */
import type { StreamHead } from '../../domain/append.ts';
import { corruption } from '../corruption.ts';
import type { KeyValueReader } from '../key-value/key-value.ts';
import { largeRecordKey, pageKey, positionOfKey, streamHeadKey } from '../keys.ts';
import { recordsOfPage } from '../page.ts';
import { StoredRecord } from '../record.ts';
import { decodeHead } from '../values.ts';

export interface StateView {
  readonly keyValue: KeyValueReader;
  /** Every position below is there. */
  readonly end: number;
}

/** The heads of streams, in order; null for a stream without events. */
export async function readHeads(reader: KeyValueReader, streamIds: readonly string[]): Promise<(StreamHead | null)[]> {
  const values = await reader.getMany(streamIds.map(streamHeadKey));
  return values.map((value) => (value === null ? null : decodeHead(value)));
}

/** The position of the page that has this position, which is below the view's end. */
export async function pageWith(view: StateView, position: number): Promise<number> {
  if (position === 0) return 0;
  const range = { gte: pageKey(0), lt: pageKey(position + 1) };
  const [entry] = await view.keyValue.scan(range, { limit: 1, reverse: true, keysOnly: true });
  if (entry === undefined) throw corruption('the store', `no page has position ${position}, of ${view.end} events`);
  return positionOfKey(entry.key);
}

/** Checks that the records of a page begin where its key says. */
function checked(position: number, records: StoredRecord[]): StoredRecord[] {
  if (records[0]?.firstPosition !== position) {
    throw corruption(`page at position ${position}`, `it begins with position ${records[0]?.firstPosition ?? 'none'}`);
  }
  return records;
}

/** The records of a page, given its value, which is not empty. Throws STORAGE_CORRUPT when it is damaged, or missing (null). */
export function recordsAt(position: number, value: Uint8Array | null): StoredRecord[] {
  if (value === null) throw corruption(`page at position ${position}`, 'it is missing');
  return checked(position, recordsOfPage(value));
}

/** The record of a page whose value is empty, because the record is a large one. Throws STORAGE_CORRUPT. */
export async function largeRecordAt(reader: KeyValueReader, position: number): Promise<StoredRecord[]> {
  const [bytes] = await reader.getMany([largeRecordKey(position)]);
  if (bytes === null || bytes === undefined) throw corruption(`record at position ${position}`, 'it is missing');
  return checked(position, [new StoredRecord(bytes)]);
}

/** The record that has a position below the view's end. Throws STORAGE_CORRUPT. */
export async function recordWith(view: StateView, position: number): Promise<StoredRecord> {
  const page = await pageWith(view, position);
  const [value = null] = await view.keyValue.getMany([pageKey(page)]);
  const records = value?.length === 0 ? await largeRecordAt(view.keyValue, page) : recordsAt(page, value);
  const found = records.find(
    ({ firstPosition, count }) => position >= firstPosition && position < firstPosition + count,
  );
  if (found === undefined) throw corruption(`page at position ${page}`, `it does not have position ${position}`);
  return found;
}

/** A page as it was fetched; null when it was not there. */
export interface FetchedPage {
  readonly position: number;
  readonly value: Uint8Array | null;
}

/** The records of pages, in the order given (each page's own reversed with `reverse`): small pages together, a large record alone. */
export async function* recordsInPages(
  reader: KeyValueReader,
  pages: readonly FetchedPage[],
  reverse: boolean,
): AsyncGenerator<StoredRecord[]> {
  let chunk: StoredRecord[] = [];
  for (const { position, value } of pages) {
    if (value?.length === 0) {
      if (chunk.length > 0) yield chunk;
      chunk = [];
      yield await largeRecordAt(reader, position);
    } else {
      const records = recordsAt(position, value);
      for (const record of reverse ? records.reverse() : records) chunk.push(record);
    }
  }
  if (chunk.length > 0) yield chunk;
}
