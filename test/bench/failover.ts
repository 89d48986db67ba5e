/**
 * Failover: `npm run bench:failover -- --rounds 50`. Three members; the leader is killed with SIGKILL while a client with default
 * settings appends one event after the other. Each round prints the time from the kill to the next acknowledged append; the last
 * line median and worst, and how many acknowledged events are missing in the end. Exits 1 when one is.
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { GraveyarClient } from '../../src/client/index.ts';
import type { Member } from '../chaos/member.ts';
import type { StoreUnderTest } from '../chaos/store-under-test.ts';
import { startMembers } from './three-members.ts';

const ELECTION_TIMEOUT_MILLIS = 1000;
const STREAM = 'failover';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '50' } } });
const rounds = Number(values.rounds);
const running = await startMembers(3);
try {
  await measure(running.store, running.leader);
} finally {
  await running.remove();
}

async function measure(store: StoreUnderTest, leaderOf: () => Promise<Member>): Promise<void> {
  const client = new GraveyarClient(store.addresses);
  const acknowledged: { readonly id: string; readonly at: number }[] = [];
  const end = new AbortController();
  const load = append(client, acknowledged, end.signal);
  const millis: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const leader = await leaderOf();
    await nextAppend(acknowledged, performance.now());
    const killedAt = performance.now();
    await leader.kill();
    // What the dead leader had sent before may still come in: the next append must have been answered by another one.
    const died = performance.now();
    const took = (await nextAppend(acknowledged, died)) - killedAt;
    millis.push(took);
    console.log(JSON.stringify({ round, leader: leader.name, millis: Math.round(took) }));
    await leader.start();
    await caughtUp(leader, client);
  }
  end.abort();
  await load;
  const lost = await missing(client, acknowledged);
  client.close();
  millis.sort((a, b) => a - b);
  const median = Math.round(millis[Math.floor(millis.length / 2)] ?? 0);
  const worst = Math.round(millis.at(-1) ?? 0);
  const goal = 2 * ELECTION_TIMEOUT_MILLIS;
  console.log(JSON.stringify({ rounds, median, worst, goal, appends: acknowledged.length, lost }));
  if (lost > 0) process.exitCode = 1;
}

async function append(client: GraveyarClient, done: { id: string; at: number }[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const id = randomUUID();
    await client.append(STREAM, [{ id, type: 'failover' }]);
    done.push({ id, at: performance.now() });
  }
}

/** The time of the first append that was acknowledged after `after`. */
async function nextAppend(acknowledged: readonly { readonly at: number }[], after: number): Promise<number> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const last = acknowledged.at(-1);
    if (last !== undefined && last.at > after) return acknowledged.find(({ at }) => at > after)?.at ?? last.at;
    if (performance.now() > deadline) throw new Error('no append was acknowledged for a minute');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The restarted member has everything that was there when this began. */
async function caughtUp(member: Member, client: GraveyarClient): Promise<void> {
  const [last] = await client.readStream(STREAM, { direction: 'backwards', limit: 1 }).toArray();
  const own = new GraveyarClient(member.clientAddress, { deadlineMillis: 60_000 });
  const consistency = { atLeastPosition: last?.position ?? 0 };
  await own.listStreamsPage({ pageSize: 1, consistency });
  own.close();
}

async function missing(client: GraveyarClient, acknowledged: readonly { readonly id: string }[]): Promise<number> {
  const stored = new Set<string>();
  for await (const batch of client.readStream(STREAM).batches()) for (const { id } of batch) stored.add(id);
  return acknowledged.filter(({ id }) => !stored.has(id)).length;
}
