/**
 * Verifies an event state offline: every record, everything that points to records, and that there is nothing else. Changes
 * nothing; memory is bounded however large the state is.
 *
 * How extra entries are found without looking each one up: the records name entries that are all different, each is looked up,
 * and then the entries of the kind are counted. As many as expected means no other.
 */
import { readMeta } from './event-state/state-meta.ts';
import type { KeyValue, KeyValueEntry } from './key-value/key-value.ts';
import { keyAfter, keyKinds, kindRange, metaKeys, readStreamIndexKey, type KeyKind, type KeyRange } from './keys.ts';
import { EventIdCheck } from './state-check/check-event-ids.ts';
import { RecordCheck, type RecordCounts } from './state-check/check-records.ts';
import { ProblemList, type StateProblem } from './state-check/problem-list.ts';
import { decodePlace, type RecordPlace } from './values.ts';

export interface StateReport {
  readonly events: number;
  readonly records: number;
  readonly streams: number;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** The first problems. */
  readonly problems: readonly StateProblem[];
  /** All problems. Zero: the state is sound. */
  readonly problemCount: number;
}

export interface CheckStateOptions {
  /** Called now and then: events checked, and how many there should be. */
  readonly onProgress?: (checked: number, total: number) => void;
  /** How many problems to keep; 100 when not given. */
  readonly keepProblems?: number;
}

const PAGES_AT_ONCE = 64;
const KEYS_AT_ONCE = 2048;

/**
 * Checks the state in `keyValue`, which nothing may change meanwhile. An empty store is a sound, empty state. Throws
 * STORAGE_FORMAT_TOO_NEW and STORAGE_IO; damage is in the report.
 */
export async function checkState(keyValue: KeyValue, options: CheckStateOptions = {}): Promise<StateReport> {
  const problems = new ProblemList(options.keepProblems ?? 100);
  const meta = await problems.guard(() => readMeta(keyValue, 'the event state'));
  const total = meta?.applied.nextPosition ?? 0;
  const eventIds =
    meta && new EventIdCheck({ keyValue, end: total }, problems, meta.eventIds.shape, meta.eventIds.progress);
  const records = new RecordCheck(keyValue, problems, eventIds ?? null);
  const complete = await eachChunk(keyValue, problems, kindRange('page'), PAGES_AT_ONCE, false, async (entries) => {
    await records.pages(entries);
    options.onProgress?.(records.counts.events, total);
  });
  await records.finish();
  await eventIds?.finish();
  const { counts } = records;
  if (complete) {
    if (counts.end !== total) {
      problems.add('meta', `the applied state ends at position ${total}, the records at ${counts.end}`);
    }
    if (meta && counts.lastCreatedAt !== meta.applied.lastCreatedAt) {
      problems.add(
        'meta',
        `the applied state was last written at ${meta.applied.lastCreatedAt}, not ${counts.lastCreatedAt}`,
      );
    }
  }
  await checkStreamIndex(keyValue, problems);
  await checkCounts(keyValue, problems, counts, eventIds?.buckets ?? 0);
  await checkUnknownKeys(keyValue, problems);
  return {
    events: counts.events,
    records: counts.records,
    streams: counts.streams,
    appliedIndex: meta?.applied.index ?? 0,
    appliedTerm: meta?.applied.term ?? 0,
    problems: problems.kept,
    problemCount: problems.count,
  };
}

/** Reads a range to its end. False when damage stopped it. */
async function eachChunk(
  keyValue: KeyValue,
  problems: ProblemList,
  range: KeyRange,
  limit: number,
  keysOnly: boolean,
  visit: (entries: readonly KeyValueEntry[]) => Promise<void> | void,
): Promise<boolean> {
  for (let { gte } = range; ;) {
    const from = gte;
    const entries = await problems.guard(() => keyValue.scan({ gte: from, lt: range.lt }, { limit, keysOnly }));
    if (entries === undefined) return false;
    if (entries.length > 0) await visit(entries);
    const last = entries.at(-1);
    if (last === undefined || entries.length < limit) return true;
    gte = keyAfter(last.key);
  }
}

/** Each stream's revisions follow each other from 0, as do the positions. */
async function checkStreamIndex(keyValue: KeyValue, problems: ProblemList): Promise<void> {
  let before: (RecordPlace & { readonly streamNumber: number; readonly nextRevision: number }) | null = null;
  await eachChunk(keyValue, problems, kindRange('streamIndex'), KEYS_AT_ONCE, false, async (entries) => {
    for (const { key, value } of entries) {
      const { streamNumber, firstRevision } = readStreamIndexKey(key);
      const place = await problems.guard(() => Promise.resolve().then(() => decodePlace(value)));
      if (place === undefined) continue;
      const same = before?.streamNumber === streamNumber ? before : null;
      const name = `stream number ${streamNumber}`;
      if (firstRevision !== (same?.nextRevision ?? 0)) {
        problems.add('gap', `${name} has revision ${firstRevision} where ${same?.nextRevision ?? 0} was to follow`);
      }
      if (same === null ? place.firstPosition !== streamNumber : place.firstPosition <= same.firstPosition) {
        problems.add('order', `${name} has revision ${firstRevision} at position ${place.firstPosition}`);
      }
      before = { ...place, streamNumber, nextRevision: firstRevision + place.count };
    }
  });
}

/** As many entries as the records name; a head for each stream, that ends with the stream's last record. */
async function checkCounts(
  keyValue: KeyValue,
  problems: ProblemList,
  counts: RecordCounts,
  buckets: number,
): Promise<void> {
  const expected: readonly (readonly [KeyKind, number, string])[] = [
    ['largeRecord', counts.largeRecords, 'large records'],
    ['streamIndex', counts.records, 'stream index entries'],
    ['eventId', buckets, 'buckets of the event id index'],
    ['type', counts.types, 'type index entries'],
    ['tag', counts.tags, 'tag index entries'],
    ['streamHead', counts.streams, 'stream heads'],
  ];
  for (const [kind, wanted, name] of expected) {
    let found = 0;
    const complete = await eachChunk(keyValue, problems, kindRange(kind), KEYS_AT_ONCE, true, (entries) => {
      found += entries.length;
    });
    if (complete && found !== wanted) {
      problems.add(kind === 'streamHead' ? 'head' : 'index', `there are ${found} ${name}, the records need ${wanted}`);
    }
  }
  if (counts.lastRecords !== counts.streams) {
    problems.add(
      'head',
      `${counts.lastRecords} of ${counts.streams} streams have the last record that their head names`,
    );
  }
}

/** Nothing outside the kinds, and nothing in `meta` that we do not know. */
async function checkUnknownKeys(keyValue: KeyValue, problems: ProblemList): Promise<void> {
  const known = new Set(Object.values(metaKeys).map(hex));
  const outside: readonly KeyRange[] = [
    { gte: Uint8Array.of(0), lt: Uint8Array.of(keyKinds.meta) },
    kindRange('meta'),
    { gte: Uint8Array.of(keyKinds.tag + 1), lt: Uint8Array.from(new Uint8Array(16).fill(0xff)) },
  ];
  for (const range of outside) {
    await eachChunk(keyValue, problems, range, KEYS_AT_ONCE, true, (entries) => {
      for (const { key } of entries) {
        if (!known.has(hex(key))) problems.add('unknown-key', `the entry ${hex(key)} is of no kind known here`);
      }
    });
  }
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}
