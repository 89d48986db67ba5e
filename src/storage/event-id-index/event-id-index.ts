/**
 * The event id index: which events of a stream may have an id. An entry costs 12 bytes and a fraction of a key, where a key for
 * each id would cost more than everything else of an append together.
 *
 * A log-structured merge of our own, in the store's positions: the newest events are in memory ({@link RecentIds}); each 65,536
 * positions become a run in the key-value store, cut into buckets by hash; four runs become one of the next level, bucket by
 * bucket, a little with each write of the state. So there are a few runs of each level, of which filters rule out nearly
 * all.
 *
 * Invariants: an event of an applied position is in exactly one place (recent, or one bucket of one run); what a write of the state
 * changes here is in that write, so that memory can be made anew from the records behind the last run. Answers are
 * candidates by hash: none is missing, and whoever asks verifies them against the records.
 */
import type { EventId } from '../../domain/event.ts';
import { assert, defined } from '../../lib/assert.ts';
import { corruption } from '../corruption.ts';
import type { KeyValueReader, WriteBatch } from '../key-value/key-value.ts';
import { eventIdBucketKey, metaKeys } from '../keys.ts';
import type { StoredAppend } from '../stored-append.ts';
import { BucketFilters } from './bucket-filters.ts';
import { hashId, hashIdBytes, type EventIdHash } from './event-id-hash.ts';
import { bucketsOf, checkedBucket, findInBucket, mergeBuckets } from './id-bucket.ts';
import { bucketBits, encodeProgress, LEVELS, runEvents } from './index-shape.ts';
import type { IndexProgress, IndexShape } from './index-shape.ts';
import { liveRuns, runId, type LiveRun } from './live-runs.ts';
import { RecentIds } from './recent-ids.ts';

/** An event looked for. */
export interface WantedId {
  readonly streamNumber: number;
  readonly id: EventId;
}

/** What one write of the state changes here. */
export interface IndexChange {
  readonly write: (batch: WriteBatch) => void;
  /** To be called once the write has settled, in the turn in which its positions become visible. */
  readonly done: () => void;
}

const MiB = 1024 * 1024;
const FILTER_MEMORY = 128 * MiB;
/** Buckets merged with one write, at most. */
const MOST_STEPS = 256;

/** Buckets fetched at a time. */
const FETCHES_AT_ONCE = 256;

interface BucketPut {
  readonly level: number;
  readonly run: number;
  readonly bucket: number;
  readonly value: Uint8Array;
}

/** What a write is going to change. */
interface Draft {
  readonly puts: BucketPut[];
  readonly deletes: Uint8Array[];
  readonly made: number[];
  readonly merged: number[];
}

interface Fetch {
  readonly run: LiveRun;
  readonly bucket: number;
  readonly key: Uint8Array;
  /** Who asks, and with which hash: triples of index, high, low. */
  readonly askers: number[];
}

export class EventIdIndex {
  readonly #reader: KeyValueReader;
  readonly #shape: IndexShape;
  readonly #recent: RecentIds;
  readonly #filters = new BucketFilters(FILTER_MEMORY);
  #progress: IndexProgress;
  #runs: readonly LiveRun[];
  /** Counts the changes: buckets that were to be there and are not have moved, when it has changed meanwhile. */
  #version = 0;
  /** What the events added are worth in merging that has not been done: {@link LEVELS} each. */
  #credit = 0;

  /** The index as `progress` says; then the records from {@link firstMissing} on have to be given to {@link restore}. */
  constructor(reader: KeyValueReader, shape: IndexShape, progress: IndexProgress) {
    this.#reader = reader;
    this.#shape = shape;
    this.#progress = progress;
    this.#runs = liveRuns(shape, progress);
    this.#recent = new RecentIds((progress.made[0] ?? 0) * runEvents(shape, 0));
  }

  /** The first position that is neither in a run nor in memory. */
  get firstMissing(): number {
    return this.#recent.first + this.#recent.count;
  }

