// The store of one node on a disk that loses what was not synced: restarts, crashes, damage and failures.
import { describe, expect, it } from 'vitest';
import type { LocalStore } from '../../src/cluster/local-store.ts';
import type { OpenLocalStoreOptions } from '../../src/cluster/open-local-store.ts';
import type { AppendResult } from '../../src/domain/append.ts';
import { StoreError } from '../../src/domain/errors.ts';
import { AppendPipeline } from '../../src/pipeline/append/append-pipeline.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { EncodedGroup } from '../../src/storage/group.ts';
import { append, part, proposed, transaction } from '../support/events.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { seededRandom } from '../support/memory-file-system.ts';

const SIGNAL = new AbortController().signal;

interface Line {
  readonly streamId: string;
  readonly revision: number;
  readonly id: string;
}

/** Every event, in order, having checked that positions are dense. */
async function contents(store: LocalStore): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const chunk of store.readAll(0, 'forwards')) {
    for (const one of chunk) {
      for (let ordinal = 0; ordinal < one.count; ordinal++) {
        const { streamId, revision, position, id } = one.event(ordinal);
        expect(position).toBe(lines.length);
        lines.push({ streamId, revision, id });
      }
    }
  }
  expect(store.appliedEnd).toBe(lines.length);
  return lines;
}

/** A group of single events for stream `s`, continuing where `store` ends. */
function nextGroup(store: LocalStore, ids: readonly number[], bytes = 10): EncodedGroup {
  const { nextPosition } = store.tail();
  return encodeGroup(
    ids.map((id, n) => ({
      streamId: 's',
      streamNumber: 0,
      firstRevision: nextPosition + n,
      firstPosition: nextPosition + n,
      createdAt: 1 + nextPosition + n,
      events: [proposed(id, { data: new Uint8Array(bytes).fill(id) })],
    })),
  );
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StoreError)) throw new Error('a StoreError was expected', { cause: error });
  return (error as StoreError).code;
}

describe('a restart', () => {
  it('after closing has everything, and nothing to replay', async () => {
    const disk = new MemoryDisk(1);
    const store = await disk.open();
    await store.commit(nextGroup(store, [1, 2]));
    await store.commit(nextGroup(store, [3]));
    await store.close();
    const again = await disk.open();
    expect((await contents(again)).map(({ revision }) => revision)).toEqual([0, 1, 2]);
    expect(await again.grant()).toMatchObject({ nextPosition: 3, lastCreatedAt: 3 });
    expect((await again.gauges()).get('log_entries')).toBe(0);
    await again.commit(nextGroup(again, [4]));
    await again.close();
  });

  it('after a loss of power has every group whose commit was answered', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const disk = new MemoryDisk(seed);
      const random = seededRandom(seed);
      let answered = 0;
      for (let life = 0; life < 4; life++) {
        const store = await disk.open({ trimBytes: 20_000 });
        const found = (await contents(store)).length;
        expect(found, `seed ${seed}: events answered`).toBeGreaterThanOrEqual(answered);
        answered = found;
        const commits = Array.from({ length: 1 + Math.floor(random() * 40) }, (_, n) =>
          store.commit(nextGroup(store, [n], 1 + Math.floor(random() * 2000))).then(
            () => (answered = Math.max(answered, found + n + 1)),
            () => undefined,
          ),
        );
        await Promise.race([commits[Math.floor(random() * commits.length)], Promise.all(commits)]);
        disk.powerOff();
        await store.close().catch(() => undefined);
        disk.crash();
      }
    }
  });

  it('replays what the state lost', async () => {
    const disk = new MemoryDisk(3);
    const store = await disk.open();
    for (let n = 0; n < 50; n++) await store.commit(nextGroup(store, [n]));
    await store.waitForApplied(50, SIGNAL);
    disk.powerOff();
    await store.close().catch(() => undefined);
    disk.crash();
    disk.loseState();
    const again = await disk.open();
    expect(await contents(again)).toHaveLength(50);
    await again.close();
  });

  it('is refused when the log was cut behind what the state lost', async () => {
    const disk = new MemoryDisk(3);
    const store = await disk.open({ trimBytes: 1000 });
    for (let n = 0; n < 50; n++) await store.commit(nextGroup(store, [n], 1000));
    await store.close();
    disk.loseState();
    expect(await codeOf(disk.open())).toBe('STORAGE_CORRUPT');
  });
});

describe('the log', () => {
  it('is cut behind a flush of the state, and stays bounded', async () => {
    const disk = new MemoryDisk(5);
    const options: OpenLocalStoreOptions = { trimBytes: 100_000, segmentBytes: 64 * 1024 };
    const store = await disk.open(options);
    let largest = 0;
    for (let n = 0; n < 400; n++) {
      await store.commit(nextGroup(store, [n], 10_000));
      largest = Math.max(largest, (await store.gauges()).get('log_bytes') ?? 0);
    }
    expect(largest).toBeLessThan(1_000_000);
    disk.powerOff();
    await store.close().catch(() => undefined);
    disk.crash();
    const again = await disk.open(options);
    expect(await contents(again)).toHaveLength(400);
    await again.close();
  });
});

