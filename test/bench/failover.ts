/**
 * Failover: `npm run bench:failover -- --rounds 50`. Three members; the leader is killed with SIGKILL while a client with default
 * settings appends one event after the other. Each round prints the time from the kill to the next acknowledged append, and, by the
 * other members' logs, when the first of them noticed and when one led; the last line median and worst, and how many acknowledged
 * events are missing in the end. Exits 1 when one is.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  const phaseMillis: Record<string, number[]> = {};
  for (let round = 1; round <= rounds; round++) {
    const leader = await leaderOf();
    await nextAppend(acknowledged, performance.now());
    const killedAt = performance.now();
    const killedTime = Date.now();
    await leader.kill();
    // What the dead leader had sent before may still come in: the next append must have been answered by another one.
    const died = performance.now();
    const took = (await nextAppend(acknowledged, died)) - killedAt;
    millis.push(took);
    const phases = phasesOf(store, leader, killedTime);
    for (const [name, value] of Object.entries(phases)) (phaseMillis[name] ??= []).push(value ?? NaN);
    console.log(JSON.stringify({ round, leader: leader.name, millis: Math.round(took), ...phases }));
    await leader.start();
    await caughtUp(leader, client);
  }
  end.abort();
  await load;
  const lost = await missing(client, acknowledged);
  client.close();
  const goal = 2 * ELECTION_TIMEOUT_MILLIS;
  const phases = Object.fromEntries(Object.entries(phaseMillis).map(([name, each]) => [name, summaryOf(each)]));
  console.log(JSON.stringify({ rounds, ...summaryOf(millis), goal, appends: acknowledged.length, lost, phases }));
  if (lost > 0) process.exitCode = 1;
}

function summaryOf(values: readonly number[]): { median: number; worst: number } {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return { median: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0), worst: Math.round(sorted.at(-1) ?? 0) };
}

/** Milliseconds after the kill until the first of the others knew no leader, and until one of them led. Null: not in the logs yet. */
function phasesOf(store: StoreUnderTest, killed: Member, killedTime: number): Record<string, number | null> {
  let noticed: number | null = null;
  let elected: number | null = null;
  for (const { name, options } of store.members.filter((member) => member !== killed)) {
    for (const text of readFileSync(join(options.directory, `${name}.log`), 'utf8').split('\n')) {
      if (!text.includes('lead')) continue;
      const line = JSON.parse(text) as { time: string; message: string; leaderId?: number };
      const after = Date.parse(line.time) - killedTime;
      if (after < 0) continue;
      if (line.message === 'leadership changed' && line.leaderId === 0) noticed = Math.min(noticed ?? after, after);
      if (line.message === 'this member leads') elected = Math.min(elected ?? after, after);
    }
  }
  return { noticed, elected };
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
  const own = new GraveyarClient(member.clientAddress, { deadlineMillis: 180_000 });
  const consistency = { atLeastPosition: last?.position ?? 0 };
  await own.listStreamsPage({ pageSize: 1, consistency });
  own.close();
}

async function missing(client: GraveyarClient, acknowledged: readonly { readonly id: string }[]): Promise<number> {
  const stored = new Set<string>();
  for await (const batch of client.readStream(STREAM).batches()) for (const { id } of batch) stored.add(id);
  return acknowledged.filter(({ id }) => !stored.has(id)).length;
}
