/**
 * `graveyar bench`: how fast this store is on this machine, and beside it what the library alone could do.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { GraveyarClient } from '../../client/index.ts';
import type { ClientOptions } from '../../client/index.ts';
import { addTlsFlags, readClientTls } from '../client-tls.ts';
import type { TlsFlags } from '../client-tls.ts';
import { addressFlag, countArgument, durationArgument, listArgument } from '../server-address.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { grouped, renderTable } from '../table.ts';
import { write, writeJson } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { startChild } from './child-program.ts';
import type { ChildProgram } from './child-program.ts';
import type { Measurement } from './measure.ts';
import { WORKLOADS } from './workloads.ts';
import type { Workload } from './workloads.ts';

interface BenchFlags extends TlsFlags {
  readonly address?: string;
  readonly duration: number;
  readonly eventBytes: number;
  readonly workload?: readonly string[];
  readonly dataDirectory: string;
  readonly json?: boolean;
}

/** One line of the result. The names are those of `--json`. */
interface BenchResult extends Measurement {
  readonly workload: string;
  readonly inFlight: number;
  /** Of the same client against an empty handler of the same library, in the same run; null where there is none. */
  readonly emptyEventsPerSecond: number | null;
  /** Of the two. */
  readonly ratio: number | null;
}

/** What is measured, and how it is connected to. */
interface Target {
  readonly address: string;
  readonly options: ClientOptions;
}

/** Of the hidden command that runs the empty handler. */
export const EMPTY_SERVER_COMMAND = 'bench-empty-server';
export const EMPTY_SERVER_READY = 'empty server ready';

const WARM_UP_SHARE = 0.25;

const HELP = `
Starts a server of its own in a process of its own on a new directory, unless --address names one, and removes both in the
end. Appends are single events of 256 bytes, each synced to disk before it is answered. Beside the unary appends it runs
the same client against an empty handler of the same gRPC library: "ratio" is what the store keeps of that.

Workloads: ${[...new Set(WORKLOADS.map(({ name }) => name))].join(', ')}

Examples:
  graveyar bench
  graveyar bench --json --duration 5s
  graveyar bench --workload append-unary --workload read-all
  graveyar bench --address 127.0.0.1:4000`;

/** Adds the command. */
export function addBenchCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('bench')
    .description('measure appends, reads and subscriptions')
    .addOption(addressFlag());
  addTlsFlags(command)
    .option('--duration <duration>', 'of each workload', durationArgument, 2500)
    .option('--event-bytes <count>', 'data of each event', countArgument, 256)
    .option('--workload <name>', 'only this; may be given several times', listArgument)
    .option('--data-directory <path>', 'where the directory of the server is made', tmpdir())
    .option('--json', 'print one JSON object a workload')
    .addHelpText('after', HELP)
    .action((flags: BenchFlags) => bench(flags, terminal));
}

async function bench(flags: BenchFlags, terminal: Terminal): Promise<void> {
  const chosen = WORKLOADS.filter(({ name }) => flags.workload?.includes(name) ?? true);
  if (chosen.length === 0) throw new CommandFailure('--workload: there is no such workload', EXIT.usage);
  const address = flags.address ?? terminal.environment['GRAVEYAR_ADDRESS'];
  // The bench's own server has none.
  const tls = address === undefined ? null : readClientTls(flags, terminal.environment);
  const directory = mkdtempSync(join(flags.dataDirectory, 'graveyar-bench-'));
  const children: ChildProgram[] = [];
  try {
    const server: Target = {
      address: address ?? (await startOwnServer(directory, children, terminal)),
      options: tls === null ? {} : { tls },
    };
    const child = await startChild([EMPTY_SERVER_COMMAND], EMPTY_SERVER_READY, terminal.clock);
    children.push(child);
    const empty: Target = { address: child.address, options: {} };
    const results: BenchResult[] = [];
    for (const workload of chosen) {
      if (terminal.interrupted.aborted) break;
      const result = await runBoth(workload, server, empty, flags, terminal);
      if (flags.json === true) await writeJson(terminal.stdout, result);
      else terminal.stderr.write(`${workload.name} (${workload.inFlight} in flight) done\n`);
      results.push(result);
    }
    if (flags.json !== true) await write(terminal.stdout, `${table(results)}\n`);
  } finally {
    await Promise.all(children.map((child) => child.stop()));
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startOwnServer(directory: string, children: ChildProgram[], terminal: Terminal): Promise<string> {
  const ports = ['--port', '0', '--metrics-port', '0', '--log-format', 'json'];
  const server = await startChild(['serve', '--data-directory', directory, ...ports], 'serving', terminal.clock);
  children.push(server);
  return server.address;
}

async function runBoth(
  workload: Workload,
  server: Target,
  empty: Target,
  flags: BenchFlags,
  terminal: Terminal,
): Promise<BenchResult> {
  const measured = await runOne(workload, server, flags, terminal);
  const baseline = workload.hasBaseline ? await runOne(workload, empty, flags, terminal) : null;
  return {
    workload: workload.name,
    inFlight: workload.inFlight,
    ...measured,
    emptyEventsPerSecond: baseline?.eventsPerSecond ?? null,
    ratio: baseline && Math.round((measured.eventsPerSecond / baseline.eventsPerSecond) * 1000) / 1000,
  };
}

/** Once briefly to warm up, and once to be measured, each with the same client. */
async function runOne(
  workload: Workload,
  { address, options }: Target,
  flags: BenchFlags,
  terminal: Terminal,
): Promise<Measurement> {
  const client = new GraveyarClient(address, options);
  try {
    const { clock, interrupted: signal } = terminal;
    const context = { client, clock, signal, eventBytes: flags.eventBytes };
    await workload.run({ ...context, millis: flags.duration * WARM_UP_SHARE });
    return await workload.run({ ...context, millis: flags.duration });
  } finally {
    client.close();
  }
}

function table(results: readonly BenchResult[]): string {
  const titles = ['in flight', 'events/s', 'mean ms', 'p50 ms', 'p99 ms', 'empty handler/s', 'ratio'];
  return renderTable(
    [{ title: 'workload' }, ...titles.map((title) => ({ title, align: 'right' as const }))],
    results.map((result) => [
      result.workload,
      String(result.inFlight),
      grouped(result.eventsPerSecond),
      result.meanMillis.toFixed(2),
      result.p50Millis.toFixed(2),
      result.p99Millis.toFixed(2),
      result.emptyEventsPerSecond === null ? '' : grouped(result.emptyEventsPerSecond),
      result.ratio === null ? '' : result.ratio.toFixed(2),
    ]),
  );
}
