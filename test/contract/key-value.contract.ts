/**
 * What every key-value store must do. Run it with `keyValueContract(name, open)`, where `open` gives an empty store; `reopen`,
 * where there is one, closes it and opens what it left.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { defined } from '../../src/lib/assert.ts';
import type { KeyValue, KeyValueEntry, ScanOptions } from '../../src/storage/key-value/key-value.ts';
import type { KeyRange } from '../../src/storage/keys.ts';

export interface OpenedKeyValue {
  readonly keyValue: KeyValue;
  /** Closes the store and opens it again; only for stores that outlive that. */
  readonly reopen?: () => Promise<KeyValue>;
  readonly dispose: () => Promise<void>;
}

const EVERYTHING: KeyRange = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) };
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const text = (value: Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value).toString('latin1');
const pairs = (entries: readonly KeyValueEntry[]): unknown => entries.map(({ key, value }) => [text(key), text(value)]);

async function put(keyValue: KeyValue, entries: Readonly<Record<string, string>>): Promise<void> {
  await keyValue.write((batch) => {
    for (const [key, value] of Object.entries(entries)) batch.put(bytes(key), bytes(value));
  });
}

async function get(keyValue: Pick<KeyValue, 'getMany'>, ...keys: string[]): Promise<(string | null)[]> {
  return (await keyValue.getMany(keys.map(bytes))).map(text);
}

/** The same, done on a plain object. */
class Model {
  readonly entries = new Map<string, string>();

  scan(range: KeyRange, { limit, reverse = false, keysOnly = false }: ScanOptions): unknown {
    const [gte, lt] = [text(range.gte) ?? '', text(range.lt) ?? ''];
    const keys = [...this.entries.keys()].filter((key) => key >= gte && key < lt).sort();
    if (reverse) keys.reverse();
    return keys.slice(0, limit).map((key) => [key, keysOnly ? '' : this.entries.get(key)]);
  }
}

const key = fc.string({ unit: fc.constantFrom('\x01', 'a', 'b', '\x7f', '\x80', '\xfe'), minLength: 1, maxLength: 4 });
const change = fc.record({ key, value: fc.option(fc.string({ unit: fc.constantFrom('x', '\0'), maxLength: 3 })) });
const scan = fc.record({
  from: key,
  to: key,
  options: fc.record({ limit: fc.integer({ min: 1, max: 9 }), reverse: fc.boolean(), keysOnly: fc.boolean() }),
});

