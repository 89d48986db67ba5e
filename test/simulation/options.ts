/**
 * The command line of the simulator. Knows the flags and their ranges, not what is done with them.
 */
import { Command, InvalidArgumentError, Option } from 'commander';

import type { Nodes } from './campaign.ts';

export interface SimulateOptions {
  readonly nodes: Nodes;
  readonly from: number;
  readonly to: number;
  readonly events: number | null;
  readonly trace: boolean;
  readonly twice: number;
  readonly jobs: number;
  readonly failures: number;
}

function count(low: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < low)
      throw new InvalidArgumentError(`must be a whole number from ${low}.`);
    return value;
  };
}

function seedRange(text: string): { from: number; to: number } {
  const [from, to = from] = text.split('..').map((part) => count(0)(part));
  if (from === undefined || to === undefined || to < from)
    throw new InvalidArgumentError('must be A..B with A <= B, or one seed.');
  return { from, to };
}

/** Reads the arguments; ends the process with a message when they are wrong. */
export function readOptions(args: readonly string[]): SimulateOptions {
  const command = new Command('simulate')
    .description('Runs whole simulated clusters, one for each seed, and checks every event.')
    .requiredOption('--seeds <A..B>', 'seeds to run, both included', seedRange)
    .addOption(
      new Option('--nodes <kind>', 'what runs on the machines: the Raft core and its log, or whole nodes')
        .choices(['core', 'whole'])
        .default('core'),
    )
    .option('--events <n>', 'stop each seed after this many events', count(1))
    .option('--trace', 'print every line of the trace', false)
    .option('--twice <n>', 'run every n-th seed twice and compare (0: none)', count(0), 50)
    .option('--jobs <n>', 'processes to share the seeds', count(1), 1)
    .option('--failures <n>', 'stop after this many failing seeds', count(1), 1)
    .parse([...args], { from: 'user' });
  const options = command.opts<
    Omit<SimulateOptions, 'from' | 'to' | 'events'> & { seeds: { from: number; to: number }; events?: number }
  >();
  const { seeds, events, ...rest } = options;
  return { ...rest, from: seeds.from, to: seeds.to, events: events ?? null };
}
