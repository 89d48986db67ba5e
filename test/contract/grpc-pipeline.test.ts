// The pipeline's contracts once more, over gRPC: SDK, wire and server in between.
import { createPipeline } from '../../src/pipeline/create-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { pipelineOver } from '../support/grpc-pipeline.ts';
import { startService } from '../support/grpc-service.ts';
import { appendContract } from './append.contract.ts';
import { readContract } from './read.contract.ts';
import { subscriptionContract, subscriptionContractSettings } from './subscription.contract.ts';

async function open(): Promise<{ client: ReturnType<typeof pipelineOver>; close: () => Promise<void> }> {
  const store = await MemoryStore.open();
  const pipeline = createPipeline(store, { subscribe: { settings: subscriptionContractSettings } });
  const service = await startService({ pipeline });
  return {
    client: pipelineOver(service.client(), () => pipeline.stop()),
    close: async () => {
      await service.stop();
      await pipeline.stop();
      await store.close();
    },
  };
}

appendContract('gRPC', open);
readContract('gRPC', open);
subscriptionContract('gRPC', open);
