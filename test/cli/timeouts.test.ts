// Commands with --timeout at a member that takes calls and does not answer them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-code.ts';
import type { EventBatch } from '../../src/pipeline/event-pipeline.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService } from '../support/grpc-service.ts';
import { batchAt, scriptedPipeline } from '../support/scripted-pipeline.ts';
import { runGraveyar } from '../support/server-process.ts';

let service: GrpcService;

/** Answers with these, and then with nothing until the caller goes away. */
async function* held(signal: AbortSignal, ...batches: EventBatch[]): AsyncGenerator<EventBatch> {
  yield* batches;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  throw signal.reason;
}

beforeEach(async () => {
  service = await startService({
    pipeline: scriptedPipeline({
      readStream: (_read, signal) => held(signal, batchAt(0, 1)),
      readAll: (_read, signal) => held(signal),
    }),
  });
});

afterEach(async () => {
  await service.stop();
});

describe('--timeout', () => {
  it.each([
    ['read', ['read', 's'], 1],
    ['read --all', ['read', '--all'], 0],
    ['export', ['export', '-'], 0],
  ])(
    'ends %s when nothing comes for so long',
    async (_name, command, events) => {
      const { code, stdout, stderr } = await runGraveyar([
        ...command,
        ...['--timeout', '700ms', '--address', service.address],
      ]);
      expect({ code, stderr }).toMatchObject({
        code: EXIT.unavailable,
        stderr: expect.stringContaining('the read was not answered for 700 ms') as string,
      });
      expect(stdout.split('\n').filter((line) => line.includes('\u0020t\u0020'))).toHaveLength(events);
    },
    30_000,
  );
});
