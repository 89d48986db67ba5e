// Import: order within streams, resuming by event ids, bounded windows, and mistakes named by their line.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importEvents } from '../../src/cli/transfer/import-events.ts';
import type { AppendBatch } from '../../src/cli/transfer/import-events.ts';
import { readLines } from '../../src/cli/transfer/line-source.ts';
import type { LineBatch } from '../../src/cli/transfer/line-source.ts';
import { StoreError } from '../../src/domain/errors.ts';

async function* chunks(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    await Promise.resolve();
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function collect(source: AsyncIterable<LineBatch>): Promise<{ lines: string[]; bytes: number }> {
  const lines: string[] = [];
  let bytes = 0;
  for await (const batch of source) {
    lines.push(...batch.lines);
    bytes = batch.bytesRead;
  }
  return { lines, bytes };
}

describe('line source', () => {
  it('gives the same lines however the bytes arrive', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }).map((line) => line.replace(/[\r\n]/g, ''))),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (lines, sizes) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        expect(await collect(readLines(chunks(bytes, sizes)))).toEqual({ lines, bytes: bytes.length });
      },
    );
    await fc.assert(property);
  });

  it('takes a last line without an end, and the line ends of other systems', async () => {
    expect((await collect(readLines(chunks(Buffer.from('a\r\nb'), [100])))).lines).toEqual(['a', 'b']);
  });

  it('refuses bytes that are no UTF-8', async () => {
    await expect(collect(readLines(chunks(Buffer.from([0x61, 0xff, 0x0a]), [100])))).rejects.toThrow('not valid UTF-8');
  });
});

/** A store of event ids that decides as the real one does: all there is a duplicate, some there a conflict. */
function fakeStore(failAfter = Infinity) {
  const streams = new Map<string, string[]>();
  let appends = 0;
  const append: AppendBatch = async (stream, events) => {
    await Promise.resolve();
    if (++appends > failAfter) throw new StoreError('NOT_SERVING', 'the server is stopping', { reason: 'stop' });
    const there = streams.get(stream) ?? [];
    const ids = events.map(({ id }) => id);
    const known = ids.filter((id) => there.includes(id));
    if (known.length === ids.length) return { duplicate: true };
    if (known.length > 0) {
      const details = { streamId: stream, eventId: known[0] ?? '', revision: 0, reason: 'some' };
      throw new StoreError('EVENT_ID_CONFLICT', 'some of the ids are there', details);
    }
    streams.set(stream, [...there, ...ids]);
    return { duplicate: false };
  };
  return { streams, append, appends: () => appends };
}

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

function file(count: number, streams: number): readonly string[] {
  return Array.from({ length: count }, (_, n) =>
    JSON.stringify({ stream: `s${n % streams}`, type: 't', id: idOf(n), data: n }),
  );
}

async function* source(lines: readonly string[]): AsyncGenerator<LineBatch> {
  await Promise.resolve();
  yield { lines, bytesRead: lines.join('\n').length };
}

const never = new AbortController().signal;
const options = (append: AppendBatch, windowEvents: number) => ({
  append,
  windowEvents,
  onProgress: () => undefined,
  interrupted: never,
});

/** What each stream must hold: the ids of its lines in order. */
function expected(count: number, streams: number): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (let n = 0; n < count; n++) found.set(`s${n % streams}`, [...(found.get(`s${n % streams}`) ?? []), idOf(n)]);
  return found;
}

describe('import', () => {
  it.each([
    [1, 1, 1],
    [100, 7, 10],
    [5000, 1, 3000],
    [3000, 700, 100_000],
  ])('brings %i events of %i streams in order, in windows of %i', async (count, streams, windowEvents) => {
    const store = fakeStore();
    const result = await importEvents(source(file(count, streams)), options(store.append, windowEvents));
    expect(store.streams).toEqual(expected(count, streams));
    expect(result).toMatchObject({ events: count, duplicates: 0 });
  });

  it('batches streams that alternate line by line', async () => {
    const store = fakeStore();
    await importEvents(source(file(1000, 10)), options(store.append, 1000));
    expect(store.appends()).toBe(10);
  });

  it('goes on where it was interrupted, also with another cut', async () => {
    const lines = file(1000, 10);
    const store = fakeStore();
    let allowed = 13;
    const failing: AppendBatch = (stream, events) => {
      if (allowed-- > 0) return store.append(stream, events);
      return Promise.reject(new StoreError('NOT_SERVING', 'the server is stopping', { reason: 'stop' }));
    };
    const first = importEvents(source(lines), options(failing, 400));
    await expect(first).rejects.toThrow(/^the server is stopping\n\d+ events are in the store/);
    const again = await importEvents(source(lines), options(store.append, 300));
    expect(store.streams).toEqual(expected(1000, 10));
    expect(again.events).toBe(1000);
    expect(again.duplicates).toBeGreaterThan(0);
    expect((await importEvents(source(lines), options(store.append, 300))).duplicates).toBe(1000);
    expect(store.streams).toEqual(expected(1000, 10));
  });

  it('names the line of a mistake, and what is in the store by then', async () => {
    const store = fakeStore();
    const lines = [...file(10, 1), '', '{"stream":"s","typ":"t"}'];
    const run = importEvents(source(lines), options(store.append, 5));
    await expect(run).rejects.toThrow(/^line 12: there is no field "typ".*\n10 events are in the store/);
  });

  it('stops between windows when interrupted', async () => {
    const store = fakeStore();
    const stop = new AbortController();
    const append: AppendBatch = (stream, events) => {
      stop.abort();
      return store.append(stream, events);
    };
    const run = importEvents(source(file(10, 1)), { ...options(append, 2), interrupted: stop.signal });
    await expect(run).rejects.toThrow('interrupted');
    expect(store.streams.get('s0')).toHaveLength(2);
  });
});
