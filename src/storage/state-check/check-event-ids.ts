/**
 * The check of the event id index: every event has its entry where its hash says, there are no other entries, and no stream has an id
 * twice. Memory: two numbers for each run, and the entries of one in 256 hashes at a time.
 *
 * Entries are held against records by sums over the events of a run, which do not depend on the order: whatever differs, other than
 * made on purpose, makes a sum different. Equal ids have equal hashes, which meet when entries are sorted.
 */
import { hashIdBytes, type EventIdHash } from '../event-id-index/event-id-hash.ts';
import { checkedBucket, ENTRY_BYTES } from '../event-id-index/id-bucket.ts';
import { runEvents, type IndexProgress, type IndexShape } from '../event-id-index/index-shape.ts';
import { liveRuns, type LiveRun } from '../event-id-index/live-runs.ts';
import { recordWith, type StateView } from '../event-state/state-view.ts';
import { readU32 } from '../big-endian.ts';
import { eventIdBucketKey } from '../keys.ts';
import type { StoredRecord } from '../record.ts';
import type { ProblemList } from './problem-list.ts';

const BUCKETS_AT_ONCE = 256;

interface Sum {
  a: number;
  b: number;
}

interface Entry {
  readonly high: number;
  readonly low: number;
  readonly position: number;
}

/** Holds the runs of the event id index against the events: each event in exactly one entry, and no entry without its event. */
export class EventIdCheck {
  readonly #view: StateView;
  readonly #problems: ProblemList;
  readonly #shape: IndexShape;
  readonly #runs: readonly LiveRun[];
  /** The first position that is in no run. */
  readonly #indexedEnd: number;
  /** Where runs, or the runs that are being merged into one, end, in ascending order, with their sums. */
  readonly #spans: { readonly first: number; readonly end: number; readonly records: Sum; readonly entries: Sum }[] =
    [];
  /** The newest events, which have no entries. */
  readonly #recent: Entry[] = [];
  readonly #hash: EventIdHash = { high: 0, low: 0 };

  /** To see all `view.end` events. */
  constructor(view: StateView, problems: ProblemList, shape: IndexShape, progress: IndexProgress) {
    this.#view = view;
    this.#problems = problems;
    this.#shape = shape;
    this.#runs = liveRuns(shape, progress);
    this.#indexedEnd = (progress.made[0] ?? 0) * runEvents(shape, 0);
    const cuts = new Set([0]);
    const inner = new Set<number>();
    for (const { level, first, end } of this.#runs) {
      cuts.add(end);
      const whole = this.#runs.find((other) => other.level === level + 1 && other.first <= first && end <= other.end);
      if (whole !== undefined && end < whole.end) inner.add(end);
    }
    const ends = [...cuts].filter((cut) => cut > 0 && !inner.has(cut)).sort((x, y) => x - y);
    let first = 0;
    for (const end of ends) {
      this.#spans.push({ first, end, records: { a: 0, b: 0 }, entries: { a: 0, b: 0 } });
      first = end;
    }
  }

  /** How many entries of the kind there are to be. */
  get buckets(): number {
    return this.#runs.reduce((sum, { fromBucket, toBucket }) => sum + toBucket - fromBucket, 0);
  }

  /** Takes the next record. */
  record(record: StoredRecord): void {
    for (let ordinal = 0; ordinal < record.count; ordinal += 1) {
      hashIdBytes(record.streamNumber, record.bytes, record.eventIdOffset(ordinal), this.#hash);
      const position = record.firstPosition + ordinal;
      const { high, low } = this.#hash;
      if (position >= this.#indexedEnd) this.#recent.push({ high, low, position });
      else this.#add('records', high, low, position);
    }
  }

  /** Holds the index against the records taken. */
  async finish(): Promise<void> {
    for (let prefix = 0; prefix < 2 ** this.#shape.bucketBits; prefix += 1) await this.#prefix(prefix);
    for (const { first, end, records, entries } of this.#spans) {
      if (records.a !== entries.a || records.b !== entries.b) {
        this.#problems.add('index', `the event id index does not fit the events of positions ${first} to ${end - 1}`);
      }
    }
  }

  /** Checks the buckets of all hashes that begin with `prefix`. */
  async #prefix(prefix: number): Promise<void> {
    const shift = 32 - this.#shape.bucketBits;
    const entries = this.#recent.filter(({ high }) => high >>> shift === prefix);
    for (const run of this.#runs) {
      const share = 2 ** (run.level * this.#shape.mergeBits);
      const to = Math.min(run.toBucket, (prefix + 1) * share);
      for (let bucket = Math.max(run.fromBucket, prefix * share); bucket < to; bucket += BUCKETS_AT_ONCE) {
        await this.#buckets(run, bucket, Math.min(to, bucket + BUCKETS_AT_ONCE), entries);
      }
    }
    entries.sort((x, y) => x.high - y.high || x.low - y.low || x.position - y.position);
    for (const [i, entry] of entries.entries()) {
      const before = entries[i - 1];
      if (before?.high === entry.high && before.low === entry.low) await this.#compare(before, entry);
    }
  }

  async #buckets(run: LiveRun, from: number, to: number, entries: Entry[]): Promise<void> {
    const keys = Array.from({ length: to - from }, (_, i) => eventIdBucketKey(run.level, run.run, from + i));
    const values = await this.#problems.guard(() => this.#view.keyValue.getMany(keys));
    for (const [i, value] of (values ?? []).entries()) {
      const name = `bucket ${from + i} of run ${run.run} of level ${run.level} of the event id index`;
      if (value === null) {
        this.#problems.add('index', `${name} is missing`);
        continue;
      }
      await this.#problems.guard(async () => {
        this.#bucket(run, from + i, await Promise.resolve(checkedBucket(value)), name, entries);
      });
    }
  }

  #bucket(run: LiveRun, bucket: number, value: Uint8Array, name: string, entries: Entry[]): void {
    let last = -1;
    for (let at = 0; at < value.length; at += ENTRY_BYTES) {
      const [high, low, place] = [readU32(value, at), readU32(value, at + 4), readU32(value, at + 8)];
      const position = run.first + place;
      if (high >>> run.shift !== bucket || place <= last || position >= run.end) {
        this.#problems.add('index', `${name} has an entry that does not belong there`);
        return;
      }
      last = place;
      entries.push({ high, low, position });
      this.#add('entries', high, low, position);
    }
  }

  /** Two events with one hash: they must not be of one stream and have one id. */
  async #compare(one: Entry, other: Entry): Promise<void> {
    await this.#problems.guard(async () => {
      const [first, second] = [
        await recordWith(this.#view, one.position),
        await recordWith(this.#view, other.position),
      ];
      const id = first.eventId(one.position - first.firstPosition);
      if (first.streamNumber !== second.streamNumber || second.eventId(other.position - second.firstPosition) !== id)
        return;
      const places = `at positions ${one.position} and ${other.position}`;
      this.#problems.add('index', `stream "${first.streamId}" has the event id ${id} twice, ${places}`);
    });
  }

  #add(side: 'records' | 'entries', high: number, low: number, position: number): void {
    const span = this.#spans.find(({ end }) => position < end);
    if (span === undefined) return;
    const sum = span[side];
    const place = position - span.first;
    sum.a = (sum.a + Math.imul(high ^ Math.imul(place, 0x9e37_79b1), 0x85eb_ca6b)) | 0;
    sum.b = (sum.b + Math.imul(low ^ Math.imul(place, 0xc2b2_ae35), 0x27d4_eb2f)) | 0;
  }
}
