// The event id index, in small forms so that runs are made and merged all the time, against a plain map of all events.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkState } from '../../src/storage/check-state.ts';
import { hashId, hashIdBytes } from '../../src/storage/event-id-index/event-id-hash.ts';
import {
  decodeProgress,
  DEFAULT_SHAPE,
  encodeProgress,
  NOTHING_INDEXED,
  type IndexShape,
} from '../../src/storage/event-id-index/index-shape.ts';
import { RecentIds } from '../../src/storage/event-id-index/recent-ids.ts';
import { BucketFilters } from '../../src/storage/event-id-index/bucket-filters.ts';
import { bucketsOf, findInBucket, mergeBuckets } from '../../src/storage/event-id-index/id-bucket.ts';
import { EventState } from '../../src/storage/event-state/event-state.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { KeyValue } from '../../src/storage/key-value/key-value.ts';
import { MemoryKeyValue } from '../../src/storage/key-value/memory-key-value.ts';
import { kindRange } from '../../src/storage/keys.ts';
import { readMeta } from '../../src/storage/event-state/state-meta.ts';
import { Decider } from '../support/decided.ts';
import { eventId, proposed } from '../support/events.ts';

const shapes: readonly IndexShape[] = [
  { runBits: 1, bucketBits: 1, mergeBits: 1 },
  { runBits: 4, bucketBits: 2, mergeBits: 1 },
  { runBits: 5, bucketBits: 3, mergeBits: 2 },
];

/** A state that grows by random groups, with the model of what it must answer. */
class Subject {
  readonly decider = new Decider();
  state: EventState;
  #index = 0;

  constructor(state: EventState) {
    this.state = state;
  }

  async apply(sizes: readonly (readonly [stream: number, count: number])[]): Promise<void> {
    const decided = sizes.map(([stream, count]) =>
      this.decider.decide({
        streamId: `s${stream}`,
        createdAt: 1,
        events: Array.from({ length: count }, () => proposed(0)),
      }),
    );
    this.#index += 1;
    await this.state.apply([{ index: this.#index, term: 1, group: encodeGroup(decided) }]);
  }

  /** Asks for everything there is, in every stream, and for what is not there. */
  async verify(): Promise<void> {
    const streamIds = [...new Set(this.decider.log.map(({ streamId }) => streamId))];
    const ids = [...this.decider.log.map(({ id }) => id), eventId(1_000_000), eventId(1_000_001)];
    const need = { streams: new Map(streamIds.map((streamId) => [streamId, ids])), conditions: [] };
    const { revisions } = await this.state.loadForDecision(need);
    for (const streamId of streamIds) {
      const own = this.decider.log.filter((event) => event.streamId === streamId);
      expect([...(revisions.get(streamId) ?? [])].sort()).toEqual(own.map(({ id, revision }) => [id, revision]).sort());
    }
  }
}

const anyGroup = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 9 })), {
  minLength: 1,
  maxLength: 3,
});

describe('event id index', () => {
  it('finds every event of a stream and no other, while runs are made and merged, and after opening again', async () => {
    let merged = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...shapes),
        fc.array(fc.tuple(anyGroup, fc.boolean()), { maxLength: 30 }),
        async (shape, steps) => {
          const keyValue = new MemoryKeyValue();
          const subject = new Subject(await EventState.open(keyValue, 'here', shape));
          for (const [group, reopen] of steps) {
            await subject.apply(group);
            if (reopen) subject.state = await EventState.open(keyValue);
            await subject.verify();
          }
          expect((await checkState(keyValue)).problems).toEqual([]);
          const meta = await readMeta(keyValue, 'here');
          if ((meta?.eventIds.progress.made[2] ?? 0) > 0) merged += 1;
        },
      ),
      { numRuns: 60 },
    );
    expect(merged).toBeGreaterThan(0);
  });

  it('keeps few runs, and no buckets of those merged', async () => {
    const keyValue = new MemoryKeyValue();
    const shape = { runBits: 2, bucketBits: 1, mergeBits: 1 };
    const subject = new Subject(await EventState.open(keyValue, 'here', shape));
    for (let i = 0; i < 600; i += 1) await subject.apply([[i % 3, 1]]);
    const buckets = await keyValue.scan(kindRange('eventId'), { limit: 10_000, keysOnly: true });
    // 600 events, 2 in a bucket; without merging every run's level would be 0.
    expect(buckets.length).toBeLessThanOrEqual(300);
    expect(new Set(buckets.map(({ key }) => key[1])).size).toBeGreaterThan(3);
    await subject.verify();
  });

  it('looks again for a bucket that is merged away during a lookup', async () => {
    const memory = new MemoryKeyValue();
    let hold: Promise<void> | null = null;
    const keyValue: KeyValue = Object.assign(Object.create(memory) as KeyValue, {
      getMany: async (keys: readonly Uint8Array[]) => {
        const isLookup = keys[0]?.[0] === 0x06 && hold !== null;
        if (isLookup) await hold;
        return memory.getMany(keys);
      },
      scan: memory.scan.bind(memory),
      write: memory.write.bind(memory),
      recoveredBytes: 0,
    });
    const shape = { runBits: 2, bucketBits: 1, mergeBits: 1 };
    const filled = new Subject(await EventState.open(keyValue, 'here', shape));
    for (let i = 0; i < 2; i += 1) await filled.apply([[0, 4]]);
    let release = (): void => undefined;
    hold = new Promise((resolve) => (release = resolve));
    // Begins before the two runs are merged, and reads after.
    const verified = filled.verify();
    await Promise.resolve();
    const held = hold;
    hold = null;
    await filled.apply([[1, 4]]);
    expect((await readMeta(memory, 'here'))?.eventIds.progress.made[1]).toBe(1);
    hold = held;
    release();
    hold = null;
    await verified;
  });

  it('says when a bucket is missing', async () => {
    const keyValue = new MemoryKeyValue();
    const subject = new Subject(await EventState.open(keyValue, 'here', { runBits: 2, bucketBits: 1, mergeBits: 1 }));
    await subject.apply([[0, 4]]);
    subject.state = await EventState.open(keyValue);
    const buckets = await keyValue.scan(kindRange('eventId'), { limit: 10 });
    expect(buckets.length).toBe(2);
    await keyValue.write((batch) => {
      for (const { key } of buckets) batch.delete(key);
    });
    await expect(subject.verify()).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
  });
});

