/**
 * `npm run bench:peers`: three of our members beside three nodes of others, on this machine, one after the other in the same
 * run, in rounds; all sync every write to disk. One JSON line for each pair, with the ratio (ours to theirs; above 1 is better for
 * rates, and for latencies it is theirs to ours, so that above 1 is better as well). What is not installed is left out, and said.
 *
 *   npm run bench:peers -- [--seconds 5] [--rounds 3]
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { childUsage, totalCpuMillis } from '../child-usage.ts';
import { startMembers } from '../three-members.ts';
import { startEtcd } from './etcd.ts';
import { loadEtcd } from './h2load.ts';
import { measureSession } from './our-batches.ts';
import { measurePublishes, startNats } from './nats.ts';
import { measurePostgres } from './postgres.ts';
import { etcdPut, ourAppend } from './prepared-requests.ts';
import { measureCalls } from './raw-http2.ts';
import type { Load, PreparedCall } from './raw-http2.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '5' }, rounds: { type: 'string', default: '3' } },
});
const millis = Number(values.seconds) * 1000;
const rounds = Number(values.rounds);
const IN_FLIGHT = [1, 64, 1024];
const WARM_UP_MILLIS = 1500;
/** Before the first load, on both sides: servers run for weeks, and code that has not run yet is not what they run. */
const FIRST_WARM_UP_MILLIS = 6000;
/** What one connection carries at most; a proxy in front of clients would not do otherwise. */
const CALLS_EACH_CONNECTION = 128;

/** A load, and the processor time of all three nodes for one call of it. */
interface Cost extends Load {
  readonly cpuMicros: number;
}

