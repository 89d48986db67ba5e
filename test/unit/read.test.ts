// Reads against a naive filter over everything that was written, and what they do when callers go away or the server stops.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { compileFilter, matchesFilter } from '../../src/domain/compiled-filter.ts';
import type { StoreError } from '../../src/domain/errors.ts';
import type { RecordedEvent } from '../../src/domain/event.ts';
import type { Filter } from '../../src/domain/filter.ts';
import { createReads } from '../../src/pipeline/read/create-reads.ts';
import { scan, wholeScan } from '../../src/pipeline/read/scan.ts';
import type { AllRead, StreamRead } from '../../src/pipeline/event-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { collectEvents } from '../support/decoded-batch.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { storeWith } from '../support/store-with.ts';
import { StoreWriter } from '../support/store-writer.ts';
import { nth } from '../support/nth.ts';

const never = new AbortController().signal;
const local = { kind: 'local' } as const;
const streams = ['order-1', 'order-2', 'cart-1', 'é'];
const types = ['placed', 'paid', 'shipped'];
const filters: (Filter | null)[] = [
  null,
  { kind: 'stream-prefix', prefix: 'order-' },
  { kind: 'type-prefix', prefix: 'p' },
  { kind: 'type-regex', pattern: 'ed$' },
  { kind: 'stream-regex', pattern: '-1$' },
  {
    kind: 'query',
    query: {
      items: [
        { types: ['paid'], tags: ['a'] },
        { types: [], tags: ['b', 'a'] },
      ],
    },
  },
  { kind: 'query', query: { items: [{ types: ['shipped', 'placed'], tags: [] }] } },
];

let store: MemoryStore;
let writer: StoreWriter;

beforeEach(async () => {
  store = await MemoryStore.open();
  writer = new StoreWriter(store);
});

afterEach(async () => {
  await store.close();
});

/** Some appends of 1 to 5 events, the same each time. */
async function fill(appends: number): Promise<void> {
  for (let n = 0; n < appends; n++) {
    const events = Array.from({ length: (n % 5) + 1 }, (_, i) => ({
      type: nth(types, (n * 7 + i) % types.length),
      tags: ['a', 'b', 'c'].filter((_tag, bit) => ((n + i) >> bit) % 2 === 1),
    }));
    await writer.write({ streamId: nth(streams, (n * 3) % streams.length), events });
  }
}

/** Wraps the store so that the test knows which iterators are held. */
function watched(inner: Store): { store: Store; held: () => number; opened: () => number } {
  let held = 0;
  let opened = 0;
  const watch = async function* <T>(source: AsyncIterable<T>): AsyncGenerator<T> {
    held += 1;
    opened += 1;
    try {
      yield* source;
    } finally {
      held -= 1;
    }
  };
  const watching = storeWith(inner, {
    readAll: (from, direction) => watch(inner.readAll(from, direction)),
    readStream: (streamId, from, direction) => watch(inner.readStream(streamId, from, direction)),
    readQuery: (query, from, direction) => watch(inner.readQuery(query, from, direction)),
  });
  return { store: watching, held: () => held, opened: () => opened };
}