describe('parts of the event id index', () => {
  const uint32 = fc.nat({ max: 2 ** 32 - 1 });

  it('hash text and bytes alike, and by all of both', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.uuid(), fc.nat({ max: 35 }), (streamNumber, id, at) => {
        const [a, b] = [
          { high: 0, low: 0 },
          { high: 0, low: 0 },
        ];
        hashId(streamNumber, id, a);
        hashIdBytes(streamNumber, Buffer.from(`..${id}`), 2, b);
        expect(a).toEqual(b);
        hashId(streamNumber === 0 ? 1 : streamNumber - 1, id, b);
        expect(b).not.toEqual(a);
        if (id[at] === '-') return;
        hashId(streamNumber, `${id.slice(0, at)}${id[at] === '0' ? '1' : '0'}${id.slice(at + 1)}`, b);
        if (id[at] !== '0') expect(b).not.toEqual(a);
      }),
    );
  });

  it('keep recent events with equal hashes apart, and forget the first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3000 }), fc.nat(), (lows, cut) => {
        const recent = new RecentIds(100);
        for (const low of lows) recent.add(low % 2, low);
        const dropped = cut % (lows.length + 1);
        recent.drop(dropped);
        for (let low = 0; low <= 5; low += 1) {
          const found: number[] = [];
          recent.find(low % 2, low, (position) => found.push(position));
          const wanted = lows.flatMap((one, i) => (one === low && i >= dropped ? [100 + i] : []));
          expect(found).toEqual(wanted);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('merge buckets as if they had been made at once, and filters pass all that is there', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(uint32, uint32), { minLength: 64, maxLength: 64 }), (hashes) => {
        const highs = Uint32Array.from(hashes, ([high]) => high);
        const lows = Uint32Array.from(hashes, ([, low]) => low);
        const parts = [0, 16, 32, 48].map((at) => bucketsOf(highs.slice(at, at + 16), lows.slice(at, at + 16), 3));
        const merged = Array.from({ length: 8 }, (_, bucket) =>
          mergeBuckets(
            parts.map((part) => part[bucket] ?? new Uint8Array(0)),
            16,
            3,
            2,
          ),
        ).flat();
        const whole = bucketsOf(highs, lows, 5);
        expect(merged.map((bucket) => [...bucket])).toEqual(whole.map((bucket) => [...bucket]));
        const filters = new BucketFilters(1);
        for (const [bucket, entries] of whole.entries()) filters.learn(1, bucket, entries);
        for (const [place, [high, low]] of hashes.entries()) {
          const bucket = high >>> 27;
          const found: number[] = [];
          findInBucket(whole[bucket] ?? new Uint8Array(0), high, low, (one) => found.push(one));
          expect(found).toContain(place);
          expect(filters.mayHave(1, bucket, high, low)).toBe(true);
        }
        filters.learn(2, 0, new Uint8Array(0));
        expect(filters.mayHave(2, 0, 1, 1)).toBe(false);
        // Bounded to one chunk: the first run's is forgotten, and says nothing any more.
        expect(filters.mayHave(1, 0, 1, 1)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('read progress back, and refuse what contradicts itself', () => {
    const value = encodeProgress(DEFAULT_SHAPE, NOTHING_INDEXED);
    expect(decodeProgress(value)).toEqual({ shape: DEFAULT_SHAPE, progress: NOTHING_INDEXED });
    const none = Array<number>(7).fill(0);
    const wrong: readonly Uint8Array[] = [
      value.subarray(1),
      Uint8Array.of(...value, 0),
      encodeProgress({ ...DEFAULT_SHAPE, runBits: 17 }, NOTHING_INDEXED),
      encodeProgress({ ...DEFAULT_SHAPE, bucketBits: 0 }, NOTHING_INDEXED),
      encodeProgress(DEFAULT_SHAPE, { made: [3, 1, ...none], merged: [0, 0, ...none] }),
      encodeProgress(DEFAULT_SHAPE, { made: [3, 0, ...none], merged: [1, 0, ...none] }),
      encodeProgress(DEFAULT_SHAPE, { made: [4, 0, ...none], merged: [256, 0, ...none] }),
    ];
    for (const one of wrong) expect(() => decodeProgress(one)).toThrow(/event id index/);
    const right = { made: [4, 0, ...none], merged: [255, 0, ...none] };
    expect(decodeProgress(encodeProgress(DEFAULT_SHAPE, right)).progress).toEqual(right);
  });
});
