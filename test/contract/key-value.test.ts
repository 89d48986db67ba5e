// The key-value contract, over each implementation; and what is RocksDB's alone.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryKeyValue } from '../../src/storage/key-value/memory-key-value.ts';
import { RocksKeyValue } from '../../src/storage/rocks/rocks-key-value.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { keyValueContract } from './key-value.contract.ts';

keyValueContract(
  'memory',
  () => {
    const keyValue = new MemoryKeyValue();
    return Promise.resolve({ keyValue, dispose: () => keyValue.close() });
  },
  false,
);

keyValueContract('RocksDB', async () => {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'state');
  let keyValue = await RocksKeyValue.open(path);
  return {
    keyValue,
    reopen: async () => {
      await keyValue.close();
      keyValue = await RocksKeyValue.open(path);
      return keyValue;
    },
    dispose: async () => {
      await keyValue.close();
      await directory.remove();
    },
  };
});

describe('RocksDB', () => {
  it('is locked while it is open, and says so', async () => {
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'state');
    const keyValue = await RocksKeyValue.open(path);
    await expect(RocksKeyValue.open(path)).rejects.toMatchObject({ code: 'STORAGE_LOCKED', details: { path } });
    await keyValue.close();
    await (await RocksKeyValue.open(path)).close();
    await directory.remove();
  });

  it('says which directory it cannot make', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'file'), '');
    for (const path of [join(directory.path, 'none', 'state'), join(directory.path, 'file'), '/proc/none/state']) {
      await expect(RocksKeyValue.open(path)).rejects.toMatchObject({ code: 'STORAGE_IO', details: { path } });
    }
    await directory.remove();
  });
});
