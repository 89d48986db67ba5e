/**
 * Reads the whole store in the order of positions, forwards or backwards. Every position is accounted for: a hole is
 * STORAGE_CORRUPT, never skipped.
 */
import { corruption } from '../corruption.ts';
import type { StoredRecord } from '../record.ts';
import { pageChunks } from './page-chunks.ts';
import { pageWith, type StateView } from './state-view.ts';

/** Forwards: from the append that contains `from`. Empty when `from` is at or beyond the end. */
export async function* readAllForwards(view: StateView, from: number): AsyncGenerator<readonly StoredRecord[]> {
  if (from >= view.end) return;
  const first = await pageWith(view, from);
  let next = first;
  for await (const records of pageChunks(view, first, view.end, 'forwards')) {
    for (const record of records) {
      if (record.firstPosition !== next) throw hole(next);
      next += record.count;
    }
    const wanted = records.findIndex((record) => record.firstPosition + record.count > from);
    if (wanted >= 0) yield wanted === 0 ? records : records.slice(wanted);
  }
  if (next !== view.end) throw hole(next);
}

/** Backwards: from the append that contains `from`, or the last one, each append before those that precede it. */
export async function* readAllBackwards(view: StateView, from: number): AsyncGenerator<readonly StoredRecord[]> {
  const last = Math.min(from, view.end - 1);
  if (last < 0) return;
  let end: number | null = null;
  for await (const records of pageChunks(view, 0, last + 1, 'backwards')) {
    for (const record of records) {
      const recordEnd = record.firstPosition + record.count;
      if (end === null ? recordEnd <= last : recordEnd !== end) throw hole(recordEnd);
      end = record.firstPosition;
    }
    const wanted = records.findIndex((record) => record.firstPosition <= last);
    if (wanted >= 0) yield wanted === 0 ? records : records.slice(wanted);
  }
  if (end !== 0) throw hole(end === null ? last : end - 1);
}

function hole(position: number): Error {
  return corruption(`record at position ${position}`, 'it is missing');
}
