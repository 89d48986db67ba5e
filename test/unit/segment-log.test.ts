// The segment log on a disk in memory: order, groups, rotation, cuts, limits, and every crash that the port allows.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { StoreError } from '../../src/domain/errors.ts';
import type { SegmentLogOptions } from '../../src/storage/segment-log/types.ts';
import { SegmentLog } from '../../src/storage/segment-log/segment-log.ts';
import { MemoryFileSystem, seededRandom } from '../support/memory-file-system.ts';

const DIRECTORY = '/log';

interface Opened {
  readonly log: SegmentLog;
  readonly found: Map<number, string>;
}

async function openLog(fileSystem: MemoryFileSystem, options: Partial<SegmentLogOptions> = {}): Promise<Opened> {
  await fileSystem.makeDirectory(DIRECTORY);
  const found = new Map<number, string>();
  const log = await SegmentLog.open({
    fileSystem,
    directory: DIRECTORY,
    logId: 7,
    segmentBytes: 16 << 10,
    visit: (payload, number) => found.set(number, Buffer.from(payload).toString('latin1')),
    ...options,
  });
  return { log, found };
}

function record(text: string): Uint8Array[] {
  return [Buffer.from(text, 'latin1')];
}

describe('segment log', () => {
  it('gives back records in order, after close and after kill', async () => {
    const fileSystem = new MemoryFileSystem();
    const { log } = await openLog(fileSystem);
    const first = await log.append([record('a'), record('b')]);
    const second = await log.append([[Buffer.from('c'), Buffer.from('d')]]);
    expect(first).toMatchObject({ firstNumber: 1, segment: 1 });
    expect(second.firstNumber).toBe(3);
    const texts = new Map([
      [1, 'a'],
      [2, 'b'],
      [3, 'cd'],
    ]);
    expect(Buffer.from(log.readSync({ segment: 1, offset: second.offsets[0] ?? 0 }, 2)).toString()).toBe('cd');
    fileSystem.kill();
    const again = await openLog(fileSystem);
    expect(again.found).toEqual(texts);
    await again.log.close();
    const last = await openLog(fileSystem);
    expect(last.found).toEqual(texts);
    expect((await last.log.append([record('e')])).firstNumber).toBe(4);
  });

  it('writes what arrives during a write as one group', async () => {
    const { log } = await openLog(new MemoryFileSystem());
    const first = log.append([record('first')]);
    await first;
    const before = log.status().groups;
    const one = log.append([record('x')]);
    await Promise.resolve();
    await Promise.resolve();
    const rest = Array.from({ length: 50 }, (_, i) => log.append([record(`r${i}`)]));
    await Promise.all([one, ...rest]);
    expect(log.status().groups - before).toBe(2);
  });

  it('changes over to prepared segments, begins each with the checkpoint, and cuts only whole ones', async () => {
    const fileSystem = new MemoryFileSystem();
    const { log } = await openLog(fileSystem);
    const places: { number: number; segment: number }[] = [];
    for (let i = 0; i < 60; i++) {
      const { firstNumber, segment } = await log.append([record(`${i}`.padEnd(1000, '.'))], () => [
        record(`before ${i}`),
      ]);
      places.push({ number: firstNumber, segment });
    }
    expect(places.at(-1)?.segment).toBe(6);
    const wanted = places.find((place) => place.segment === 4)?.number ?? 0;
    await log.cut(wanted - 1);
    // The checkpoint of segment 4 has the number before `wanted`, so nothing below it is needed.
    expect(await fileSystem.list(DIRECTORY)).not.toContain('0000000003.segment');
    expect(log.status().firstNumber).toBe(wanted - 1);
    await log.cut(Number.MAX_SAFE_INTEGER);
    expect(log.status().segments).toBe(1);
    await log.close();
    const { found } = await openLog(fileSystem);
    const texts = [...found.values()];
    expect(texts[0]).toMatch(/^before \d+$/);
    expect(texts.at(-1)).toBe('59'.padEnd(1000, '.'));
  });

  it('makes a segment of its own for a batch that is larger than one', async () => {
    const fileSystem = new MemoryFileSystem();
    const { log } = await openLog(fileSystem);
    await log.append([record('small')]);
    const large = 'L'.repeat(100_000);
    const { segment, offsets } = await log.append([record(large)]);
    expect(segment).toBe(2);
    await log.append([record('after')]);
    expect(Buffer.from(log.readSync({ segment, offset: offsets[0] ?? 0 }, large.length)).toString()).toBe(large);
    fileSystem.kill();
    const { found } = await openLog(fileSystem);
    expect([...found.values()]).toEqual(['small', large, 'after']);
  });

  it('refuses empty records, and more waiting bytes than allowed, without queueing anything', async () => {
    const { log } = await openLog(new MemoryFileSystem(), { maxQueuedBytes: 4096 });
    expect(() => log.append([record('a'), []])).toThrow(/0 bytes/);
    const held = log.append([record('x'.repeat(4000))]);
    expect(() => log.append([record('y'.repeat(100))])).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
    await held;
    await log.append([record('y'.repeat(100))]);
    expect(log.status().records).toBe(2);
  });

  it('answers everything with the first failure once a sync has failed', async () => {
    const fileSystem = new MemoryFileSystem();
    const { log } = await openLog(fileSystem);
    await log.append([record('a')]);
    fileSystem.failAt(fileSystem.operations + 2);
    const failed = log.append([record('b')]);
    const queued = log.append([record('c')]);
    const error = await failed.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(StoreError);
    await expect(queued).rejects.toBe(error);
    expect(() => log.append([record('d')])).toThrow(error);
    expect(() => log.confirm()).toThrow(error);
    await log.close();
    fileSystem.crash();
    const { found } = await openLog(fileSystem);
    expect(found.get(1)).toBe('a');
  });

  it('never changes over to a segment that could not be made, but fills the one it has', async () => {
    const fileSystem = new MemoryFileSystem();
    const { log } = await openLog(fileSystem);
    await log.append([record('x'.repeat(12_000))]);
    await log.close();
    const again = await openLog(fileSystem);
    expect(again.found.size).toBe(1);
    expect(again.log.status().segments).toBe(1);
  });
});

