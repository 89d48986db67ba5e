// The Raft log against a plain model, on a disk in memory that crashes: reads, conflicts, compaction, snapshots.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { StoreError } from '../../src/domain/errors.ts';
import type { ConfState, Entry, HardState, Snapshot } from '../../src/raft/messages.ts';
import { EMPTY_HARD_STATE } from '../../src/raft/messages.ts';
import { MAX_SNAPSHOT_DATA_BYTES, RaftLog } from '../../src/storage/raft-log/raft-log.ts';
import type { PersistBatch, RaftLogOptions } from '../../src/storage/raft-log/types.ts';
import { MemoryFileSystem, seededRandom } from '../support/memory-file-system.ts';

const DIRECTORY = '/log';
const CONF: ConfState = { voters: [1, 2, 3], learners: [4], votersOutgoing: [], learnersNext: [], autoLeave: false };

async function openLog(fileSystem: MemoryFileSystem, options: Partial<RaftLogOptions> = {}): Promise<RaftLog> {
  await fileSystem.makeDirectory(DIRECTORY);
  return RaftLog.open({
    fileSystem,
    directory: DIRECTORY,
    logId: 9,
    segmentBytes: 32 << 10,
    applied: { index: 0 },
    cacheBytes: 2000,
    ...options,
  });
}

function entry(index: number, term: number, length = 20, fill = index): Entry {
  return { type: 0, term, index, data: Buffer.alloc(length, fill) };
}

function run(from: number, to: number, term: number, length = 20): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term, length));
}

function plain(entries: readonly Entry[] | string): unknown {
  if (typeof entries === 'string') return entries;
  return entries.map(({ type, term, index, data }) => ({ type, term, index, data: Buffer.from(data).toString('hex') }));
}

