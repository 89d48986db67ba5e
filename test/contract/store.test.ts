// The store contract on the store in memory, and on the event state over RocksDB with no log in front (what the local store adds
// to it is the log).
import { join } from 'node:path';
import { EventState } from '../../src/storage/event-state/event-state.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { RocksKeyValue } from '../../src/storage/rocks/rocks-key-value.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { storeContract } from './store.contract.ts';

storeContract(
  'memory',
  async () => {
    const store = await MemoryStore.open();
    return { store, dispose: () => store.close() };
  },
  30,
  false,
);

storeContract(
  'event state over RocksDB',
  async () => {
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'state');
    const open = async (): Promise<MemoryStore> =>
      MemoryStore.over(await EventState.open(await RocksKeyValue.open(path)));
    let store = await open();
    return {
      store,
      reopen: async () => {
        await store.close();
        store = await open();
        return store;
      },
      dispose: async () => {
        await store.close();
        await directory.remove();
      },
    };
  },
  8,
);
