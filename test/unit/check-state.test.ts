// The offline check: silent on a sound state, and not silent when any single entry is gone, changed or too many.
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../src/domain/event.ts';
import { checkState, type StateReport } from '../../src/storage/check-state.ts';
import { EventState } from '../../src/storage/event-state/event-state.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { KeyValueEntry } from '../../src/storage/key-value/key-value.ts';
import { MemoryKeyValue } from '../../src/storage/key-value/memory-key-value.ts';
import {
  eventIdBucketKey,
  keyKinds,
  largeRecordKey,
  metaKeys,
  pageKey,
  streamHeadKey,
  streamIndexKey,
  tagKey,
  typeKey,
} from '../../src/storage/keys.ts';
import type { StoredAppend } from '../../src/storage/stored-append.ts';
import { encodeApplied, encodeHead, encodePlace } from '../../src/storage/values.ts';
import { Decider, type Wanted } from '../support/decided.ts';
import { proposed } from '../support/events.ts';

const EVERYTHING = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff, 0xff) };

const append = (streamId: string, count: number, createdAt: number, bytes = 10, tags: string[] = []): Wanted => ({
  streamId,
  createdAt,
  events: Array.from({ length: count }, () => proposed(0, { data: Buffer.alloc(bytes), tags })),
});

/** A small state that has every kind of entry. */
async function sound(): Promise<{ keyValue: MemoryKeyValue; entries: KeyValueEntry[] }> {
  const keyValue = new MemoryKeyValue();
  const state = await EventState.open(keyValue, undefined, { runBits: 1, bucketBits: 1, mergeBits: 1 });
  const decider = new Decider();
  const groups = [
    [append('a', 1, 5, 10, ['x']), append('b', 2, 5), append('a', 2, 5, 3000), append('a', 1, 6, 3000, ['x', 'y'])],
    [append('c', 1, 7, 40_000, ['y'])],
    [append('b', 1, 7), append('c', 3, 9)],
  ];
  for (const [i, group] of groups.entries()) {
    const encoded = encodeGroup(group.map((one) => decider.decide(one)));
    await state.apply([{ index: i + 1, term: 2, group: encoded }]);
  }
  return { keyValue, entries: await keyValue.scan(EVERYTHING, { limit: 10_000 }) };
}

async function checkWith(change: (keyValue: MemoryKeyValue) => Promise<void>): Promise<StateReport> {
  const { keyValue } = await sound();
  await change(keyValue);
  return checkState(keyValue);
}

async function eventsOf(chunks: AsyncIterable<readonly StoredAppend[]>): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const chunk of chunks) events.push(...chunk.map((one) => one.event(0)));
  return events;
}

const kindOf = (key: Uint8Array): string => Object.entries(keyKinds).find(([, kind]) => kind === key[0])?.[0] ?? 'none';
const describeKey = (key: Uint8Array): string => `${kindOf(key)} ${Buffer.from(key).toString('hex')}`;

