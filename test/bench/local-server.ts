/** A process with the whole server on local disk, in a temporary directory that is removed with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReplicatedStore } from '../../src/cluster/open-replicated-store.ts';
import { createGrpcServer } from '../../src/grpc/grpc-server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createPipeline } from '../../src/pipeline/create-pipeline.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';

const directory = mkdtempSync(join(tmpdir(), 'graveyar-bench-'));
process.on('exit', () => {
  rmSync(directory, { recursive: true, force: true });
});
process.stdin.on('end', () => process.exit(0)).resume();
const server = createGrpcServer({
  pipeline: createPipeline((await openReplicatedStore(join(directory, 'data'))).store),
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
