// The contracts of reads and subscriptions, embedded, over each store.
import { join } from 'node:path';
import { openReplicatedStore } from '../../src/cluster/open-replicated-store.ts';
import { createPipeline } from '../../src/pipeline/create-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { readContract } from './read.contract.ts';
import { subscriptionContract, subscriptionContractSettings } from './subscription.contract.ts';

function subjectOn(store: Store, release: () => Promise<void>) {
  const client = createPipeline(store, { subscribe: { settings: subscriptionContractSettings } });
  return {
    client,
    close: async () => {
      await client.stop();
      await store.close();
      await release();
    },
  };
}

const onMemory = async () => subjectOn(await MemoryStore.open(), () => Promise.resolve());
const onDisk = async () => {
  const directory = await temporaryDirectory();
  return subjectOn((await openReplicatedStore(join(directory.path, 'data'))).store, directory.remove);
};

readContract('memory', onMemory);
readContract('local disk', onDisk);
subscriptionContract('memory', onMemory);
subscriptionContract('local disk', onDisk);