async function failureOf(work: Promise<unknown>): Promise<StoreError> {
  try {
    await work;
  } catch (error) {
    return error as StoreError;
  }
  throw new Error('did not fail');
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('not in time');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const allRead: AllRead = { direction: 'forwards', from: null, limit: null, filter: null, consistency: local };
const streamRead: StreamRead = {
  streamId: 's',
  direction: 'forwards',
  fromRevision: null,
  limit: null,
  consistency: local,
};

describe('reads, against a naive filter over the log', () => {
  const place = fc.option(fc.integer({ min: 0, max: 130 }), { nil: null });
  const limit = fc.option(fc.integer({ min: 0, max: 130 }), { nil: null });
  const direction = fc.constantFrom('forwards' as const, 'backwards' as const);

  function naive(
    log: readonly RecordedEvent[],
    matches: (event: RecordedEvent) => boolean,
    dir: string,
    max: number | null,
  ) {
    const found = log.filter(matches);
    const ordered = dir === 'backwards' ? found.toReversed() : found;
    return ordered.slice(0, max ?? undefined).map((event) => event.position);
  }

  it('readAll', async () => {
    await fill(40);
    const reads = createReads(store);
    await fc.assert(
      fc.asyncProperty(
        direction,
        fc.oneof(
          fc.constant(null),
          fc.integer({ min: 0, max: 130 }).map((position) => ({ kind: 'position' as const, position })),
          fc
            .integer({ min: 1_000_000 - 15, max: 1_000_000 + 415 })
            .map((micros) => ({ kind: 'time' as const, micros })),
          fc.constant({ kind: 'time' as const, micros: Number.MAX_SAFE_INTEGER }),
        ),
        limit,
        fc.constantFrom(...filters),
        async (dir, from, max, filter) => {
          const compiled = filter === null ? null : compileFilter(filter);
          const sign = dir === 'forwards' ? 1 : -1;
          const expected = naive(
            writer.log,
            (event) => {
              if (compiled !== null && !matchesFilter(compiled, event)) return false;
              if (from === null) return true;
              const [is, bound] =
                from.kind === 'time' ? [event.createdAt, from.micros] : [event.position, from.position];
              return (is - bound) * sign >= 0;
            },
            dir,
            max,
          );
          const events = await collectEvents(
            reads.readAll({ direction: dir, from, limit: max, filter, consistency: local }, never),
          );
          expect(events.map((event) => event.position)).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
    expect(reads.active).toBe(0);
  });

  it('readStream', async () => {
    await fill(40);
    const reads = createReads(store);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...streams), direction, place, limit, async (streamId, dir, from, max) => {
        const expected = naive(
          writer.log,
          (event) =>
            event.streamId === streamId &&
            (from === null || (dir === 'forwards' ? event.revision >= from : event.revision <= from)),
          dir,
          max,
        );
        const read = { streamId, direction: dir, fromRevision: from, limit: max, consistency: local };
        const events = await collectEvents(reads.readStream(read, never));
        expect(events.map((event) => event.position)).toEqual(expected);
        for (const event of events) {
          const written = nth(writer.log, event.position);
          expect(event).toMatchObject({ id: written.id, type: written.type, tags: written.tags, streamId });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('scans with any bound on batches, and up to a position', async () => {
    await fill(30);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 600 }),
        fc.nat(100),
        fc.option(fc.nat(100), { nil: null }),
        fc.constantFrom(...filters),
        async (maxBatchBytes, from, length, filter) => {
          const untilPosition = length === null ? null : from + length;
          const compiled = filter === null ? null : compileFilter(filter);
          const open = () => store.readAll(from, 'forwards');
          const positions: number[] = [];
          let looked = from - 1;
          for await (const step of scan({ ...wholeScan, open, from, untilPosition, filter: compiled, maxBatchBytes })) {
            if (step.batch !== null) {
              const events = await collectEvents(only(step.batch));
              positions.push(...events.map((event) => event.position));
              expect(nth(events, 0).position).toBeGreaterThan(looked);
              if (events.length > 1) expect(step.batch.wire.length).toBeLessThanOrEqual(maxBatchBytes);
            }
            expect(step.looked).toBeGreaterThanOrEqual(looked);
            looked = step.looked;
          }
          const end = untilPosition ?? writer.log.length;
          const expected = writer.log.slice(from, Math.max(from, end));
          expect(positions).toEqual(
            expected.filter((event) => compiled === null || matchesFilter(compiled, event)).map((e) => e.position),
          );
          if (expected.length > 0 && filter?.kind !== 'query')
            expect(looked).toBe(nth(expected, expected.length - 1).position);
        },
      ),
      { numRuns: 200 },
    );
  });
});

async function* only<T>(value: T): AsyncGenerator<T> {
  await Promise.resolve();
  yield value;
}

describe('a caller that goes away', () => {
  it('releases the store at once, also while it asks for nothing', async () => {
    await fill(20);
    const { store: inner, held } = watched(store);
    const reads = createReads(inner);
    const abort = new AbortController();
    const iterator = reads.readAll(allRead, abort.signal)[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    expect(held()).toBe(1);
    expect(reads.active).toBe(1);
    abort.abort(new Error('gone'));
    expect(reads.active).toBe(0);
    await until(() => held() === 0);
    await expect(iterator.next()).rejects.toThrow('gone');
    expect((await iterator.next()).done).toBe(true);
  });

  it('that ends the iteration early releases the store', async () => {
    await fill(20);
    const { store: inner, held } = watched(store);
    const reads = createReads(inner);
    for await (const batch of reads.readStream({ ...streamRead, streamId: 'é' }, never)) {
      expect(batch.count).toBeGreaterThan(0);
      break;
    }
    expect(held()).toBe(0);
    expect(reads.active).toBe(0);
  });

  it('is noticed in a long scan that matches nothing, and the event loop runs meanwhile', async () => {
    await fill(10);
    // The same few chunks over and over: as long a scan as it takes.
    let chunks = 0;
    const endless = storeWith(store, {
      readAll: async function* () {
        for (;;) {
          for await (const chunk of store.readAll(0, 'forwards')) {
            chunks += 1;
            yield chunk;
          }
        }
      },
    });
    const reads = createReads(endless);
    const abort = new AbortController();
    const filter = { kind: 'type-prefix', prefix: 'none' } as const;
    const done = collectEvents(reads.readAll({ ...allRead, filter }, abort.signal));
    const failure = failureOf(done);
    await until(() => chunks > 50);
    abort.abort(new Error('gone'));
    expect((await failure).message).toBe('gone');
    const after = chunks;
    await new Promise((resolve) => setImmediate(resolve));
    expect(chunks).toBe(after);
  });

  it('before it began reads nothing', async () => {
    await fill(1);
    const { store: inner, opened } = watched(store);
    const reads = createReads(inner);
    const signal = AbortSignal.abort(new Error('gone'));
    expect((await failureOf(collectEvents(reads.readAll(allRead, signal)))).message).toBe('gone');
    expect(opened()).toBe(0);
  });
});

describe('bounds and deadlines of reads', () => {
  it('are OVERLOADED beyond the number allowed: both sides', async () => {
    await fill(3);
    const reads = createReads(store, { maxReads: 2 });
    const open = () => reads.readAll(allRead, never)[Symbol.asyncIterator]();
    const [first, second, third] = [open(), open(), open()];
    await first.next();
    await second.next();
    const error = await failureOf(third.next());
    expect(error).toMatchObject({ code: 'OVERLOADED', details: { queue: 'reads', limit: 2 } });
    await first.return?.();
    expect((await open().next()).done).toBe(false);
  });

  it('wait for a position no longer than the deadline', async () => {
    await fill(2);
    const clock = new ManualClock();
    const reads = createReads(store, { consistencyWaitMillis: 100 }, clock);
    const end = store.appliedEnd;
    const at = (position: number) => reads.readAll({ ...allRead, consistency: { kind: 'at-least', position } }, never);
    expect(await collectEvents(at(end - 1))).toHaveLength(end);
    const waiting = failureOf(collectEvents(at(end)));
    clock.advance(99);
    expect(reads.active).toBe(1);
    clock.advance(1);
    expect(await waiting).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(reads.active).toBe(0);
    const arrives = collectEvents(at(end));
    await writer.write({ streamId: 'x', events: [{}] });
    expect(await arrives).toHaveLength(end + 1);
  });

  it('end a linearizable read whose barrier never comes', async () => {
    const clock = new ManualClock();
    const stuck = storeWith(store, { readBarrier: () => new Promise<void>(() => undefined) });
    const reads = createReads(stuck, { consistencyWaitMillis: 50 }, clock);
    const waiting = failureOf(
      collectEvents(reads.readAll({ ...allRead, consistency: { kind: 'linearizable' } }, never)),
    );
    clock.advance(50);
    expect(await waiting).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('refuse pages out of bounds: both sides', async () => {
    const reads = createReads(store);
    const page = (limit: number) => reads.listStreams({ prefix: '', after: null, limit, consistency: local }, never);
    expect((await page(1)).streams).toEqual([]);
    expect((await page(1000)).streams).toEqual([]);
    for (const limit of [0, 1001, 1.5, -1]) {
      expect(await failureOf(page(limit))).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'page_size' } });
    }
  });
});

describe('stopping', () => {
  it('ends reads in progress and later ones with NOT_SERVING, and releases the store', async () => {
    await fill(20);
    const { store: inner, held } = watched(store);
    const reads = createReads(inner);
    const iterator = reads.readAll(allRead, never)[Symbol.asyncIterator]();
    await iterator.next();
    reads.stop();
    expect(reads.active).toBe(0);
    await until(() => held() === 0);
    expect(await failureOf(iterator.next())).toMatchObject({ code: 'NOT_SERVING' });
    expect(await failureOf(collectEvents(reads.readAll(allRead, never)))).toMatchObject({ code: 'NOT_SERVING' });
    const page = reads.listStreams({ prefix: '', after: null, limit: 1, consistency: local }, never);
    expect(await failureOf(page)).toMatchObject({ code: 'NOT_SERVING' });
  });
});
