/**
 * A process that runs the seeds it is told to, tells of each before and after, and ends. Started by blocks.ts.
 *
 * Invariant: what happens in it depends on the seeds alone: real clocks, timers and dice fail whoever asks them.
 */
import { type Nodes, runSeedOf } from './campaign.ts';
import { forbidRealWorld } from './isolation.ts';
import type { RunResult } from './simulation.ts';

/** What a process has to do. */
export interface Block {
  readonly nodes: Nodes;
  /** Run in this order. */
  readonly seeds: readonly number[];
  readonly maxEvents: number | null;
  /** Lines of the trace that come with a result. */
  readonly keepLines: number;
}

/** A run, as it goes from process to process. */
export interface SeedReport extends Omit<RunResult, 'violation'> {
  readonly violation: string | null;
  /** Of the heap and of buffers, when the run had ended. */
  readonly heapBytes: number;
}

export type WorkerMessage =
  { readonly kind: 'begins'; readonly seed: number } | { readonly kind: 'ended'; readonly report: SeedReport };

function tell(message: WorkerMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

async function work({ nodes, seeds, maxEvents, keepLines }: Block): Promise<void> {
  const asked = forbidRealWorld();
  for (const seed of seeds) {
    await tell({ kind: 'begins', seed });
    const result = await runSeedOf(nodes, { seed, keepLines, ...(maxEvents === null ? {} : { maxEvents }) });
    const [outside] = asked();
    const violation = result.violation?.message ?? outside ?? null;
    const { heapUsed, external } = process.memoryUsage();
    await tell({ kind: 'ended', report: { ...result, violation, heapBytes: heapUsed + external } });
  }
  process.disconnect();
}

// Whoever started this process has ended: nobody wants the results.
process.once('disconnect', () => {
  process.exit();
});

process.once('message', (block) => {
  void work(block as Block);
});
