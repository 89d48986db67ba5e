/**
 * Seeds in processes of their own, a block of them in each: so that nothing adds up over a long campaign, and that a process which ends
 * or stands still takes no result with it. Must not know what is done with the results.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import type { Block, SeedReport, WorkerMessage } from './seed-worker.ts';

/** A seed that has not ended by then never will. */
const SEED_MILLIS = 10 * 60_000;
const WORKER = fileURLToPath(new URL('seed-worker.ts', import.meta.url));

export interface BlockListener {
  begins(seed: number, processId: number): void;
  /** Answers whether to go on. */
  ended(report: SeedReport): boolean;
}

/**
 * Runs a block. Resolves when it is done or was told not to go on; with the seed at work, and why, when its process ended before.
 */
export function runBlock(
  block: Block,
  listener: BlockListener,
): Promise<{ readonly seed: number; readonly reason: string } | null> {
  return new Promise((resolve) => {
    const child: ChildProcess = fork(WORKER, [], { serialization: 'advanced' });
    let seed = block.seeds[0] ?? -1;
    let left = block.seeds.length;
    let lost: string | null = null;
    let stopped = false;
    const end = (): void => {
      child.kill('SIGKILL');
    };
    const late = (): void => {
      lost = `it had not ended after ${SEED_MILLIS / 1000} s`;
      end();
    };
    let deadline = setTimeout(late, SEED_MILLIS);
    child.on('message', (sent) => {
      if (stopped) return;
      const message = sent as WorkerMessage;
      clearTimeout(deadline);
      deadline = setTimeout(late, SEED_MILLIS);
      if (message.kind === 'begins') {
        seed = message.seed;
        listener.begins(seed, child.pid ?? 0);
        return;
      }
      left--;
      stopped = !listener.ended(message.report);
      if (stopped) end();
    });
    child.on('error', (error) => {
      lost ??= error.message;
    });
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      lost ??= `its process ended with ${signal ?? `code ${code ?? 'none'}`}`;
      resolve(stopped || left === 0 ? null : { seed, reason: lost });
    });
    child.send(block);
  });
}
