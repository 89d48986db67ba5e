/**
 * Damaged RocksDB files, as a crash, a disk or an operator leaves them. Whatever is damaged, opening and reading end in one of
 * three ways: a StoreError; or damage that the check reports; or exactly the state after some entry of the log, which the
 * applied index names (and whose missing rest the log brings, or its owner finds missing). Never another state, silently, and
 * never the end of the process.
 *
 * The ordinary run samples bytes, by a seed it prints; DAMAGE=all looks at every byte, and takes some minutes.
 */
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '../../src/domain/errors.ts';
import { checkState } from '../../src/storage/check-state.ts';
import { EventState } from '../../src/storage/event-state/event-state.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import { RocksKeyValue } from '../../src/storage/rocks/rocks-key-value.ts';
import type { StoredAppend } from '../../src/storage/stored-append.ts';
import { Decider } from '../support/decided.ts';
import { proposed } from '../support/events.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const ALL = process.env['DAMAGE'] === 'all';
/** Groups applied; a flush after each of FLUSHES. */
const GROUPS = 12;
const FLUSHES = [4, 8];

let directory: TemporaryDirectory;
let image: string;
/** Count of events after each entry, and each append's bytes, in order. */
const ends: number[] = [0];
const appends: string[] = [];
const text = (append: StoredAppend): string => Buffer.from(append.bytes).toString('base64');

beforeAll(async () => {
  console.log(`SEED=${SEED}`);
  directory = await temporaryDirectory();
  image = join(directory.path, 'image');
  const path = join(directory.path, 'original');
  const keyValue = await RocksKeyValue.open(path);
  const state = await EventState.open(keyValue);
  const decider = new Decider();
  for (let index = 1; index <= GROUPS; index += 1) {
    const decided = Array.from({ length: 3 }, (_, i) =>
      decider.decide({
        streamId: `s${(index + i) % 4}`,
        createdAt: index,
        events: [proposed(0, { tags: ['g'] }), proposed(0, { data: Buffer.alloc(300, index) })],
      }),
    );
    const group = encodeGroup(decided);
    await state.apply([{ index, term: 1, group }]);
    ends.push(state.appliedEnd);
    appends.push(...group.appends.map(text));
    if (FLUSHES.includes(index)) await state.flush();
  }
  // What kill -9 would leave.
  await cp(path, image, { recursive: true });
  await rm(join(image, 'LOCK'));
  await state.close();
});

afterAll(() => directory.remove());

type Outcome = 'refused' | 'reported' | 'sound';

/** Opens a damaged copy and finds out how it ends. Throws when it ends in none of the allowed ways. */
async function outcomeOf(damage: (path: string) => Promise<void>): Promise<{ outcome: Outcome; index: number }> {
  const path = join(directory.path, 'damaged');
  await rm(path, { recursive: true, force: true });
  await cp(image, path, { recursive: true });
  await damage(path);
  let keyValue: RocksKeyValue | undefined;
  try {
    keyValue = await RocksKeyValue.open(path);
    const state = await EventState.open(keyValue);
    const report = await checkState(keyValue);
    if (report.problemCount > 0) return { outcome: 'reported', index: 0 };
    const found: string[] = [];
    for await (const chunk of state.readAll(0, 'forwards')) found.push(...chunk.map(text));
    expect(state.appliedEnd).toBe(ends[state.appliedIndex]);
    expect(found).toEqual(appends.slice(0, found.length));
    expect(found.length).toBe(state.appliedIndex * 3);
    return { outcome: 'sound', index: state.appliedIndex };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    expect(['STORAGE_CORRUPT', 'STORAGE_IO', 'STORAGE_FORMAT_TOO_NEW']).toContain(error.code);
    expect(error.message).toContain(error.code === 'STORAGE_CORRUPT' ? 'damaged' : path);
    return { outcome: 'refused', index: 0 };
  } finally {
    // Closing writes, which a damaged database may refuse.
    await keyValue?.close().catch((error: unknown) => expect(error).toBeInstanceOf(StoreError));
  }
}

/** Up to `count` numbers below `below`, spread by the seed; all of them with DAMAGE=all. */
function sample(count: number, below: number): number[] {
  if (ALL || below <= count) return Array.from({ length: below }, (_, i) => i);
  let state = SEED;
  return Array.from({ length: count }, (_, i) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor(((i + state / 2 ** 31) * below) / count);
  });
}