describe('commits', () => {
  it('are durable when answered, applied soon after, in order, and heard of once each', async () => {
    const store = await new MemoryDisk(2).open();
    const heard: number[] = [];
    const stop = store.onApplied((appends) => {
      for (const one of appends) heard.push(one.firstPosition);
      expect(store.appliedEnd).toBe(heard.length);
    });
    const commits: Promise<unknown>[] = [];
    for (let n = 0; n < 100; n++) commits.push(store.commit(nextGroup(store, [n])));
    expect(await Promise.all(commits)).toEqual(Array(100).fill('committed'));
    await store.waitForApplied(100, SIGNAL);
    expect(heard).toEqual(Array.from({ length: 100 }, (_, n) => n));
    stop();
    await store.commit(nextGroup(store, [100]));
    await store.readBarrier(SIGNAL);
    expect(store.appliedEnd).toBe(101);
    expect(heard).toHaveLength(100);
    await store.close();
  });

  it('that do not follow the tail lose the race, and leave no trace', async () => {
    const disk = new MemoryDisk(2);
    const store = await disk.open();
    const rival = nextGroup(store, [2]);
    expect(await store.commit(nextGroup(store, [1]))).toBe('committed');
    const onTop = nextGroup(store, [3]);
    const commits = [store.commit(rival), store.commit(onTop)];
    expect(await Promise.all(commits)).toEqual(['lost-race', 'lost-race']);
    await store.close();
    const again = await disk.open();
    expect(await contents(again)).toHaveLength(1);
    await again.close();
  });

  it('are held back while too much is not applied', async () => {
    const store = await new MemoryDisk(2).open({ applier: { maxBacklogBytes: 1 } });
    await store.commit(nextGroup(store, [1]));
    expect(store.appliedEnd).toBe(1);
    await store.close();
  });

  it('and reads are refused after closing', async () => {
    const store = await new MemoryDisk(2).open();
    const group = nextGroup(store, [1]);
    await store.close();
    await store.close();
    expect(await codeOf(store.commit(group))).toBe('NOT_SERVING');
    expect(await codeOf(store.loadForDecision({ streams: new Map(), conditions: [] }))).toBe('NOT_SERVING');
    expect(await codeOf(store.waitForApplied(1, SIGNAL))).toBe('NOT_SERVING');
  });
});

describe('a barrier', () => {
  it('waits for all that was committed before, and can be aborted', async () => {
    const store = await new MemoryDisk(2).open();
    for (let n = 0; n < 20; n++) {
      await store.commit(nextGroup(store, [n]));
      await store.readBarrier(SIGNAL);
      expect(store.appliedEnd).toBe(n + 1);
    }
    const caller = new AbortController();
    const waiting = store.waitForApplied(1000, caller.signal);
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(store.readBarrier(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    await store.close();
  });
});

describe('a failed disk', () => {
  it('fails the store for good, whenever it happens, and loses nothing that was answered', async () => {
    for (let operation = 1; operation <= 12; operation++) {
      const disk = new MemoryDisk(operation);
      const store = await disk.open();
      disk.fileSystem.failAt(disk.fileSystem.operations + operation);
      let answered = 0;
      let failures = 0;
      for (let n = 0; n < 30 && failures === 0; n++) {
        await store.commit(nextGroup(store, [n])).then(
          () => (answered += 1),
          () => (failures += 1),
        );
      }
      expect(failures, `operation ${operation} fails a commit`).toBe(1);
      expect(await codeOf(store.failed)).toBe('STORAGE_IO');
      expect(await codeOf(store.commit(nextGroup(store, [99])))).toBe('STORAGE_IO');
      expect(await codeOf(store.waitForApplied(1000, SIGNAL))).toBe('STORAGE_IO');
      await store.close().catch(() => undefined);
      disk.crash();
      const again = await disk.open();
      expect((await contents(again)).length).toBeGreaterThanOrEqual(answered);
      await again.close();
    }
  });
});

describe('the pipeline on a store that crashes', () => {
  it('answers a retry after the crash with the original places, or appends it then, exactly once', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const disk = new MemoryDisk(seed);
      const random = seededRandom(seed);
      const answers = new Map<number, AppendResult>();
      for (let life = 0; life < 3; life++) {
        const store = await disk.open({ trimBytes: 10_000 });
        const pipeline = new AppendPipeline(store);
        const asked = Array.from({ length: 40 }, async (_, n) => {
          const streamId = `s${n % 3}`;
          const ids = [2 * n, 2 * n + 1];
          const appends = n % 7 === 0 ? transaction([part(streamId, ids), part('t', [n])]) : append(streamId, ids);
          const [result] = await pipeline.append(appends, SIGNAL).catch(() => []);
          if (result === undefined) return;
          const before = answers.get(n);
          if (before === undefined) answers.set(n, result);
          else expect(result, `seed ${seed}`).toEqual({ ...before, duplicate: true });
        });
        await (life < 2
          ? Promise.race([asked[Math.floor(random() * asked.length)], Promise.all(asked)])
          : Promise.all(asked));
        disk.powerOff();
        await Promise.allSettled(asked);
        await store.close().catch(() => undefined);
        disk.crash();
      }
      const store = await disk.open();
      const lines = await contents(store);
      for (const [n, { firstPosition, lastPosition }] of answers) {
        expect([lines[firstPosition]?.id, lines[lastPosition]?.id]).toEqual([
          proposed(2 * n).id,
          proposed(2 * n + 1).id,
        ]);
      }
      const keys = lines.map(({ streamId, id }) => `${streamId} ${id}`);
      expect(new Set(keys).size, `seed ${seed}: every event once`).toBe(keys.length);
      await store.close();
    }
  });
});
