/**
 * Reads what matches a query: the type and tag indexes name the pages that may hold a match, the records in them decide. An
 * index entry is a hint that must not be missing; that it is not is what `graveyar check` verifies.
 */
import { matchesQuery, type Query, type QueryItem } from '../../domain/query.ts';
import { pageKey, tagKey, typeKey } from '../keys.ts';
import type { StoredRecord } from '../record.ts';
import type { ReadDirection } from '../store.ts';
import { ChunkSize } from './chunk-size.ts';
import { IndexCursor, IntersectionCursor, UnionCursor, type PageCursor } from './page-cursor.ts';
import { pageWith, recordsInPages, type StateView } from './state-view.ts';

/** The appends with a match, from the append that contains `from` on (or the nearest in the direction), in chunks. */
export async function* readQuery(
  view: StateView,
  query: Query,
  from: number,
  direction: ReadDirection,
): AsyncGenerator<readonly StoredRecord[]> {
  const reverse = direction === 'backwards';
  if (reverse ? view.end === 0 : from >= view.end) return;
  const inRange = ({ firstPosition, count }: StoredRecord): boolean =>
    reverse ? firstPosition <= from : firstPosition + count > from;
  const cursor = queryCursor(view, query, direction);
  const size = new ChunkSize();
  let next: number | null = reverse ? Math.min(from, view.end - 1) : await pageWith(view, from);
  while (next !== null) {
    const positions: number[] = [];
    while (positions.length < size.limit) {
      next = await cursor.seek(next);
      if (next === null) break;
      positions.push(next);
      next += reverse ? -1 : 1;
    }
    if (positions.length === 0) return;
    let bytes = 0;
    const values = await view.keyValue.getMany(positions.map(pageKey));
    const pages = positions.map((position, i) => ({ position, value: values[i] ?? null }));
    for await (const records of recordsInPages(view.keyValue, pages, reverse)) {
      for (const record of records) bytes += record.bytes.length;
      const matching = records.filter((record) => inRange(record) && hasMatch(query, record, 0));
      if (matching.length > 0) yield matching;
    }
    size.learn(positions.length, bytes);
  }
}

/** The position of some event that matches the query, after `afterPosition` (null: at all); null when there is none. */
export async function findMatch(view: StateView, query: Query, afterPosition: number | null): Promise<number | null> {
  const from = afterPosition === null ? 0 : afterPosition + 1;
  for await (const records of readQuery(view, query, from, 'forwards')) {
    for (const record of records) {
      const ordinal = firstMatch(query, record, Math.max(0, from - record.firstPosition));
      if (ordinal !== null) return record.firstPosition + ordinal;
    }
  }
  return null;
}

function hasMatch(query: Query, record: StoredRecord, fromOrdinal: number): boolean {
  return firstMatch(query, record, fromOrdinal) !== null;
}

function firstMatch(query: Query, record: StoredRecord, fromOrdinal: number): number | null {
  for (let ordinal = fromOrdinal; ordinal < record.count; ordinal += 1) {
    if (matchesQuery(query, record.facts(ordinal))) return ordinal;
  }
  return null;
}

function queryCursor(view: StateView, query: Query, direction: ReadDirection): PageCursor {
  return union(
    query.items.map((item) => itemCursor(view, item, direction)),
    direction,
  );
}

function itemCursor(view: StateView, item: QueryItem, direction: ReadDirection): PageCursor {
  const cursors: PageCursor[] = item.tags.map(
    (tag) => new IndexCursor(view, (position) => tagKey(tag, position), direction),
  );
  if (item.types.length > 0) {
    const types = item.types.map((type) => new IndexCursor(view, (position) => typeKey(type, position), direction));
    cursors.push(union(types, direction));
  }
  const [only] = cursors;
  return cursors.length === 1 && only !== undefined ? only : new IntersectionCursor(cursors);
}

function union(cursors: readonly PageCursor[], direction: ReadDirection): PageCursor {
  const [only] = cursors;
  return cursors.length === 1 && only !== undefined ? only : new UnionCursor(cursors, direction);
}
