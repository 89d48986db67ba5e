/** A server process for the memory test: tells its port, its heap after a collection, and what goes on. */
import { startService } from '../support/grpc-service.ts';
import { resultAt, scriptedPipeline } from '../support/scripted-pipeline.ts';

let position = 0;
const service = await startService({
  pipeline: scriptedPipeline({
    append: () => Promise.resolve([resultAt(position++)]),
    listStreams: () => Promise.resolve({ streams: [], next: null }),
    async *subscribe(_target, signal) {
      yield { kind: 'confirmed', subscriptionId: 'storm' };
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
      throw signal.reason;
    },
  }),
});

process.on('message', () => {
  setTimeout(() => {
    globalThis.gc?.();
    const heap = process.memoryUsage().heapUsed;
    process.send?.({ heap, live: service.server.liveCalls, port: service.port, errors: service.errors.length });
  }, 50);
});
process.on('disconnect', () => process.exit(0));
