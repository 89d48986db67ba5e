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
  /** Path of the record; null: one in the directory for temporary files. */
  readonly record: string | null;
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
    .option('--trace', 'run the first seed alone and print every line of its trace', false)
    .option('--twice <n>', 'run every n-th seed again in another process and compare (0: none)', count(0), 50)
    .option('--jobs <n>', 'processes to share the seeds', count(1), 1)
    .option('--failures <n>', 'stop after this many failing seeds', count(1), 1)
    .option('--record <file>', 'where each seed is written down as it begins, ends or fails')
    .parse([...args], { from: 'user' });
  const options = command.opts<
    Omit<SimulateOptions, 'from' | 'to' | 'events' | 'record'> & {
      seeds: { from: number; to: number };
      events?: number;
      record?: string;
    }
  >();
  const { seeds, events, record, ...rest } = options;
  return { ...rest, from: seeds.from, to: seeds.to, events: events ?? null, record: record ?? null };
}
