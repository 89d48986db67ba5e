/**
 * Finds a place by time: creation times never decrease with the position, so a binary search over pages does it, in some
 * thirty reads for a billion pages.
 */
import { corruption } from '../corruption.ts';
import { pageKey, positionOfKey } from '../keys.ts';
import { largeRecordAt, recordsAt, type StateView } from './state-view.ts';
import type { StoredRecord } from '../record.ts';

/** The first position whose event was created at or after `micros`; the view's end when there is none. */
export async function positionAtTime(view: StateView, micros: number): Promise<number> {
  // Everything below `low` is too old; nothing at or above `high` is. Both are bounds of pages.
  let [low, high] = [0, view.end];
  while (low < high) {
    const records = await recordsWith(view, Math.floor((low + high) / 2));
    const recent = records.find(({ createdAt }) => createdAt >= micros);
    const last = records.at(-1);
    if (recent === undefined) low = last === undefined ? high : last.firstPosition + last.count;
    else if (recent === records[0]) high = recent.firstPosition;
    else return recent.firstPosition;
  }
  return low;
}

/** The records of the page that has this position, which is below the view's end. */
async function recordsWith(view: StateView, position: number): Promise<StoredRecord[]> {
  const range = { gte: pageKey(0), lt: pageKey(position + 1) };
  const [entry] = await view.keyValue.scan(range, { limit: 1, reverse: true });
  if (entry === undefined) throw corruption('the store', `no page has position ${position}, of ${view.end} events`);
  const page = positionOfKey(entry.key);
  return entry.value.length === 0 ? await largeRecordAt(view.keyValue, page) : recordsAt(page, entry.value);
}
