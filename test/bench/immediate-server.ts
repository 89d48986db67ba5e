/** A process with our server over a pipeline that answers at once: what the API layer alone costs. */
import type { EventPipeline } from '../../src/pipeline/event-pipeline.ts';
import { createGrpcServer } from '../../src/grpc/grpc-server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';

let position = 0;
const pipeline = {
  append: (append) =>
    Promise.resolve(
      append.streams.map(({ events }) => {
        const firstPosition = position;
        position += events.length;
        return { firstRevision: 0, lastRevision: 0, firstPosition, lastPosition: position - 1, duplicate: false };
      }),
    ),
} as Partial<EventPipeline> as EventPipeline;

process.stdin.on('end', () => process.exit(0)).resume();
const server = createGrpcServer({
  pipeline,
  logger: silentLogger,
  clock: systemClock,
  host: '127.0.0.1',
  port: 0,
  onFatal: (error) => {
    console.error(error);
    process.exit(1);
  },
});
console.log((await server.start()).port);
