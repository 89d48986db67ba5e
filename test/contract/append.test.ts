// The append contract, embedded, over each store.
import { join } from 'node:path';
import { openReplicatedStore } from '../../src/cluster/open-replicated-store.ts';
import { createPipeline } from '../../src/pipeline/create-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { appendContract } from './append.contract.ts';
import type { AppendSubject } from './append.contract.ts';

function subjectOn(store: Store, release: () => Promise<void>): AppendSubject {
  const client = createPipeline(store);
  return {
    client,
    close: async () => {
      await client.stop();
      await store.close();
      await release();
    },
  };
}

appendContract('memory', async () => subjectOn(await MemoryStore.open(), () => Promise.resolve()));

appendContract('local disk', async () => {
  const directory = await temporaryDirectory();
  return subjectOn((await openReplicatedStore(join(directory.path, 'data'))).store, directory.remove);
});