/** @param outlivesClose Whether it can be opened again with what it held; `reopen` has to be there then. */
export function keyValueContract(name: string, open: () => Promise<OpenedKeyValue>, outlivesClose = true): void {
  describe(`key-value store: ${name}`, () => {
    let opened: OpenedKeyValue | undefined;
    const fresh = async (): Promise<KeyValue> => {
      await opened?.dispose();
      opened = await open();
      return opened.keyValue;
    };
    afterEach(async () => {
      await opened?.dispose();
      opened = undefined;
    });

    it('is empty at first', async () => {
      const keyValue = await fresh();
      expect(await get(keyValue, 'a', 'b')).toEqual([null, null]);
      expect(await keyValue.getMany([])).toEqual([]);
      expect(await keyValue.scan(EVERYTHING, { limit: 10 })).toEqual([]);
    });

    it('tells an empty value from none', async () => {
      const keyValue = await fresh();
      await put(keyValue, { empty: '', full: 'x' });
      expect(await get(keyValue, 'empty', 'full', 'none', 'empty')).toEqual(['', 'x', null, '']);
      expect(pairs(await keyValue.scan(EVERYTHING, { limit: 10 }))).toEqual([
        ['empty', ''],
        ['full', 'x'],
      ]);
    });

    it('lets the last change of a key in a batch win', async () => {
      const keyValue = await fresh();
      await put(keyValue, { a: '1', b: '1' });
      await keyValue.write((batch) => {
        batch.put(bytes('a'), bytes('2'));
        batch.put(bytes('a'), bytes('3'));
        batch.delete(bytes('b'));
        batch.put(bytes('c'), bytes('3'));
        batch.delete(bytes('c'));
        batch.delete(bytes('never there'));
      });
      expect(await get(keyValue, 'a', 'b', 'c')).toEqual(['3', null, null]);
    });

    it('changes nothing when making the batch fails', async () => {
      const keyValue = await fresh();
      const write = keyValue.write((batch) => {
        batch.put(bytes('a'), bytes('1'));
        throw new TypeError('no');
      });
      await expect(write).rejects.toThrow('no');
      expect(await get(keyValue, 'a')).toEqual([null]);
    });

    it('does what a plain map does', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 6 }),
          fc.array(scan, { maxLength: 6 }),
          async (batches, scans) => {
            const keyValue = await fresh();
            const model = new Model();
            for (const changes of batches) {
              await keyValue.write((batch) => {
                for (const one of changes) {
                  if (one.value === null) batch.delete(bytes(one.key));
                  else batch.put(bytes(one.key), bytes(one.value));
                }
              });
              for (const one of changes) {
                if (one.value === null) model.entries.delete(one.key);
                else model.entries.set(one.key, one.value);
              }
            }
            for (const { from, to, options } of scans) {
              const range = { gte: bytes(from < to ? from : to), lt: bytes(from < to ? to : from) };
              expect(pairs(await keyValue.scan(range, options))).toEqual(model.scan(range, options));
            }
            const keys = scans.map(({ from }) => from);
            expect(await get(keyValue, ...keys)).toEqual(keys.map((one) => model.entries.get(one) ?? null));
          },
        ),
        { numRuns: 40 },
      );
    });

    it('scans any number of entries in pieces, both ways', async () => {
      const keyValue = await fresh();
      const count = 5000;
      const keys = Array.from({ length: count }, (_, i) => `k${String((i * 7919) % count).padStart(6, '0')}`);
      for (let at = 0; at < count; at += 500) {
        await put(keyValue, Object.fromEntries(keys.slice(at, at + 500).map((one) => [one, `value of ${one}`])));
      }
      const sorted = [...keys].sort();
      for (const reverse of [false, true]) {
        const found: (string | null)[] = [];
        let range = EVERYTHING;
        for (;;) {
          const entries = await keyValue.scan(range, { limit: 777, reverse });
          found.push(...entries.map((entry) => text(entry.key)));
          const last = entries.at(-1);
          if (last === undefined || entries.length < 777) break;
          range = reverse ? { ...range, lt: last.key } : { ...range, gte: Buffer.concat([last.key, Buffer.of(0)]) };
        }
        expect(found).toEqual(reverse ? sorted.reverse() : sorted);
      }
      const values = await get(keyValue, ...keys);
      expect(values).toEqual(keys.map((one) => `value of ${one}`));
    });

    it('keeps large values', async () => {
      const keyValue = await fresh();
      const value = Buffer.alloc(24 * 1024 * 1024, 'large');
      await keyValue.write((batch) => batch.put(bytes('large'), value));
      const [found] = await keyValue.getMany([bytes('large')]);
      expect(Buffer.compare(found ?? Buffer.alloc(0), value)).toBe(0);
    });

    it('takes writes and reads at the same time', async () => {
      const keyValue = await fresh();
      const writes = Array.from({ length: 50 }, (_, i) => put(keyValue, { [`k${i}`]: `${i}` }));
      const reads = Array.from({ length: 50 }, (_, i) => get(keyValue, `k${i}`));
      await Promise.all(writes);
      for (const [i, [value]] of (await Promise.all(reads)).entries()) expect([null, `${i}`]).toContain(value);
      expect(await get(keyValue, 'k0', 'k49')).toEqual(['0', '49']);
    });

    it('keeps a snapshot as it was', async () => {
      const keyValue = await fresh();
      await put(keyValue, { a: '1', b: '1' });
      const snapshot = keyValue.snapshot();
      await keyValue.write((batch) => {
        batch.put(bytes('a'), bytes('2'));
        batch.delete(bytes('b'));
        batch.put(bytes('c'), bytes('2'));
      });
      const later = keyValue.snapshot();
      await put(keyValue, { d: '3' });
      expect(await get(snapshot, 'a', 'b', 'c', 'd')).toEqual(['1', '1', null, null]);
      expect(pairs(await snapshot.scan(EVERYTHING, { limit: 9 }))).toEqual([
        ['a', '1'],
        ['b', '1'],
      ]);
      expect(pairs(await later.scan(EVERYTHING, { limit: 9, keysOnly: true }))).toEqual([
        ['a', ''],
        ['c', ''],
      ]);
      expect(await get(keyValue, 'a', 'b', 'c', 'd')).toEqual(['2', null, '2', '3']);
      await snapshot.release();
      await later.release();
    });

    it('is not disturbed when what was handed in changes later', async () => {
      const keyValue = await fresh();
      const [ownKey, ownValue] = [bytes('key'), bytes('value')];
      await keyValue.write((batch) => batch.put(ownKey, ownValue));
      ownKey.fill(0);
      ownValue.fill(0);
      expect(await get(keyValue, 'key')).toEqual(['value']);
    });

    it('flushes, and tells sizes and gauges', async () => {
      const keyValue = await fresh();
      await put(keyValue, { a: 'x'.repeat(100_000) });
      await keyValue.flush();
      expect(await keyValue.approximateSize(EVERYTHING)).toBeGreaterThan(0);
      const gauges = await keyValue.gauges();
      expect(gauges.size).toBeGreaterThan(0);
      for (const [gauge, value] of gauges) expect(Number.isFinite(value), gauge).toBe(true);
    });

    it('refuses with NOT_SERVING after close, which may be called again', async () => {
      const keyValue = await fresh();
      await put(keyValue, { a: '1' });
      await keyValue.close();
      await keyValue.close();
      await expect(get(keyValue, 'a')).rejects.toMatchObject({ code: 'NOT_SERVING' });
      await expect(put(keyValue, { a: '2' })).rejects.toMatchObject({ code: 'NOT_SERVING' });
      await expect(keyValue.scan(EVERYTHING, { limit: 1 })).rejects.toMatchObject({ code: 'NOT_SERVING' });
      await expect(keyValue.flush()).rejects.toMatchObject({ code: 'NOT_SERVING' });
    });

    it('closes while calls are under way, and finishes them', async () => {
      const keyValue = await fresh();
      const write = put(keyValue, { a: '1' });
      const read = keyValue.scan(EVERYTHING, { limit: 1 });
      await Promise.all([write, read, keyValue.close()]);
      expect((await read).length).toBeLessThanOrEqual(1);
    });

    if (!outlivesClose) return;

    it('has everything after it was closed and opened again', async () => {
      let keyValue = await fresh();
      const reopen = defined(opened?.reopen, 'a store that outlives being closed to say how it is opened again');
      await put(keyValue, { a: '1', b: '1' });
      keyValue = await reopen();
      await keyValue.write((batch) => batch.delete(bytes('b')));
      keyValue = await reopen();
      expect(await get(keyValue, 'a', 'b')).toEqual(['1', null]);
    });
  });
}