describe('Raft log', () => {
  it('reads the same from memory, from disk and after a restart', async () => {
    const fileSystem = new MemoryFileSystem();
    const log = await openLog(fileSystem);
    const entries = [
      ...run(1, 300, 1),
      ...run(301, 400, 3, 3000),
      { type: 2 as const, term: 4, index: 401, data: Buffer.alloc(0) },
    ];
    for (let i = 0; i < entries.length; i += 7) await log.persist({ entries: entries.slice(i, i + 7) });
    await log.persist({ hardState: { term: 4, vote: 2, commit: 399 } });
    const again = async (): Promise<RaftLog> => {
      await log.close();
      return openLog(fileSystem);
    };
    for (const reader of [log, await again()]) {
      expect(plain(reader.entries(1, 402, Infinity))).toEqual(plain(entries));
      expect(plain(reader.entries(250, 320, Infinity))).toEqual(plain(entries.slice(249, 319)));
      expect([reader.firstIndex(), reader.lastIndex()]).toEqual([1, 401]);
      expect([0, 1, 300, 301, 400, 401, 402].map((i) => reader.term(i))).toEqual([0, 1, 1, 3, 3, 4, 'unavailable']);
      expect(reader.initialState().hardState).toEqual({ term: 4, vote: 2, commit: 399 });
    }
  });

  it('stops at the byte limit, but gives at least one entry, in memory and from disk', async () => {
    const log = await openLog(new MemoryFileSystem(), { cacheBytes: 0 });
    await log.persist({ entries: run(1, 10, 1, 100) });
    const reader = await openLog(new MemoryFileSystem());
    await reader.persist({ entries: run(1, 10, 1, 100) });
    for (const one of [log, reader]) {
      const size = 108; // 100 bytes of data, 2 of their tag and length, 6 of tags, type, term and index
      expect(one.entries(1, 11, 0)).toHaveLength(1);
      expect(one.entries(1, 11, 3 * size - 1)).toHaveLength(2);
      expect(one.entries(1, 11, 3 * size)).toHaveLength(3);
    }
  });

  it('answers compacted and unavailable as the port says', async () => {
    const log = await openLog(new MemoryFileSystem());
    await log.persist({ entries: run(1, 10, 2) });
    await log.compact(4, CONF);
    expect(log.firstIndex()).toBe(5);
    expect([3, 4, 10, 11].map((i) => log.term(i))).toEqual(['compacted', 2, 2, 'unavailable']);
    expect(log.entries(4, 6, Infinity)).toBe('compacted');
    expect(log.entries(11, 12, Infinity)).toBe('unavailable');
    expect(log.snapshot()).toMatchObject({ index: 4, term: 2, confState: CONF });
  });

  it('splits a batch that is larger than a segment, each piece with a consistent hard state', async () => {
    const fileSystem = new MemoryFileSystem();
    const log = await openLog(fileSystem);
    const entries = run(1, 40, 5, 3000);
    await log.persist({ entries, hardState: { term: 5, vote: 1, commit: 40 } });
    fileSystem.kill();
    const reader = await openLog(fileSystem);
    expect(plain(reader.entries(1, 41, Infinity))).toEqual(plain(entries));
    expect(reader.hardState).toEqual({ term: 5, vote: 1, commit: 40 });
  });

  it('leaves a consistent log when a crash cuts a batch that was split', async () => {
    const commits = new Set<number>();
    let completed = false;
    for (let step = 1; !completed; step++) {
      const fileSystem = new MemoryFileSystem(step);
      const log = await openLog(fileSystem);
      await log.persist({ entries: run(1, 3, 1), hardState: { term: 1, vote: 2, commit: 3 } });
      fileSystem.failAt(fileSystem.operations + step);
      const done = log.persist({ entries: run(4, 30, 2, 3000), hardState: { term: 2, vote: 1, commit: 30 } });
      completed = await done.then(
        () => true,
        (error: unknown) => {
          if (!(error instanceof StoreError)) throw error;
          return false;
        },
      );
      await log.close();
      fileSystem.crash();
      const reader = await openLog(fileSystem, { applied: { index: 3 } });
      const { term, commit } = reader.hardState;
      expect(commit).toBeLessThanOrEqual(reader.lastIndex());
      expect(reader.lastIndex()).toBeGreaterThanOrEqual(completed ? 30 : 3);
      expect(term, 'entries of a term come with the term').toBe(reader.lastIndex() === 3 ? 1 : 2);
      commits.add(commit);
    }
    expect(commits.size).toBeGreaterThan(3);
  });

  it('removes segments behind a compaction, and keeps hard state and configuration', async () => {
    const fileSystem = new MemoryFileSystem();
    const log = await openLog(fileSystem);
    await log.persist({ hardState: { term: 7, vote: 3, commit: 0 } });
    for (let i = 1; i <= 200; i++) await log.persist({ entries: [entry(i, 7, 1000)] });
    const before = log.status().segments;
    await log.compact(150, CONF);
    expect(log.status().segments).toBeLessThan(before - 3);
    await log.compact(200, CONF);
    expect(log.status().segments).toBe(1);
    await log.close();
    const reader = await openLog(fileSystem, { applied: { index: 200 } });
    expect(reader.initialState()).toEqual({ hardState: { term: 7, vote: 3, commit: 200 }, confState: CONF });
    expect([reader.firstIndex(), reader.lastIndex(), reader.term(200)]).toEqual([201, 200, 7]);
    await reader.persist({ entries: [entry(201, 8)] });
    expect(plain(reader.entries(201, 202, Infinity))).toEqual(plain([entry(201, 8)]));
  });

  it('takes a snapshot in place of the log, and says so until its state is there', async () => {
    const fileSystem = new MemoryFileSystem();
    const log = await openLog(fileSystem);
    const snapshot: Snapshot = { index: 50, term: 3, confState: CONF, data: Buffer.from('where the state is') };
    await log.persist({ entries: run(1, 5, 1) });
    await log.persist({ snapshot, hardState: { term: 3, vote: 0, commit: 50 }, entries: [entry(51, 3)] });
    await log.close();
    const reader = await openLog(fileSystem, { applied: { index: 5 } });
    expect(reader.pendingSnapshot).toEqual({ ...snapshot, data: new Uint8Array(snapshot.data) });
    expect([reader.firstIndex(), reader.lastIndex(), reader.term(50), reader.term(51)]).toEqual([51, 51, 3, 3]);
    await reader.close();
    expect((await openLog(fileSystem, { applied: { index: 50 } })).pendingSnapshot).toBeNull();
  });

  it('refuses a snapshot description above the limit, and takes one at it', async () => {
    const log = await openLog(new MemoryFileSystem());
    const snapshot = { index: 1, term: 1, confState: CONF, data: new Uint8Array(MAX_SNAPSHOT_DATA_BYTES) };
    const larger = { ...snapshot, data: new Uint8Array(MAX_SNAPSHOT_DATA_BYTES + 1) };
    await expect(log.persist({ snapshot: larger })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(log.lastIndex()).toBe(0);
    await log.persist({ snapshot });
    expect(log.lastIndex()).toBe(1);
  });

  it('does nothing when it answers OVERLOADED', async () => {
    const log = await openLog(new MemoryFileSystem(), { maxQueuedBytes: 4000 });
    const held = log.persist({ entries: [entry(1, 1, 3900)] });
    await expect(log.persist({ entries: [entry(2, 1, 200)] })).rejects.toMatchObject({ code: 'OVERLOADED' });
    await held;
    expect(log.lastIndex()).toBe(1);
    await log.persist({ entries: [entry(2, 1, 200)] });
    expect(log.lastIndex()).toBe(2);
  });

  it('refuses a log that does not belong to the applied state', async () => {
    const fileSystem = new MemoryFileSystem();
    const log = await openLog(fileSystem);
    await log.persist({ entries: run(1, 10, 1) });
    await log.compact(6, CONF);
    await log.close();
    const refused = { code: 'STORAGE_CORRUPT' };
    await expect(openLog(fileSystem, { applied: { index: 11 } })).rejects.toMatchObject(refused);
    await expect(openLog(fileSystem, { applied: { index: 5 } })).rejects.toMatchObject(refused);
    await expect(openLog(new MemoryFileSystem(), { applied: { index: 1 } })).rejects.toMatchObject(refused);
    await expect(openLog(new MemoryFileSystem(), { create: false })).rejects.toMatchObject(refused);
    await expect(openLog(fileSystem, { logId: 10, applied: { index: 6 } })).rejects.toMatchObject(refused);
    expect((await openLog(fileSystem, { applied: { index: 10 } })).lastIndex()).toBe(10);
  });

  it('treats a replaced committed entry, a gap and a changed vote as broken invariants', async () => {
    const log = await openLog(new MemoryFileSystem());
    await log.persist({ entries: run(1, 3, 1), hardState: { term: 1, vote: 2, commit: 2 } });
    await expect(log.persist({ entries: [entry(2, 1)] })).rejects.toThrow(/commit index 2/);
    await expect(log.persist({ entries: [entry(5, 1)] })).rejects.toThrow(/does not fit/);
    await expect(log.persist({ hardState: { term: 1, vote: 3, commit: 2 } })).rejects.toThrow(/vote/);
    await expect(log.persist({ hardState: { term: 0, vote: 0, commit: 2 } })).rejects.toThrow(/term goes back/);
  });
});

/** What a log must show. */
interface Model {
  hardState: HardState;
  base: { index: number; term: number };
  entries: Entry[];
}

function last(model: Model): number {
  return model.base.index + model.entries.length;
}

function applyBatch(model: Model, { snapshot, entries = [], hardState }: PersistBatch): Model {
  let { base, entries: kept } = model;
  let next = model.hardState;
  if (snapshot) {
    base = { index: snapshot.index, term: snapshot.term };
    kept = [];
    next = { ...next, commit: Math.max(next.commit, snapshot.index) };
  }
  for (const one of entries) kept = [...kept.slice(0, one.index - base.index - 1), one];
  return { base, entries: kept, hardState: hardState ?? next };
}

function shows(log: RaftLog, model: Model): boolean {
  if (log.firstIndex() !== model.base.index + 1 || log.lastIndex() !== last(model)) return false;
  if (JSON.stringify(log.hardState) !== JSON.stringify(model.hardState)) return false;
  if (log.term(model.base.index) !== model.base.term) return false;
  const found = model.entries.length === 0 ? [] : log.entries(model.base.index + 1, last(model) + 1, Infinity);
  return JSON.stringify(plain(found)) === JSON.stringify(plain(model.entries));
}

describe('Raft log after a crash', () => {
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        append: fc.constantFrom(1, 2, 5),
        length: fc.constantFrom(0, 30, 1500),
        back: fc.constantFrom(0, 0, 0, 1, 3),
      }),
    },
    { weight: 2, arbitrary: fc.constantFrom('vote' as const, 'commit' as const) },
    { weight: 1, arbitrary: fc.constantFrom('compact' as const, 'snapshot' as const) },
    { weight: 2, arbitrary: fc.constant('wait' as const) },
  );

  it('shows the state after some persist that is not before the last one acknowledged', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.nat(150),
        async (steps, seed, failAfter) => {
          const random = seededRandom(seed);
          const fileSystem = new MemoryFileSystem(seed);
          /** The states that the log may show, the first being the last one acknowledged. */
          let states: Model[] = [{ hardState: EMPTY_HARD_STATE, base: { index: 0, term: 0 }, entries: [] }];
          let applied = 0;
          for (let life = 0; life < 3; life++) {
            const log = await openLog(fileSystem, { applied: { index: applied } });
            const shown = states.find((state) => shows(log, state));
            expect(shown, 'the log shows a state that it was given').toBeDefined();
            let now = shown as Model;
            states = [now];
            fileSystem.failAt(life === 2 ? Infinity : fileSystem.operations + 1 + failAfter);
            const waiting: Promise<unknown>[] = [];
            const later = (next: Model, done: Promise<void>): void => {
              now = next;
              states.push(next);
              waiting.push(
                done.then(() => {
                  // A compaction also removes files, so its answer may come after those of later batches.
                  const acknowledged = states.indexOf(next);
                  if (acknowledged > 0) states = states.slice(acknowledged);
                }),
              );
            };
            try {
              for (const one of steps) {
                const { term, vote, commit } = now.hardState;
                if (one === 'wait') await Promise.all(waiting);
                else if (one === 'vote') {
                  const batch = { hardState: { term: term + 1, vote: 1 + Math.floor(random() * 3), commit } };
                  later(applyBatch(now, batch), log.persist(batch));
                } else if (one === 'commit') {
                  const batch = {
                    hardState: { term, vote, commit: commit + Math.floor(random() * (last(now) - commit + 1)) },
                  };
                  later(applyBatch(now, batch), log.persist(batch));
                } else if (one === 'snapshot') {
                  const index = last(now) + 1 + Math.floor(random() * 3);
                  const snapshot = { index, term: term + 1, confState: CONF, data: Buffer.from('s') };
                  const batch = { snapshot, hardState: { term: term + 1, vote: 0, commit: index } };
                  later(applyBatch(now, batch), log.persist(batch));
                  await Promise.all(waiting);
                  applied = index;
                } else if (one === 'compact') {
                  await Promise.all(waiting);
                  if (now.hardState.commit <= now.base.index) continue;
                  applied = now.hardState.commit;
                  const base = { index: applied, term: log.term(applied) as number };
                  later(
                    { ...now, base, entries: now.entries.slice(applied - now.base.index) },
                    log.compact(applied, CONF),
                  );
                } else {
                  const from = Math.max(commit, now.base.index, last(now) - one.back) + 1;
                  const top = Math.max(term, now.entries.at(-1)?.term ?? now.base.term);
                  const entries = Array.from({ length: one.append }, (_, i) =>
                    entry(from + i, top, one.length, Math.floor(random() * 256)),
                  );
                  const batch = { entries };
                  later(applyBatch(now, batch), log.persist(batch));
                }
                expect(shows(log, now)).toBe(true);
              }
              await Promise.all(waiting);
            } catch (error) {
              if (!(error instanceof StoreError)) throw error;
            }
            await Promise.allSettled(waiting);
            await log.close();
            if (random() < 0.5) fileSystem.crash();
            else fileSystem.kill();
          }
          const log = await openLog(fileSystem, { applied: { index: applied } });
          expect(states.some((state) => shows(log, state))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