describe('segment log after a crash', () => {
  it('keeps what is acknowledged after a start that found a segment whose name was not synced', async () => {
    for (let step = 1; step <= 40; step++) {
      const fileSystem = new MemoryFileSystem(step);
      const { log } = await openLog(fileSystem);
      await log.append([record('first'.padEnd(12_000))]);
      fileSystem.failAt(fileSystem.operations + step);
      await log.append([record('second'.padEnd(12_000))]).catch(() => undefined);
      await log.close();
      fileSystem.kill();
      const again = await openLog(fileSystem);
      await again.log.append([record('third'.padEnd(12_000))]);
      fileSystem.crash();
      const { found } = await openLog(fileSystem);
      expect([...found.values()].at(-1), `step ${step}`).toBe('third'.padEnd(12_000));
    }
  });

  const steps = fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          batch: fc.array(fc.constantFrom(30, 30, 30, 700, 3000), { minLength: 1, maxLength: 6 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ batch: fc.tuple(fc.integer({ min: 16_000, max: 40_000 })) }) },
      { weight: 2, arbitrary: fc.constant('wait' as const) },
      { weight: 1, arbitrary: fc.constant('confirm' as const) },
      { weight: 1, arbitrary: fc.constant('cut' as const) },
    ),
    { minLength: 1, maxLength: 25 },
  );

  it('keeps every synced record and adds at most whole batches, in order, again and again', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), fc.nat(200), async (run, seed, failAfter) => {
        const random = seededRandom(seed);
        const fileSystem = new MemoryFileSystem(seed);
        /** Batches by first number, as they were appended; `known` ones may be missing after a crash, `synced` not. */
        let model: { first: number; texts: string[]; synced: boolean }[] = [];
        let cutBefore = 1;
        for (let life = 0; life < 4; life++) {
          if (life === 1 && random() < 0.5) fileSystem.failAt(fileSystem.operations + 1 + Math.floor(random() * 12));
          const opened = await openLog(fileSystem).catch((error: unknown) => error);
          if (!(opened instanceof Error) && opened !== null && typeof opened === 'object' && 'log' in opened) {
            const { log, found } = opened as Opened;
            model = check(model, found, cutBefore);
            let next = model.reduce((end, batch) => Math.max(end, batch.first + batch.texts.length), 1);
            expect(log.status().nextNumber).toBe(next);
            fileSystem.failAt(life < 3 ? fileSystem.operations + 1 + (failAfter >> life) : Infinity);
            const waiting: Promise<unknown>[] = [];
            try {
              for (const step of run) {
                if (step === 'wait') await Promise.all(waiting);
                else if (step === 'confirm') log.confirm();
                else if (step === 'cut') {
                  await Promise.all(waiting);
                  const numbers = model.filter((batch) => batch.synced).map((batch) => batch.first);
                  const before = numbers[Math.floor(random() * numbers.length)] ?? 1;
                  cutBefore = Math.max(cutBefore, before);
                  await log.cut(before);
                } else {
                  const texts = step.batch.map((length, i) => `${life}.${next + i}.`.padEnd(length, 'x'));
                  const batch = { first: next, texts, synced: false };
                  next += texts.length;
                  const done = log.append(texts.map(record));
                  model.push(batch);
                  waiting.push(
                    done.then(({ firstNumber }) => {
                      expect(firstNumber).toBe(batch.first);
                      batch.synced = true;
                    }),
                  );
                }
              }
              await Promise.all(waiting);
            } catch (error) {
              if (!(error instanceof StoreError)) throw error;
            }
            await Promise.allSettled(waiting);
            await log.close();
          } else if (!(opened instanceof StoreError) || opened.code !== 'STORAGE_IO') throw opened;
          if (random() < 0.5) fileSystem.crash();
          else fileSystem.kill();
        }
        const { found } = await openLog(fileSystem);
        check(model, found, cutBefore);
      }),
      { numRuns: 500 },
    );
  });

  /** Asserts that `found` is a legal outcome; returns the model of what is there. Only failed batches may be missing. */
  function check(
    model: { first: number; texts: string[]; synced: boolean }[],
    found: Map<number, string>,
    cutBefore: number,
  ): { first: number; texts: string[]; synced: boolean }[] {
    const kept: { first: number; texts: string[]; synced: boolean }[] = [];
    let ended = false;
    let count = 0;
    for (const batch of model) {
      const here = batch.texts.map((_, i) => found.get(batch.first + i));
      if (batch.first < cutBefore && here[0] === undefined) {
        kept.push(batch);
        continue;
      }
      const whole = here.every((text, i) => text === batch.texts[i]);
      if (batch.synced) expect(whole, `batch ${batch.first} was synced`).toBe(true);
      if (whole) expect(ended, `batch ${batch.first} follows a missing one`).toBe(false);
      else ended = true;
      if (whole) {
        count += here.length;
        kept.push({ ...batch, synced: true });
      } else expect(here[0] === batch.texts[0], `batch ${batch.first} is there in part`).toBe(false);
    }
    expect(found.size).toBe(count);
    return kept;
  }
});