async function filesLike(pattern: RegExp): Promise<string[]> {
  const names = (await readdir(image)).filter((name) => pattern.test(name)).sort();
  expect(names.length, String(pattern)).toBeGreaterThan(0);
  return names;
}

async function flipEach(name: string, count: number): Promise<Map<Outcome, number>> {
  const bytes = await readFile(join(image, name));
  const outcomes = new Map<Outcome, number>();
  for (const at of sample(count, bytes.length)) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    const { outcome } = await outcomeOf((path) => writeFile(join(path, name), damaged)).catch((error: unknown) => {
      throw new Error(`${name} with a bit of byte ${at} flipped`, { cause: error });
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return outcomes;
}

async function cutEach(name: string, count: number): Promise<Map<Outcome, number>> {
  const { length } = await readFile(join(image, name));
  const outcomes = new Map<Outcome, number>();
  for (const size of sample(count, length)) {
    const { outcome } = await outcomeOf((path) => truncate(join(path, name), size)).catch((error: unknown) => {
      throw new Error(`${name} cut to ${size} of ${length} bytes`, { cause: error });
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return outcomes;
}

const FILES = { table: /\.sst$/, journal: /\.log$/, list: /^MANIFEST-/, pointer: /^CURRENT$/ };

describe('RocksDB files', { timeout: ALL ? 3_600_000 : 120_000 }, () => {
  it('give everything back as they are, and after kill -9', async () => {
    expect(await outcomeOf(() => Promise.resolve())).toEqual({ outcome: 'sound', index: GROUPS });
  });

  for (const [kind, pattern] of Object.entries(FILES)) {
    it(`with flipped bits (${kind})`, async () => {
      for (const name of await filesLike(pattern)) {
        const outcomes = await flipEach(name, 50);
        console.log(name, Object.fromEntries(outcomes));
        // Tables and lists have checksums over everything that matters.
        if (kind === 'table')
          expect((outcomes.get('refused') ?? 0) + (outcomes.get('reported') ?? 0)).toBeGreaterThan(10);
      }
    });

    it(`cut short (${kind})`, async () => {
      for (const name of await filesLike(pattern)) console.log(name, Object.fromEntries(await cutEach(name, 50)));
    });

    it(`missing (${kind})`, async () => {
      for (const name of await filesLike(pattern)) {
        const { outcome, index } = await outcomeOf((path) => rm(join(path, name)));
        console.log(name, outcome, index);
        if (kind !== 'journal') expect(outcome, name).toBe('refused');
      }
    });
  }

  it('are refused at once when a flipped bit makes a record one that RocksDB would wait on for ever', async () => {
    for (const name of await filesLike(/^MANIFEST-|\.log$/)) {
      const bytes = await readFile(join(image, name));
      let records = 0;
      for (let at = 0; at + 7 <= bytes.length && records < 5; at += 7 + bytes.readUInt16LE(at + 4), records += 1) {
        const damaged = Buffer.from(bytes);
        damaged[at + 6] = (damaged[at + 6] ?? 0) | 4;
        const opened = outcomeOf((path) => writeFile(join(path, name), damaged));
        expect(await opened, `${name} at byte ${at}`).toEqual({ outcome: 'refused', index: 0 });
      }
      expect(records, name).toBeGreaterThan(1);
    }
  });

  it('of no use to reading (options, identity, its own log) do no harm when damaged', async () => {
    for (const name of await filesLike(/^(OPTIONS-|IDENTITY$|LOG)/)) {
      const bytes = await readFile(join(image, name));
      const { outcome } = await outcomeOf((path) => writeFile(join(path, name), bytes.subarray(0, bytes.length / 2)));
      expect(outcome, name).toBe('sound');
    }
  });

  it('are refused when the list that CURRENT names was never there', async () => {
    const path = join(directory.path, 'pointer-only');
    await mkdir(path);
    await writeFile(join(path, 'CURRENT'), 'MANIFEST-000001\n');
    await expect(RocksKeyValue.open(path)).rejects.toMatchObject({
      details: { path: expect.stringContaining(path) as string },
    });
  });
});