  /** Takes the events of an append that are missing in memory; those before are left out. */
  restore(append: StoredAppend): void {
    const hash: EventIdHash = { high: 0, low: 0 };
    const first = this.firstMissing - append.firstPosition;
    assert(first >= 0, () => `the index has events up to ${this.firstMissing}, not ${append.firstPosition}`);
    for (let ordinal = first; ordinal < append.count; ordinal += 1) {
      hashIdBytes(append.streamNumber, append.bytes, append.eventIdOffset(ordinal), hash);
      this.#recent.add(hash.high, hash.low);
    }
  }

  /** What a write that makes these appends visible changes, merging included. They follow what is there. */
  async prepare(appends: readonly StoredAppend[]): Promise<IndexChange> {
    const begin = this.firstMissing;
    // Lookups may find them before they are visible: these ignore what is beyond their own end.
    for (const append of appends) this.restore(append);
    this.#credit += (this.firstMissing - begin) * LEVELS;
    const draft: Draft = { puts: [], deletes: [], made: [...this.#progress.made], merged: [...this.#progress.merged] };
    while (await this.#mergeSome(draft));
    const dropped = this.#completeRuns(draft);
    const { puts, deletes, made, merged } = draft;
    if (puts.length === 0) return { write: () => undefined, done: () => undefined };
    const progress = { made, merged };
    return {
      write: (batch) => {
        for (const { level, run, bucket, value } of puts) batch.put(eventIdBucketKey(level, run, bucket), value);
        for (const key of deletes) batch.delete(key);
        batch.put(metaKeys.eventIds, encodeProgress(this.#shape, progress));
      },
      done: () => {
        this.#recent.drop(dropped);
        this.#progress = progress;
        this.#version += 1;
        const before = this.#runs;
        this.#runs = liveRuns(this.#shape, progress);
        const living = new Set(this.#runs.map(({ id }) => id));
        for (const { id } of before) if (!living.has(id)) this.#filters.forget(id);
        for (const { level, run, bucket, value } of puts) this.#filters.learn(runId(level, run), bucket, value);
      },
    };
  }

  /**
   * For each wanted id the positions below `end` of events that have its hash: `visit` gets the index in `wanted` and a position.
   * `settle` waits for the write under way, if there is one. Throws STORAGE_CORRUPT.
   */
  async find(
    wanted: readonly WantedId[],
    end: number,
    settle: () => Promise<void> | null,
    visit: (index: number, position: number) => void,
  ): Promise<void> {
    for (;;) {
      const version = this.#version;
      const found: number[] = [];
      const fetches = this.#ask(wanted, found);
      const missing = await this.#fetch(fetches, version, found);
      if (missing === null) {
        for (let i = 0; i < found.length; i += 2) {
          const position = found[i + 1] ?? 0;
          if (position < end) visit(found[i] ?? 0, position);
        }
        return;
      }
      // A write that is not settled yet may have merged it into another one.
      await settle();
      if (version === this.#version) {
        const { run, bucket } = missing;
        throw corruption('event id index', `bucket ${bucket} of run ${run.run} of level ${run.level} is missing`);
      }
    }
  }

  /** Fetches buckets and looks into them. Returns one that is not there, or null. */
  async #fetch(fetches: readonly Fetch[], version: number, found: number[]): Promise<Fetch | null> {
    for (let at = 0; at < fetches.length; at += FETCHES_AT_ONCE) {
      const some = fetches.slice(at, at + FETCHES_AT_ONCE);
      const values = await this.#reader.getMany(some.map(({ key }) => key));
      for (const [i, fetch] of some.entries()) {
        const value = values[i] ?? null;
        if (value === null) return fetch;
        this.#answer(fetch, checkedBucket(value), version, found);
      }
    }
    return null;
  }

  /** Looks into memory, and says which buckets have to be fetched. `found` gets pairs of index and position. */
  #ask(wanted: readonly WantedId[], found: number[]): Fetch[] {
    const fetches = new Map<LiveRun, Map<number, Fetch>>();
    const hash: EventIdHash = { high: 0, low: 0 };
    const runs = this.#runs;
    for (let index = 0; index < wanted.length; index += 1) {
      const { streamNumber, id } = defined(wanted[index], 'a wanted id');
      hashId(streamNumber, id, hash);
      const { high, low } = hash;
      this.#recent.find(high, low, (position) => found.push(index, position));
      for (const run of runs) {
        const bucket = high >>> run.shift;
        if (bucket < run.fromBucket || bucket >= run.toBucket) continue;
        // A stream has no events before its first one.
        if (run.end <= streamNumber) continue;
        if (!this.#filters.mayHave(run.id, bucket, high, low)) continue;
        this.#want(fetches, run, bucket).askers.push(index, high, low);
      }
    }
    return [...fetches.values()].flatMap((ofRun) => [...ofRun.values()]);
  }

  #want(fetches: Map<LiveRun, Map<number, Fetch>>, run: LiveRun, bucket: number): Fetch {
    let ofRun = fetches.get(run);
    if (ofRun === undefined) fetches.set(run, (ofRun = new Map<number, Fetch>()));
    let fetch = ofRun.get(bucket);
    if (fetch === undefined) {
      fetch = { run, bucket, key: eventIdBucketKey(run.level, run.run, bucket), askers: [] };
      ofRun.set(bucket, fetch);
    }
    return fetch;
  }

  #answer({ run, bucket, askers }: Fetch, entries: Uint8Array, version: number, found: number[]): void {
    if (version === this.#version) this.#filters.learn(run.id, bucket, entries);
    for (let i = 0; i < askers.length; i += 3) {
      findInBucket(entries, askers[i + 1] ?? 0, askers[i + 2] ?? 0, (place) => {
        found.push(askers[i] ?? 0, run.first + place);
      });
    }
  }

  /** Merges buckets of one level, as many as the events added since are worth. Returns whether there may be more to do. */
  async #mergeSome({ puts, deletes, made, merged }: Draft): Promise<boolean> {
    const { runBits, mergeBits } = this.#shape;
    const parts = 2 ** mergeBits;
    // Only what has been written can be read: runs that this write completes come next time.
    const written = this.#progress.made;
    const level = made.findIndex(
      (_, one) => one < LEVELS - 1 && (written[one] ?? 0) - (made[one + 1] ?? 0) * parts >= parts,
    );
    if (level === -1) {
      this.#credit = 0;
      return false;
    }
    // So many steps for each event that all levels together keep up.
    const price = 2 ** (runBits + mergeBits - this.#shape.bucketBits);
    const bits = bucketBits(this.#shape, level);
    const from = merged[level] ?? 0;
    const steps = Math.min(Math.floor(this.#credit / price), MOST_STEPS, 2 ** bits - from);
    if (steps === 0) return false;
    this.#credit -= steps * price;
    const target = made[level + 1] ?? 0;
    const run = target * parts;
    const keys: Uint8Array[] = [];
    for (let bucket = from; bucket < from + steps; bucket += 1) {
      for (let part = 0; part < parts; part += 1) keys.push(eventIdBucketKey(level, run + part, bucket));
    }
    const values = await this.#reader.getMany(keys);
    for (let step = 0; step < steps; step += 1) {
      const inputs = values.slice(step * parts, (step + 1) * parts).map((value) => {
        if (value !== null) return checkedBucket(value);
        throw corruption('event id index', `bucket ${from + step} of a run from ${run} of level ${level} is missing`);
      });
      const outputs = mergeBuckets(inputs, runEvents(this.#shape, level), bits, mergeBits);
      for (const [i, value] of outputs.entries()) {
        puts.push({ level: level + 1, run: target, bucket: (from + step) * parts + i, value });
      }
    }
    for (const key of keys) deletes.push(key);
    merged[level] = from + steps;
    if (merged[level] < 2 ** bits) return false;
    merged[level] = 0;
    made[level + 1] = target + 1;
    return true;
  }

  /** Makes runs of level 0 of what is in memory. Returns how many events that takes from there. */
  #completeRuns({ puts, made }: Draft): number {
    const events = runEvents(this.#shape, 0);
    let dropped = 0;
    for (; this.#recent.count - dropped >= events; dropped += events) {
      const number = made[0] ?? 0;
      made[0] = number + 1;
      const buckets = bucketsOf(
        this.#recent.highs.subarray(dropped, dropped + events),
        this.#recent.lows.subarray(dropped, dropped + events),
        this.#shape.bucketBits,
      );
      for (const [bucket, value] of buckets.entries()) {
        puts.push({ level: 0, run: number, bucket, value });
      }
    }
    return dropped;
  }
}
