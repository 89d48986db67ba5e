/**
 * Reads a range of pages in either direction, in chunks of about a mebibyte (or one large record). The next chunk is fetched
 * while the consumer works on the last; nothing of the engine is held in between.
 */
import { keyAfter, pageKey, positionOfKey, type KeyRange } from '../keys.ts';
import type { StoredRecord } from '../record.ts';
import type { ReadDirection } from '../store.ts';
import { ChunkSize } from './chunk-size.ts';
import { recordsInPages, type StateView } from './state-view.ts';

/** The records of the pages that begin at first <= position < end; backwards, the last record first. */
export async function* pageChunks(
  view: StateView,
  first: number,
  end: number,
  direction: ReadDirection,
): AsyncGenerator<StoredRecord[]> {
  const { keyValue } = view;
  const size = new ChunkSize();
  const reverse = direction === 'backwards';
  let range: KeyRange = { gte: pageKey(first), lt: pageKey(end) };
  let limit = size.limit;
  let fetching = keyValue.scan(range, { limit, reverse });
  for (;;) {
    const entries = await fetching;
    const last = entries.length < limit ? undefined : entries.at(-1);
    if (last !== undefined) {
      size.learn(
        entries.length,
        entries.reduce((sum, { value }) => sum + value.length, 0),
      );
      range = reverse ? { gte: range.gte, lt: last.key } : { gte: keyAfter(last.key), lt: range.lt };
      limit = size.limit;
      fetching = keyValue.scan(range, { limit, reverse });
      // The consumer may leave before this settles; if it stays, the failure is thrown above.
      fetching.catch(() => undefined);
    }
    yield* recordsInPages(
      keyValue,
      entries.map(({ key, value }) => ({ position: positionOfKey(key), value })),
      reverse,
    );
    if (last === undefined) return;
  }
}