interface Round {
  readonly loads: readonly Cost[];
}

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'graveyar-peers-'));
try {
  await installed();
  await compare();
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Debian's packages, when they are not there and may be installed. */
async function installed(): Promise<void> {
  const missing: string[] = [];
  const programs = { etcd: 'etcd-server', etcdctl: 'etcd-client', h2load: 'nghttp2-client' };
  for (const [program, name] of Object.entries(programs)) {
    await run('sh', ['-c', `command -v ${program}`]).catch(() => missing.push(name));
  }
  if (missing.length === 0) return;
  console.error(`installing ${missing.join(', ')}`);
  await run('apt-get', ['update'], { timeout: 300_000 });
  await run('apt-get', ['install', '-y', '--no-install-recommends', ...missing], { timeout: 300_000 });
}

async function compare(): Promise<void> {
  const ours: Round[] = [];
  const theirs: Round[] = [];
  const sessions: number[] = [];
  const batches: number[] = [];
  const checks: number[] = [];
  let version = '';
  for (let round = 1; round <= rounds; round++) {
    const etcd = await startEtcd(mkdtempSync(join(directory, 'etcd-')));
    try {
      ({ version } = etcd);
      theirs.push(await measure(etcd.address, etcdPut()));
      checks.push(await loadEtcd(etcd.address, etcdPut(), { inFlight: 1024, millis }));
    } finally {
      await etcd.end();
    }
    const own = await startMembers(3);
    try {
      const leader = await own.leader();
      ours.push(await measure(leader.clientAddress, ourAppend(round)));
      sessions.push(await measureSession([leader.clientAddress], { eventsEach: 1, inFlight: 1024, millis }));
      batches.push(await measureSession([leader.clientAddress], { eventsEach: 100, inFlight: 32, millis }));
    } finally {
      await own.remove();
    }
    console.error(`round ${round} of ${rounds} is done`);
  }
  for (const [index, inFlight] of IN_FLIGHT.entries()) {
    const [own, other] = [middle(ours, index), middle(theirs, index)];
    const perSecond = { ours: own.perSecond, etcd: other.perSecond, ratio: ratio(own.perSecond, other.perSecond) };
    const mean = { ours: own.meanMillis, etcd: other.meanMillis, ratio: ratio(other.meanMillis, own.meanMillis) };
    const p99 = { ours: own.p99Millis, etcd: other.p99Millis };
    const cpu = { ours: own.cpuMicros, etcd: other.cpuMicros, ratio: ratio(other.cpuMicros, own.cpuMicros) };
    print({
      peer: version,
      what: 'unary append of 256 bytes against put',
      inFlight,
      perSecond,
      meanMillis: mean,
      p99Millis: p99,
      cpuMicros: cpu,
    });
  }
  const puts = middle(theirs, IN_FLIGHT.length - 1).perSecond;
  for (const [what, rates] of Object.entries({
    'session of single appends': sessions,
    'session of batches of 100': batches,
  })) {
    const rate = median(rates);
    print({
      peer: version,
      what: `${what} against puts at 1024`,
      perSecond: { ours: rate, etcd: puts, ratio: ratio(rate, puts) },
    });
  }
  await compareWithNats(ours);
  await compareWithPostgres(ours);
  const check = median(checks);
  print({ check: 'etcd by h2load against etcd by our generator', h2load: check, own: puts, ratio: ratio(check, puts) });
}

async function compareWithNats(ours: readonly Round[]): Promise<void> {
  const nats = await startNats(mkdtempSync(join(directory, 'nats-')));
  try {
    await measurePublishes(nats.address, { inFlight: 64, millis: FIRST_WARM_UP_MILLIS, warmUpMillis: 0 });
    for (const [index, inFlight] of IN_FLIGHT.entries()) {
      const load = { inFlight, millis, warmUpMillis: WARM_UP_MILLIS };
      const { perSecond: rate, meanMillis: mean } = await measurePublishes(nats.address, load);
      const own = middle(ours, index);
      const perSecond = { ours: own.perSecond, nats: rate, ratio: ratio(own.perSecond, rate) };
      const meanMillis = { ours: own.meanMillis, nats: mean, ratio: ratio(mean, own.meanMillis) };
      const what = 'unary append against publish to a stream of three replicas, every message synced';
      print({ peer: nats.version, what, inFlight, perSecond, meanMillis });
    }
  } finally {
    await nats.end();
  }
}

async function compareWithPostgres(ours: readonly Round[]): Promise<void> {
  const rates = await measurePostgres([1, 64], millis / 1000);
  if (rates === null) {
    console.error('PostgreSQL is not installed: left out');
    return;
  }
  for (const [inFlight, { perSecond: rate, meanMillis: mean }] of rates) {
    const own = middle(ours, IN_FLIGHT.indexOf(inFlight));
    const perSecond = { ours: own.perSecond, postgres: rate, ratio: ratio(own.perSecond, rate) };
    const meanMillis = { ours: own.meanMillis, postgres: mean, ratio: ratio(mean, own.meanMillis) };
    const what = 'unary append on three members against insert on one server';
    print({ peer: 'PostgreSQL', what, inFlight, perSecond, meanMillis });
  }
}

async function measure(address: string, call: PreparedCall): Promise<Round> {
  await measureCalls(address, call, { inFlight: 64, connections: 1, millis: FIRST_WARM_UP_MILLIS, warmUpMillis: 0 });
  const loads: Cost[] = [];
  for (const inFlight of IN_FLIGHT) {
    const connections = Math.ceil(inFlight / CALLS_EACH_CONNECTION);
    const before = totalCpuMillis(childUsage());
    const started = performance.now();
    const load = await measureCalls(address, call, { inFlight, connections, millis, warmUpMillis: WARM_UP_MILLIS });
    if (load.failed > 0 || load.calls === 0)
      throw new Error(`${load.failed} calls to ${address} failed, ${load.calls} did not`);
    const calls = (load.perSecond * (performance.now() - started)) / 1000;
    loads.push({ ...load, cpuMicros: Math.round(((totalCpuMillis(childUsage()) - before) * 1000) / calls) });
  }
  return { loads };
}

/** The round with the median rate. */
function middle(all: readonly Round[], index: number): Cost {
  const loads = all.flatMap((round) => round.loads[index] ?? []).sort((a, b) => a.perSecond - b.perSecond);
  const load = loads[Math.floor(loads.length / 2)];
  if (load === undefined) throw new Error('nothing was measured');
  return load;
}

function median(rates: readonly number[]): number {
  return [...rates].sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
}

function ratio(a: number, b: number): number {
  return Math.round((a / b) * 100) / 100;
}

function print(line: object): void {
  console.log(JSON.stringify(line));
}
