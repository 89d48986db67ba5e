/**
 * Reads one stream in the order of revisions, forwards or backwards: the stream index says in which pages its records are,
 * and the pages are fetched together. Every revision is accounted for: a hole is STORAGE_CORRUPT, never skipped.
 */
import type { StreamHead } from '../../domain/append.ts';
import { corruption } from '../corruption.ts';
import type { KeyValueEntry } from '../key-value/key-value.ts';
import { keyAfter, pageKey, readStreamIndexKey, streamIndexKey, type KeyRange } from '../keys.ts';
import type { StoredRecord } from '../record.ts';
import { decodePlace, type RecordPlace } from '../values.ts';
import { ChunkSize } from './chunk-size.ts';
import { largeRecordAt, recordsAt, type StateView } from './state-view.ts';

/** Where the record that contains a revision of an existing stream begins, and is. Null when there is no such revision. */
export async function placeOf(
  view: StateView,
  head: StreamHead,
  revision: number,
): Promise<{ readonly firstRevision: number; readonly place: RecordPlace } | null> {
  if (revision > head.lastRevision) return null;
  const range = { gte: streamIndexKey(head.streamNumber, 0), lt: streamIndexKey(head.streamNumber, revision + 1) };
  const [entry] = await view.keyValue.scan(range, { limit: 1, reverse: true });
  if (entry === undefined) throw hole(head, revision);
  return { firstRevision: readStreamIndexKey(entry.key).firstRevision, place: decodePlace(entry.value) };
}

/** Forwards: from the append that contains revision `from`. Empty when the stream ends before it. */
export async function* readStreamForwards(
  view: StateView,
  head: StreamHead,
  from: number,
): AsyncGenerator<readonly StoredRecord[]> {
  const start = from === 0 ? 0 : (await placeOf(view, head, from))?.firstRevision;
  if (start === undefined) return;
  let next = start;
  for await (const records of recordChunks(view, head, start, head.lastRevision, false)) {
    for (const record of records) {
      if (record.firstRevision !== next) throw hole(head, next);
      next += record.count;
    }
    yield records;
  }
  if (next <= head.lastRevision) throw hole(head, next);
}

/** Backwards: from the append that contains `from`, or the stream's last one, each append before those that precede it. */
export async function* readStreamBackwards(
  view: StateView,
  head: StreamHead,
  from: number,
): AsyncGenerator<readonly StoredRecord[]> {
  const last = Math.min(from, head.lastRevision);
  let end: number | null = null;
  for await (const records of recordChunks(view, head, 0, last, true)) {
    for (const record of records) {
      const recordEnd = record.firstRevision + record.count;
      if (end === null ? recordEnd <= last : recordEnd !== end) throw hole(head, recordEnd);
      end = record.firstRevision;
    }
    yield records;
  }
  if (end !== 0) throw hole(head, end === null ? last : end - 1);
}

/** The records of the stream that begin at first <= revision <= last, in chunks. */
async function* recordChunks(
  view: StateView,
  head: StreamHead,
  first: number,
  last: number,
  reverse: boolean,
): AsyncGenerator<StoredRecord[]> {
  const size = new ChunkSize();
  let range: KeyRange = {
    gte: streamIndexKey(head.streamNumber, first),
    lt: streamIndexKey(head.streamNumber, last + 1),
  };
  for (;;) {
    const limit = size.limit;
    const entries = await view.keyValue.scan(range, { limit, reverse });
    let bytes = 0;
    for await (const records of recordsOf(view, head, entries)) {
      for (const record of records) bytes += record.bytes.length;
      yield records;
    }
    const final = entries.at(-1);
    if (final === undefined || entries.length < limit) return;
    size.learn(entries.length, bytes);
    range = reverse ? { gte: range.gte, lt: final.key } : { gte: keyAfter(final.key), lt: range.lt };
  }
}

/** The records that index entries point to: those in small pages together, each large one alone. */
async function* recordsOf(
  view: StateView,
  head: StreamHead,
  entries: readonly KeyValueEntry[],
): AsyncGenerator<StoredRecord[]> {
  const places = entries.map(({ value }) => decodePlace(value));
  const positions = [...new Set(places.map(({ pagePosition }) => pagePosition))];
  const values = await view.keyValue.getMany(positions.map(pageKey));
  const pages = new Map(positions.map((position, i) => [position, values[i] ?? null]));
  const small = new Map<number, ReadonlyMap<number, StoredRecord>>();
  let chunk: StoredRecord[] = [];
  for (const place of places) {
    const value = pages.get(place.pagePosition) ?? null;
    if (value?.length === 0) {
      if (chunk.length > 0) yield chunk;
      chunk = [];
      yield (await largeRecordAt(view.keyValue, place.pagePosition)).map((record) => pick(record, head, place));
      continue;
    }
    let records = small.get(place.pagePosition);
    if (records === undefined) {
      records = new Map(recordsAt(place.pagePosition, value).map((record) => [record.firstPosition, record]));
      small.set(place.pagePosition, records);
    }
    chunk.push(pick(records.get(place.firstPosition), head, place));
  }
  if (chunk.length > 0) yield chunk;
}

function pick(record: StoredRecord | undefined, head: StreamHead, place: RecordPlace): StoredRecord {
  if (record?.firstPosition !== place.firstPosition || record.streamNumber !== head.streamNumber) {
    throw corruption(`record at position ${place.firstPosition}`, 'the stream index points to it, but it is not there');
  }
  return record;
}

function hole(head: StreamHead, revision: number): Error {
  return corruption(`stream number ${head.streamNumber}`, `its revision ${revision} is missing from the stream index`);
}
