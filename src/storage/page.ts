/**
 * Pages: what the event state keeps records in. A page is a run of a group's records; the cut depends on the group alone, so it is
 * the same on every replica but for records that came in a snapshot, which are grouped anew. Reading the store in order takes
 * one entry for a page of small records instead of one for each, and the type and tag indexes name pages. Layout: FORMAT.md,
 * "Keys". Knows nothing of engines.
 */
import type { EncodedGroup } from './group.ts';
import { RECORD_LENGTH_SIZE, splitRecords } from './group.ts';
import type { StoredRecord } from './record.ts';
import type { StoredAppend } from './stored-append.ts';

/** A page of several records is at most this long; a larger record is a page alone. Part of the format. */
export const PAGE_BYTES = 4 * 1024;
/** A page longer than this (which has one record) leaves its value empty and its record under a key of its own. Part of the format. */
export const INLINE_PAGE_BYTES = 32 * 1024;

export interface Page {
  /** Position of the first event. */
  readonly position: number;
  /** The records, each with its length before it. A view into the group. */
  readonly bytes: Uint8Array;
  readonly appends: readonly StoredAppend[];
}

/** Cuts a group into pages, in order, together all of its records. */
export function* pagesOf(group: EncodedGroup): Generator<Page> {
  let end = group.bytes.length - group.appends.reduce((sum, { bytes }) => sum + RECORD_LENGTH_SIZE + bytes.length, 0);
  let start = end;
  let appends: StoredAppend[] = [];
  for (const append of group.appends) {
    const length = RECORD_LENGTH_SIZE + append.bytes.length;
    if (end > start && end + length - start > PAGE_BYTES) {
      yield { position: appends[0]?.firstPosition ?? 0, bytes: group.bytes.subarray(start, end), appends };
      start = end;
      appends = [];
    }
    appends.push(append);
    end += length;
  }
  yield { position: appends[0]?.firstPosition ?? 0, bytes: group.bytes.subarray(start, end), appends };
}

/** The records of a page's bytes, which are views into them. Throws STORAGE_CORRUPT. */
export function recordsOfPage(bytes: Uint8Array): StoredRecord[] {
  return splitRecords(bytes, 0);
}
