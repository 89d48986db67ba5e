/**
 * One chaos run inside its network: starts the store and the clients, brings trouble, makes everything well again, and judges.
 */
import { join } from 'node:path';
import { SeededRandom } from '../support/seeded-random.ts';
import { runGraveyar } from '../support/server-process.ts';
import { checkHistory } from './checker/check-history.ts';
import { runClients } from './clients.ts';
import { readFinalLogs } from './final-logs.ts';
import { runNemesis } from './nemesis.ts';
import type { FaultReport } from './nemesis.ts';
import type { Network } from './network/network.ts';
import { Recorder } from './recorder.ts';
import { StoreUnderTest } from './store-under-test.ts';
import { Subscriber } from './subscribers.ts';
import { within } from './within.ts';
import { Workload } from './workload.ts';

export interface RunOptions {
  readonly directory: string;
  readonly network: Network;
  readonly nodes: number;
  readonly millis: number;
  readonly seed: number;
  readonly clients: number;
  /** Only faults whose name contains this; empty: all. */
  readonly only: string;
  readonly onEvent: (text: string) => void;
}

/** What a run came to. */
export interface RunReport {
  readonly faults: readonly FaultReport[];
  readonly operations: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly events: number;
  /** The longest time without an acknowledged append. */
  readonly longestPauseMillis: number;
  /** Everything that must not be; empty: the run was survived. */
  readonly violations: readonly string[];
}

const START_MILLIS = 60_000;
const RECOVERY_MILLIS = 120_000;
const MiB = 1024 * 1024;
/** Small, so that segments rotate, the log is cut, and a member that was away needs a snapshot. */
const FLAGS = ['--segment-size', '1MiB', '--log-size', '1MiB'];

/** Runs it. Rejects when something broke that is not the store's answer: a client's error, a member that does not start. */
export async function runChaos(options: RunOptions): Promise<RunReport> {
  const { directory, network, nodes, millis, seed, onEvent } = options;
  const random = new SeededRandom(seed);
  const smallDiskBytes = (192 + Math.ceil(millis / 60_000) * 64) * MiB;
  const store = new StoreUnderTest({ directory, network, nodes, smallDiskBytes, flags: FLAGS });
  const recorder = new Recorder(join(directory, 'history.jsonl'));
  try {
    await store.start(START_MILLIS);
    onEvent('serving');
    const faults = await underLoad(options, store, recorder, random);
    const logs = await readFinalLogs(store.members, directory);
    const [log = []] = logs.values();
    const violations = checkHistory(recorder.lines, logs).map(({ kind, message }) => `${kind}: ${message}`);
    for (const name of await store.stop()) violations.push(`${name} did not stop after SIGTERM`);
    violations.push(...store.members.flatMap(({ unexpectedEnds }) => unexpectedEnds));
    violations.push(...(await checkDirectories(store)));
    const { lines } = recorder;
    return {
      faults,
      operations: lines.length,
      acknowledged: lines.filter(({ op, result }) => (op === 'append' || op === 'transaction') && result === 'ok')
        .length,
      unknown: lines.filter(({ ret }) => ret === undefined).length,
      events: log.length,
      longestPauseMillis: Math.round(recorder.longestPause / 1000),
      violations,
    };
  } finally {
    await Promise.all(store.members.map((member) => member.kill()));
    store.unmount();
    await recorder.close();
  }
}

/** Everything between the first operation and the last. */
async function underLoad(
  options: RunOptions,
  store: StoreUnderTest,
  recorder: Recorder,
  random: SeededRandom,
): Promise<FaultReport[]> {
  const ended = new AbortController();
  const { addresses } = store;
  const workload = new Workload(new SeededRandom(options.seed + 1));
  const rest = new SeededRandom(options.seed + 2);
  const subscribers = [
    new Subscriber('all events', addresses, null, recorder),
    new Subscriber('events of busy-0', [...addresses].reverse(), 'busy-0', recorder),
  ];
  const restMillis = (): number => rest.next() * 60;
  const clients = runClients({
    count: options.clients,
    recorder,
    workload,
    addresses,
    restMillis,
    signal: ended.signal,
  });
  try {
    // A client that fails ends the run at once.
    const nemesis = runNemesis({ ...options, store, random });
    const faults = await Promise.race([nemesis, clients.then(() => Promise.reject(new Error('the clients stopped')))]);
    await store.heal();
    await store.waitUntilServing(RECOVERY_MILLIS);
    ended.abort();
    await within(RECOVERY_MILLIS, 'the clients to stop', clients);
    await catchUp(store, subscribers);
    return faults;
  } finally {
    ended.abort();
    await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
  }
}

/** The subscriptions must come to the end of the store. */
async function catchUp(store: StoreUnderTest, subscribers: readonly Subscriber[]): Promise<void> {
  const ends = await store.ends(['busy-0']);
  for (const [index, subscriber] of subscribers.entries()) await subscriber.reach(ends[index] ?? 0, RECOVERY_MILLIS);
}

/** The product's own offline check on every data directory. */
async function checkDirectories(store: StoreUnderTest): Promise<string[]> {
  const found: string[] = [];
  for (const { name, options } of store.members) {
    const { code, stdout, stderr } = await runGraveyar(['check', options.dataDirectory, '--json'], {
      timeoutMillis: 120_000,
    });
    if (code !== 0)
      found.push(`graveyar check of ${name} ended with ${String(code)}: ${stdout.trim()} ${stderr.trim()}`);
  }
  return found;
}