describe('check of a state', () => {
  it('finds nothing wrong with a sound one, or an empty one', async () => {
    const { keyValue, entries } = await sound();
    expect(new Set(entries.map(({ key }) => kindOf(key)))).toEqual(new Set(Object.keys(keyKinds)));
    const progress: number[][] = [];
    const report = await checkState(keyValue, { onProgress: (...numbers) => progress.push(numbers) });
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({
      events: 11,
      records: 7,
      streams: 3,
      appliedIndex: 3,
      appliedTerm: 2,
      problemCount: 0,
    });
    expect(progress.at(-1)).toEqual([11, 11]);
    expect(await checkState(new MemoryKeyValue())).toMatchObject({ events: 0, problemCount: 0 });
    const empty = new MemoryKeyValue();
    await EventState.open(empty);
    expect(await checkState(empty)).toMatchObject({ events: 0, problemCount: 0 });
  });

  it('misses any entry that is gone', async () => {
    const { entries } = await sound();
    for (const { key } of entries) {
      const report = await checkWith((keyValue) => keyValue.write((batch) => batch.delete(key)));
      expect(report.problemCount, describeKey(key)).toBeGreaterThan(0);
    }
  });

  it('notices any value that is cut short, longer, or has its last or first byte changed', async () => {
    const { entries } = await sound();
    for (const { key, value } of entries) {
      // The last bytes of a page or record are payload, which the engine's checksums guard; cutting them off is noticed.
      const isPayload = ['page', 'largeRecord'].includes(kindOf(key));
      const flip = (at: number): Uint8Array => value.map((byte, i) => (i === at ? byte ^ 1 : byte));
      const changes = [
        Buffer.concat([value, Buffer.of(0)]),
        ...(value.length > 0 ? [value.subarray(0, value.length - 1), flip(0)] : []),
        ...(value.length > 0 && !isPayload ? [flip(value.length - 1)] : []),
      ];
      for (const changed of changes) {
        if (Buffer.compare(changed, value) === 0) continue;
        const checking = checkWith((keyValue) => keyValue.write((batch) => batch.put(key, changed)));
        if (Buffer.compare(key, metaKeys.format) === 0 && changed.length === 4 && changed[0] !== 0) {
          await expect(checking).rejects.toMatchObject({ code: 'STORAGE_FORMAT_TOO_NEW' });
          continue;
        }
        const report = await checking;
        expect(report.problemCount, `${describeKey(key)} with ${changed.length} bytes`).toBeGreaterThan(0);
      }
    }
  });

  it('notices any entry too many', async () => {
    const place = encodePlace({ firstPosition: 3, pagePosition: 0, count: 2 });
    const page = (await sound()).entries.find(({ key }) => kindOf(key) === 'page')?.value ?? new Uint8Array(0);
    const extra: readonly (readonly [Uint8Array, Uint8Array])[] = [
      [pageKey(11), page],
      [pageKey(1), new Uint8Array(0)],
      [largeRecordKey(0), page],
      [streamIndexKey(0, 9), place],
      [streamIndexKey(10, 0), place],
      [streamHeadKey('none'), encodeHead({ streamNumber: 0, lastRevision: 3, lastPosition: 5 })],
      [eventIdBucketKey(0, 0, 0), new Uint8Array(12)],
      [eventIdBucketKey(0, 9, 0), new Uint8Array(0)],
      [eventIdBucketKey(7, 0, 0), new Uint8Array(0)],
      [typeKey('none', 0), new Uint8Array(0)],
      [typeKey('tested', 1), new Uint8Array(0)],
      [tagKey('x', 9), new Uint8Array(0)],
      [Uint8Array.of(keyKinds.meta, 0x77), new Uint8Array(0)],
      [Uint8Array.of(0, 1), new Uint8Array(0)],
      [Uint8Array.of(0x09), new Uint8Array(0)],
      [Uint8Array.of(0xff, 1), new Uint8Array(0)],
    ];
    for (const [key, value] of extra) {
      const report = await checkWith((keyValue) => keyValue.write((batch) => batch.put(key, value)));
      expect(report.problemCount, describeKey(key)).toBeGreaterThan(0);
    }
  });

  it('notices two events of a stream with one id', async () => {
    const { keyValue } = await sound();
    const state = await EventState.open(keyValue);
    const decider = new Decider();
    for (let i = 0; i < 7; i += 1) decider.decide(append('x', 1, 1));
    const [again] = await eventsOf(state.readStream('a', 0, 'forwards'));
    const decided = {
      streamId: 'a',
      streamNumber: 0,
      firstRevision: 4,
      firstPosition: state.appliedEnd,
      createdAt: 10,
      events: [proposed(0, { id: again?.id ?? '' })],
    };
    await state.apply([{ index: 4, term: 2, group: encodeGroup([decided]) }]);
    const report = await checkState(keyValue);
    expect(report.problems.map(({ kind }) => kind)).toContain('index');
  });

  it('says how much is missing, and keeps a bounded list', async () => {
    const report = await checkWith((keyValue) =>
      keyValue.write((batch) =>
        batch.put(metaKeys.applied, encodeApplied({ index: 9, term: 2, nextPosition: 12, lastCreatedAt: 9 })),
      ),
    );
    expect(report.problems).toEqual([
      { kind: 'meta', message: 'the applied state ends at position 12, the records at 11' },
    ]);
    const { keyValue, entries } = await sound();
    await keyValue.write((batch) => {
      for (const { key } of entries) if (kindOf(key) === 'eventId') batch.delete(key);
    });
    const bounded = await checkState(keyValue, { keepProblems: 3 });
    expect(bounded.problems.length).toBe(3);
    expect(bounded.problemCount).toBeGreaterThan(3);
  });

  it('refuses a newer format', async () => {
    const newer = checkWith((keyValue) =>
      keyValue.write((batch) => batch.put(metaKeys.format, Uint8Array.of(0, 0, 0, 2))),
    );
    await expect(newer).rejects.toMatchObject({ code: 'STORAGE_FORMAT_TOO_NEW' });
  });
});
