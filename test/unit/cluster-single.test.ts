// The store of one node on a disk that loses what was not synced: restarts, crashes, damage and failures.
import { describe, expect, it } from 'vitest';
import type { OpenReplicatedStoreOptions } from '../../src/cluster/replicated-node.ts';
import type { AppendResult } from '../../src/domain/append.ts';
import { StoreError } from '../../src/domain/errors.ts';
import { encodeSnapshotFacts } from '../../src/cluster/configuration.ts';
import { AppendPipeline } from '../../src/pipeline/append/append-pipeline.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { EncodedGroup } from '../../src/storage/group.ts';
import type { CommitOutcome, Store } from '../../src/storage/store.ts';
import { RaftLog } from '../../src/storage/raft-log/raft-log.ts';
import { Decider } from '../support/decided.ts';
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
async function contents(store: Store): Promise<Line[]> {
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

/** Groups of single events for the stream `s`, each continuing the one before. */
class Writer {
  readonly store: Store;
  readonly #epoch: number;
  #next: number;

  private constructor(store: Store, epoch: number, next: number) {
    this.store = store;
    this.#epoch = epoch;
    this.#next = next;
  }

  static async over(store: Store): Promise<Writer> {
    const { epoch, nextPosition } = await store.grant(SIGNAL);
    return new Writer(store, epoch, nextPosition);
  }

  group(ids: readonly number[], bytes = 10): EncodedGroup {
    const next = this.#next;
    return encodeGroup(
      ids.map((id, n) => ({
        streamId: 's',
        streamNumber: 0,
        firstRevision: next + n,
        firstPosition: next + n,
        createdAt: 1 + next + n,
        events: [proposed(id, { data: new Uint8Array(bytes).fill(id) })],
      })),
    );
  }

  commit(ids: readonly number[], bytes = 10): Promise<CommitOutcome> {
    const group = this.group(ids, bytes);
    this.#next += ids.length;
    return this.store.commit(group, this.#epoch);
  }

  commitGroup(group: EncodedGroup): Promise<CommitOutcome> {
    return this.store.commit(group, this.#epoch);
  }
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
    const writer = await Writer.over(store);
    await writer.commit([1, 2]);
    await writer.commit([3]);
    await store.close();
    const again = await disk.open();
    expect((await contents(again)).map(({ revision }) => revision)).toEqual([0, 1, 2]);
    expect(await again.grant(SIGNAL)).toMatchObject({ nextPosition: 3, lastCreatedAt: 3 });
    // The one is the entry that every leader begins its term with.
    expect((await again.gauges()).get('log_entries')).toBe(1);
    await (await Writer.over(again)).commit([4]);
    await again.close();
  });

  it('after a loss of power has every group whose commit was answered', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const disk = new MemoryDisk(seed);
      const random = seededRandom(seed);
      let answered = 0;
      for (let life = 0; life < 4; life++) {
        const store = await disk.open({ settings: { trimBytes: 20_000 } });
        const writer = await Writer.over(store);
        const found = (await contents(store)).length;
        expect(found, `seed ${seed}: events answered`).toBeGreaterThanOrEqual(answered);
        answered = found;
        const commits = Array.from({ length: 1 + Math.floor(random() * 40) }, (_, n) =>
          writer.commit([n], 1 + Math.floor(random() * 2000)).then(
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
    const writer = await Writer.over(store);
    for (let n = 0; n < 50; n++) await writer.commit([n]);
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
    const store = await disk.open({ settings: { trimBytes: 1000 } });
    const writer = await Writer.over(store);
    for (let n = 0; n < 50; n++) await writer.commit([n], 1000);
    await store.close();
    disk.loseState();
    expect(await codeOf(disk.open())).toBe('STORAGE_CORRUPT');
  });
});

describe('the log', () => {
  it('is cut behind a flush of the state, and stays bounded', async () => {
    const disk = new MemoryDisk(5);
    const options: OpenReplicatedStoreOptions = { settings: { trimBytes: 100_000 }, segmentBytes: 64 * 1024 };
    const store = await disk.open(options);
    const writer = await Writer.over(store);
    let largest = 0;
    for (let n = 0; n < 400; n++) {
      await writer.commit([n], 10_000);
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
    const writer = await Writer.over(store);
    const heard: number[] = [];
    const stop = store.onApplied((appends) => {
      for (const one of appends) heard.push(one.firstPosition);
      expect(store.appliedEnd).toBe(heard.length);
    });
    const commits: Promise<unknown>[] = [];
    for (let n = 0; n < 100; n++) commits.push(writer.commit([n]));
    expect(await Promise.all(commits)).toEqual(Array(100).fill('committed'));
    await store.waitForApplied(100, SIGNAL);
    expect(heard).toEqual(Array.from({ length: 100 }, (_, n) => n));
    stop();
    await writer.commit([100]);
    await store.readBarrier(SIGNAL);
    expect(store.appliedEnd).toBe(101);
    expect(heard).toHaveLength(100);
    await store.close();
  });

  it('that do not follow the tail lose the race, and leave no trace', async () => {
    const disk = new MemoryDisk(2);
    const store = await disk.open();
    const writer = await Writer.over(store);
    const rival = writer.group([2]);
    expect(await writer.commit([1])).toBe('committed');
    const onTop = writer.group([3]);
    const commits = [writer.commitGroup(rival), writer.commitGroup(onTop)];
    expect(await Promise.all(commits)).toEqual(['lost-race', 'lost-race']);
    await store.close();
    const again = await disk.open();
    expect(await contents(again)).toHaveLength(1);
    await again.close();
  });

  it('and reads are refused after closing', async () => {
    const store = await new MemoryDisk(2).open();
    const writer = await Writer.over(store);
    const group = writer.group([1]);
    await store.close();
    await store.close();
    expect(await codeOf(writer.commitGroup(group))).toBe('NOT_SERVING');
    expect(await codeOf(store.loadForDecision({ streams: new Map(), conditions: [] }))).toBe('NOT_SERVING');
    expect(await codeOf(store.waitForApplied(1, SIGNAL))).toBe('NOT_SERVING');
  });
});

describe('a barrier', () => {
  it('waits for all that was committed before, and can be aborted', async () => {
    const store = await new MemoryDisk(2).open();
    const writer = await Writer.over(store);
    for (let n = 0; n < 20; n++) {
      await writer.commit([n]);
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
  it('fails the opening, whenever it happens, instead of leaving it waiting', { timeout: 20_000 }, async () => {
    let opened = false;
    for (const first of [true, false]) {
      opened = false;
      for (let operation = 1; !opened; operation++) {
        const disk = new MemoryDisk(operation);
        if (!first) await (await disk.open()).close();
        disk.fileSystem.failAt(disk.fileSystem.operations + operation);
        const opening = disk.open();
        opened = await opening.then(
          () => true,
          () => false,
        );
        if (!opened) expect(await codeOf(opening), `operation ${operation}`).toBe('STORAGE_IO');
        // Operations behind its opening: everything before has failed it.
        else expect(operation).toBeGreaterThan(5);
      }
    }
    expect(opened).toBe(true);
  });

  it('fails the store for good, whenever it happens, and loses nothing that was answered', async () => {
    for (let operation = 1; operation <= 12; operation++) {
      const disk = new MemoryDisk(operation);
      const store = await disk.open();
      const writer = await Writer.over(store);
      disk.fileSystem.failAt(disk.fileSystem.operations + operation);
      let answered = 0;
      let failures = 0;
      for (let n = 0; n < 30 && failures === 0; n++) {
        await writer.commit([n]).then(
          () => (answered += 1),
          () => (failures += 1),
        );
      }
      expect(failures, `operation ${operation} fails a commit`).toBe(1);
      expect(await codeOf(store.failed)).toBe('STORAGE_IO');
      expect(await codeOf(writer.commit([99]))).toBe('STORAGE_IO');
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
        const store = await disk.open({ settings: { trimBytes: 10_000 } });
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

describe('what an earlier run left', () => {
  const LOG = { directory: '/data/log', logId: 7, applied: { index: 0 } };

  it('a log from before there were members is gone on with', async () => {
    const disk = new MemoryDisk(4);
    await disk.fileSystem.makeDirectory(LOG.directory);
    const log = await RaftLog.open({ ...LOG, fileSystem: disk.fileSystem });
    const decider = new Decider();
    for (let index = 1; index <= 5; index += 1) {
      const decided = decider.decide({ streamId: 's', createdAt: index, events: [proposed(index)] });
      const entry = { type: 0, term: 1, index, data: encodeGroup([decided]).bytes } as const;
      await log.persist({ entries: [entry], hardState: index === 1 ? { term: 1, vote: 0, commit: 0 } : null });
    }
    await log.close();
    for (let life = 0; life < 3; life += 1) {
      const store = await disk.open();
      const writer = await Writer.over(store);
      expect(await contents(store)).toHaveLength(5 + life);
      await writer.commit([10 + life]);
      await store.close();
    }
  });

  it('a snapshot that is in the log but not in the state is installed, and its cluster joined', async () => {
    const disk = new MemoryDisk(4);
    await disk.fileSystem.makeDirectory(LOG.directory);
    const log = await RaftLog.open({ ...LOG, fileSystem: disk.fileSystem });
    const member = { id: disk.memberId, name: 'x', peerAddress: '', clientAddress: '' };
    const confState = { voters: [member.id], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    const facts = { clusterId: 'the-cluster', members: [member], nextPosition: 0 };
    const snapshot = { index: 1, term: 1, confState, data: encodeSnapshotFacts(facts) };
    await log.persist({ snapshot, hardState: { term: 1, vote: 0, commit: 1 } });
    await log.close();
    const node = await disk.openMember({ beginning: { kind: 'join', addresses: [] }, name: 'x' });
    expect(node.admin.status()).toMatchObject({ clusterId: 'the-cluster', role: 'leader', members: [{ name: 'x' }] });
    expect(await (await Writer.over(node.store)).commit([1])).toBe('committed');
    await node.close();
  });

  it('a snapshot whose records the state has lost is refused', async () => {
    const disk = new MemoryDisk(4);
    await disk.fileSystem.makeDirectory(LOG.directory);
    const log = await RaftLog.open({ ...LOG, fileSystem: disk.fileSystem });
    const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    const data = encodeSnapshotFacts({ clusterId: 'the-cluster', members: [], nextPosition: 3 });
    const snapshot = { index: 9, term: 2, confState, data };
    await log.persist({ snapshot, hardState: { term: 2, vote: 0, commit: 9 } });
    await log.close();
    expect(await codeOf(disk.open())).toBe('STORAGE_CORRUPT');
  });
});
