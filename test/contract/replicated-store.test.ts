// The store of a cluster of one: the store contract on local disk and on a disk in memory, and what is the directory's alone.
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openReplicatedStore } from '../../src/cluster/open-replicated-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { AppendPipeline } from '../../src/pipeline/append/append-pipeline.ts';
import { append } from '../support/events.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { storeContract } from './store.contract.ts';

const SIGNAL = new AbortController().signal;
const SMALL = { segmentBytes: 1024 * 1024 };

async function openStore(path: string, options = SMALL): Promise<Store> {
  return (await openReplicatedStore(path, options)).store;
}

storeContract(
  'one node on local disk',
  async () => {
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'data');
    let store = await openStore(path, SMALL);
    return {
      store,
      reopen: async () => {
        await store.close();
        store = await openStore(path, SMALL);
        return store;
      },
      dispose: async () => {
        await store.close();
        await directory.remove();
      },
    };
  },
  5,
);

storeContract('one node on a disk that loses power', async () => {
  const disk = new MemoryDisk(11);
  let store = await disk.open();
  return {
    store,
    reopen: async () => {
      disk.powerOff();
      await store.close().catch(() => undefined);
      disk.crash();
      store = await disk.open();
      return store;
    },
    dispose: () => store.close(),
  };
});

describe('a data directory', () => {
  it('is open in one store at a time', async () => {
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'data');
    const store = await openStore(path, SMALL);
    await expect(openStore(path, SMALL)).rejects.toMatchObject({ code: 'STORAGE_LOCKED' });
    await store.close();
    await (await openStore(path, SMALL)).close();
    await directory.remove();
  });

  it('gives a store that was reopened the answers of the one before', async () => {
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'data');
    const original: unknown[] = [];
    for (const life of [0, 1, 2]) {
      const store = await openStore(path, SMALL);
      const pipeline = new AppendPipeline(store);
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) => pipeline.append(append(`s${n % 5}`, [n], { kind: 'any' }), SIGNAL)),
      );
      for (const [n, [result]] of answers.entries()) {
        expect(result?.duplicate).toBe(life > 0);
        original[n] ??= result;
        expect(result).toEqual({ ...(original[n] as object), duplicate: life > 0 });
      }
      await pipeline.stop();
      await store.close();
    }
    await directory.remove();
  });

  it('that lost its log, or its state behind a cut, is refused, and left as it is', async () => {
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'data');
    const store = await openStore(path, SMALL);
    const pipeline = new AppendPipeline(store);
    await pipeline.append(append('s', [1]), SIGNAL);
    await pipeline.stop();
    await store.close();
    for (const part of ['log', 'state']) {
      await rename(join(path, part), join(directory.path, 'aside'));
      await mkdir(join(path, part));
      await expect(openStore(path, SMALL)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
      await rm(join(path, part), { recursive: true });
      await rename(join(directory.path, 'aside'), join(path, part));
    }
    const again = await openStore(path, SMALL);
    expect(again.appliedEnd).toBe(1);
    await again.close();
    await directory.remove();
  });
});
