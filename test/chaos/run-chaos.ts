/**
 * `npm run chaos -- --minutes 5 --seed 1 --nodes 3`: makes the network, runs chaos in it, prints what was survived, and cleans up.
 * Exits 1 on any violation. The history stays under the directory that is printed.
 *
 * Runs itself once more inside the clients' namespace (`--within`), where everything happens.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { enterNetwork, networkWithin } from './network/enter.ts';
import type { NetworkKind } from './network/enter.ts';
import { runChaos } from './run.ts';
import type { RunReport } from './run.ts';

const USAGE = `usage: npm run chaos -- [--minutes <number>] [--seed <number>] [--nodes 1|3|5] [--clients <count>]
                        [--directory <path>] [--network namespaces|proxy|loopback] [--only <part of a fault's name>]`;
/** Beyond the time of the faults: start, last recovery, reading all logs, judging. */
const EXTRA_MILLIS = 10 * 60_000;
const NETWORKS = ['namespaces', 'proxy', 'loopback'] as const;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    nodes: { type: 'string', default: '3' },
    clients: { type: 'string', default: '8' },
    directory: { type: 'string' },
    network: { type: 'string', default: 'namespaces' },
    only: { type: 'string', default: '' },
    within: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const nodes = Number(values.nodes);
const clients = Number(values.clients);
const sane = minutes > 0 && Number.isSafeInteger(seed) && [1, 3, 5].includes(nodes) && clients >= 1 && clients <= 100;
const kind = NETWORKS.find((known) => known === values.network);
if (!sane || kind === undefined) {
  console.error(USAGE);
  process.exit(2);
}
const directory = values.directory ?? join(tmpdir(), `graveyar-chaos-${seed}-${process.pid}`);

process.exitCode = values.within === undefined ? await outside(kind) : await inside(values.within);

/** Makes the network and runs the rest in it. */
function outside(kind: NetworkKind): Promise<number> {
  if (existsSync(join(directory, 'history.jsonl'))) {
    console.error(`${directory} has a history already; --directory names another one`);
    return Promise.resolve(2);
  }
  mkdirSync(directory, { recursive: true });
  console.log(JSON.stringify({ seed, minutes, nodes, directory }));
  const command = [fileURLToPath(import.meta.url), '--minutes', values.minutes, '--seed', String(seed)];
  command.push('--nodes', values.nodes, '--clients', values.clients, '--directory', directory, '--only', values.only);
  return enterNetwork({ kind, hosts: nodes, command, millis: minutes * 60_000 + EXTRA_MILLIS });
}

/** The run itself. Prints one JSON line with everything at the end. */
async function inside(name: string): Promise<number> {
  const { network, kind: links, close } = await networkWithin(name, nodes);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const started = performance.now();
  const onEvent = (text: string): void => {
    console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(7)} s  ${text}`);
  };
  try {
    const report = await runChaos({
      directory,
      network,
      nodes,
      millis: minutes * 60_000,
      seed,
      clients,
      only: values.only,
      onEvent,
    });
    printTable(report);
    const summary = { seed, nodes, network: links, ...report, directory };
    writeFileSync(join(directory, 'report.json'), JSON.stringify(summary, null, 2));
    console.log(JSON.stringify(summary));
    return report.violations.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`seed ${seed}: ${(error as Error).stack ?? String(error)}\n(history, logs: ${directory})`);
    return 1;
  } finally {
    close();
  }
}

function printTable({ faults, violations }: RunReport): void {
  console.log('\n| fault | times | longest until it served, ms |\n|---|---:|---:|');
  for (const { name, times, longestRecoveryMillis } of faults) {
    if (times > 0) console.log(`| ${name} | ${times} | ${longestRecoveryMillis} |`);
  }
  for (const violation of violations.slice(0, 20)) console.log(`VIOLATION ${violation}`);
}
