// The pipeline's contracts once more, over gRPC: SDK, wire and server in between.
import { pipelineOver } from '../support/grpc-pipeline.ts';
import { startService } from '../support/grpc-service.ts';
import { appendContract } from './append.contract.ts';

async function open(): Promise<{ client: ReturnType<typeof pipelineOver>; close: () => Promise<void> }> {
  const service = await startService();
  return { client: pipelineOver(service.client(), () => service.pipeline.stop()), close: service.stop };
}

appendContract('gRPC', open);
