/**
 * The first pass of a check: every page and record in the order of positions, and for each all the entries that point to it.
 */
import { StoreError } from '../../domain/errors.ts';
import { corruption } from '../corruption.ts';
import { largeRecordAt, recordsAt } from '../event-state/state-view.ts';
import type { KeyValueEntry, KeyValueReader } from '../key-value/key-value.ts';
import { positionOfKey, streamHeadKey, streamIndexKey, tagKey, typeKey } from '../keys.ts';
import { INLINE_PAGE_BYTES, PAGE_BYTES } from '../page.ts';
import { verifyRecord, type StoredRecord } from '../record.ts';
import { decodeHead, encodePlace } from '../values.ts';
import type { EventIdCheck } from './check-event-ids.ts';
import { ExpectedEntries } from './expected-entries.ts';
import type { ProblemList } from './problem-list.ts';

const EMPTY = new Uint8Array(0);

/** What the records say there is, to be held against the entries counted. */
export interface RecordCounts {
  /** The position after the last event. */
  end: number;
  lastCreatedAt: number;
  pages: number;
  records: number;
  events: number;
  /** Records at revision 0. */
  streams: number;
  /** Records that are the last of their stream, by its head. */
  lastRecords: number;
  largeRecords: number;
  types: number;
  tags: number;
}

/** Takes all pages in order, then `finish`; the counts are complete after that. Damage goes to the list of problems. */
export class RecordCheck {
  readonly counts: RecordCounts = {
    end: 0,
    lastCreatedAt: 0,
    pages: 0,
    records: 0,
    events: 0,
    streams: 0,
    lastRecords: 0,
    largeRecords: 0,
    types: 0,
    tags: 0,
  };
  readonly #reader: KeyValueReader;
  readonly #problems: ProblemList;
  readonly #eventIds: EventIdCheck | null;
  readonly #expected: ExpectedEntries;

  /** @param eventIds Gets every record that can be read; null: nobody does. */
  constructor(reader: KeyValueReader, problems: ProblemList, eventIds: EventIdCheck | null) {
    this.#eventIds = eventIds;
    this.#reader = reader;
    this.#problems = problems;
    this.#expected = new ExpectedEntries(reader, problems);
  }

  /** Checks the next pages, in order. */
  async pages(entries: readonly KeyValueEntry[]): Promise<void> {
    for (const { key, value } of entries) {
      const position = positionOfKey(key);
      const { end } = this.counts;
      if (position !== end) {
        this.#problems.add(
          position > end ? 'gap' : 'order',
          `page ${position} follows position ${end - 1}: ${position > end ? `${position - end} events are missing` : 'they overlap'}`,
        );
      }
      const records = await this.#problems.guard(() => this.#recordsOf(position, value));
      this.counts.end = position;
      this.counts.pages += 1;
      if (records !== undefined) this.#page(position, records);
      await this.#expected.settle();
    }
  }

  /** Looks up what is still to be looked up. */
  finish(): Promise<void> {
    return this.#expected.settle(true);
  }

  async #recordsOf(position: number, value: Uint8Array): Promise<StoredRecord[]> {
    if (Number.isNaN(position)) throw corruption('a page', 'its key is not a position');
    if (value.length === 0) this.counts.largeRecords += 1;
    const records = value.length === 0 ? await largeRecordAt(this.#reader, position) : recordsAt(position, value);
    for (const record of records) verifyRecord(record);
    const alone =
      value.length === 0 ? (records[0]?.bytes.length ?? 0) + 4 > INLINE_PAGE_BYTES : value.length <= INLINE_PAGE_BYTES;
    if (!alone || (records.length > 1 && value.length > PAGE_BYTES)) {
      throw corruption(`page at position ${position}`, `it has ${records.length} records in ${value.length} bytes`);
    }
    return records;
  }

  #page(page: number, records: readonly StoredRecord[]): void {
    const types = new Set<string>();
    const tags = new Set<string>();
    for (const record of records) {
      this.#record(page, record);
      for (let ordinal = 0; ordinal < record.count; ordinal += 1) {
        const facts = record.facts(ordinal);
        types.add(facts.type);
        for (const tag of facts.tags) tags.add(tag);
      }
    }
    this.counts.types += types.size;
    this.counts.tags += tags.size;
    for (const type of types) {
      this.#expected.expectValue(typeKey(type, page), EMPTY, () => `type index entry of "${type}" for page ${page}`);
    }
    for (const tag of tags) {
      this.#expected.expectValue(tagKey(tag, page), EMPTY, () => `tag index entry of "${tag}" for page ${page}`);
    }
  }

  #record(page: number, record: StoredRecord): void {
    const { firstPosition, firstRevision, count, streamNumber, streamId, createdAt } = record;
    const { counts } = this;
    const name = `record at position ${firstPosition}`;
    if (firstPosition !== counts.end) this.#problems.add('gap', `${name} follows position ${counts.end - 1}`);
    if (createdAt < counts.lastCreatedAt) this.#problems.add('order', `${name} is older than the one before it`);
    if (firstRevision === 0 ? streamNumber !== firstPosition : streamNumber >= firstPosition) {
      this.#problems.add('order', `${name}, revision ${firstRevision}, has stream number ${streamNumber}`);
    }
    counts.end = firstPosition + count;
    counts.lastCreatedAt = Math.max(counts.lastCreatedAt, createdAt);
    counts.records += 1;
    counts.events += count;
    if (firstRevision === 0) counts.streams += 1;
    const place = encodePlace({ firstPosition, count, pagePosition: page });
    this.#expected.expectValue(
      streamIndexKey(streamNumber, firstRevision),
      place,
      () => `stream index entry of "${streamId}" revision ${firstRevision}`,
    );
    this.#eventIds?.record(record);
    this.#expected.expect(
      'head',
      streamHeadKey(streamId),
      () => `head of stream "${streamId}"`,
      (value) => this.#judgeHead(value, record),
    );
  }

  #judgeHead(value: Uint8Array, record: StoredRecord): string | null {
    const lastRevision = record.firstRevision + record.count - 1;
    const lastPosition = record.firstPosition + record.count - 1;
    let head;
    try {
      head = decodeHead(value);
    } catch (error) {
      if (error instanceof StoreError) return error.message;
      throw error;
    }
    if (head.streamNumber !== record.streamNumber)
      return `has number ${head.streamNumber}, its record ${record.streamNumber}`;
    if (head.lastRevision < lastRevision) return `ends at revision ${head.lastRevision}, but ${lastRevision} is there`;
    if (head.lastRevision > lastRevision) return null;
    this.counts.lastRecords += 1;
    return head.lastPosition === lastPosition ? null : `ends at position ${head.lastPosition}, not ${lastPosition}`;
  }
}
