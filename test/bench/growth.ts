/**
 * `npm run bench:growth`: what a store of three members costs when it is large, against when it is empty. Fills it with batches; measures
 * single appends and batches before and after, by rate and by the members' processor time; looks at their memory on the way; and
 * restarts a follower. One JSON line.
 *
 *   npm run bench:growth -- [--events 5000000] [--seconds 10]
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { GraveyarClient } from '../../src/client/index.ts';
import type { Member } from '../chaos/member.ts';
import { childUsage, totalCpuMillis } from './child-usage.ts';
import { ourAppend } from './peers/prepared-requests.ts';
import { measureCalls } from './peers/raw-http2.ts';
import { measureSession } from './peers/our-batches.ts';
import { startMembers } from './three-members.ts';

const { values } = parseArgs({
  options: { events: { type: 'string', default: '5000000' }, seconds: { type: 'string', default: '10' } },
});
const events = Number(values.events);
const millis = Number(values.seconds) * 1000;
const BATCH_EVENTS = 100;
const BATCHES_IN_FLIGHT = 16;
const STREAMS = 10_000;
const PAYLOAD = Buffer.alloc(256, 'x');
/** Code that has not run yet is slow in any store. */
const WARM_UP_MILLIS = 10_000;
const LOOKS = 10;
const MOST_TRIES = 10;
const RESTART_MILLIS = 300_000;

interface Cost {
  readonly perSecond: number;
  /** Of all members together. */
  readonly cpuMicros: number;
}

/** Runs `load`, which resolves with a rate over the time it took. */
async function costOf(load: () => Promise<number>): Promise<Cost> {
  const before = totalCpuMillis(childUsage());
  const started = performance.now();
  const perSecond = await load();
  const seconds = (performance.now() - started) / 1000;
  const cpuMillis = totalCpuMillis(childUsage()) - before;
  return { perSecond, cpuMicros: Math.round((cpuMillis * 1000) / (perSecond * seconds)) };
}

async function measure(address: string, run: number): Promise<{ unary: Cost; batches: Cost }> {
  const call = ourAppend(run);
  const load = { inFlight: 64, connections: 1, warmUpMillis: 0 };
  await measureCalls(address, call, { ...load, millis: WARM_UP_MILLIS });
  const unary = await costOf(async () => (await measureCalls(address, call, { ...load, millis })).perSecond);
  const batches = await costOf(() => measureSession([address], { eventsEach: BATCH_EVENTS, inFlight: 32, millis }));
  return { unary, batches };
}

/** Appends until the store has so many events; tells of the members' memory now and then. */
async function fill(addresses: readonly string[]): Promise<number[]> {
  const client = new GraveyarClient(addresses);
  const session = client.session({ window: BATCHES_IN_FLIGHT });
  const resident: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next * BATCH_EVENTS < events) {
      const n = next++;
      const batch = Array.from({ length: BATCH_EVENTS }, () => ({ id: randomUUID(), type: 'growth', data: PAYLOAD }));
      await untilTaken(() => session.append(`growth-${n % STREAMS}`, batch));
      if (n % Math.ceil(events / BATCH_EVENTS / LOOKS) !== 0) continue;
      resident.push(Math.max(...childUsage().map(({ residentBytes }) => residentBytes)));
      console.error(`${n * BATCH_EVENTS} events, at most ${Math.round((resident.at(-1) ?? 0) / 2 ** 20)} MiB a member`);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, worker));
  await session.close();
  client.close();
  return resident;
}

/** Again and again while the machine is too busy: the same event ids make that safe. */
async function untilTaken(append: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await append();
      return;
    } catch (error) {
      if (tries === MOST_TRIES) throw error;
    }
  }
}

/** Seconds until a member that was stopped answers a read again, by itself. */
async function restart(member: Member): Promise<number> {
  await member.stop(60_000);
  const started = performance.now();
  await member.start();
  for (;;) {
    const client = new GraveyarClient([member.clientAddress], { deadlineMillis: 1_000 });
    try {
      await client.readAll({ direction: 'backwards', limit: 1 }).toArray();
      return (performance.now() - started) / 1000;
    } catch (error) {
      if (performance.now() - started > RESTART_MILLIS) throw error;
    } finally {
      client.close();
    }
  }
}

function ratio(a: number, b: number): number {
  return Math.round((a / b) * 100) / 100;
}

/** Above 1: the large store is better. */
function compare(small: Cost, large: Cost): object {
  return {
    empty: small,
    full: large,
    rateRatio: ratio(large.perSecond, small.perSecond),
    cpuRatio: ratio(small.cpuMicros, large.cpuMicros),
  };
}

const store = await startMembers(3);
try {
  const { clientAddress } = await store.leader();
  const empty = await measure(clientAddress, 1);
  const residentBytes = await fill(store.store.addresses);
  const full = await measure((await store.leader()).clientAddress, 2);
  const leader = await store.leader();
  const follower = store.store.members.find((member) => member !== leader);
  if (follower === undefined) throw new Error('there is no follower');
  const restartSeconds = await restart(follower);
  console.log(
    JSON.stringify({
      bench: 'growth',
      events,
      eventBytes: PAYLOAD.length,
      unaryAt64: compare(empty.unary, full.unary),
      batchesOf100: compare(empty.batches, full.batches),
      residentMiB: residentBytes.map((bytes) => Math.round(bytes / 2 ** 20)),
      restartSeconds: Math.round(restartSeconds * 10) / 10,
    }),
  );
} finally {
  await store.remove();
}
