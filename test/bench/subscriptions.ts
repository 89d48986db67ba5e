/**
 * What subscriptions cost and give, without gRPC, on memory. Idle: the append rate with 0, 1,000 and 5,000 idle subscriptions of
 * all kinds, in interleaved rounds, per second of processor time (the machine may be shared), and the ratio to none. Fan-out: events delivered per second to consumers that all want
 * everything. Prints one line of JSON for each. Usage: `node test/bench/subscriptions.ts [seconds]`.
 */
import { randomUUID } from 'node:crypto';
import type { Append } from '../../src/domain/append.ts';
import type { Filter } from '../../src/domain/filter.ts';
import { createPipeline, type ComposedPipeline } from '../../src/pipeline/create-pipeline.ts';
import type { SubscriptionTarget } from '../../src/pipeline/event-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';

const SECONDS = Number(process.argv[2] ?? 3);
const ROUNDS = 5;
const IN_FLIGHT = 256;
const STREAMS = 10_000;
const DATA = new Uint8Array(256).fill(120);
const METADATA = new Uint8Array(0);

function nextAppend(): Append {
  const event = {
    id: randomUUID(),
    type: `order-${Math.floor(Math.random() * 20)}`,
    data: DATA,
    contentType: 'application/json',
    metadata: METADATA,
    tags: [`customer:${Math.floor(Math.random() * 1000)}`],
  };
  const streamId = `orders-${Math.floor(Math.random() * STREAMS)}`;
  return { streams: [{ streamId, events: [event], expectedVersion: { kind: 'any' } }], condition: null };
}

/** Nothing that is appended matches. A few dozen distinct expressions, everything else distinct for each subscription. */
function idleTarget(n: number): SubscriptionTarget {
  if (n % 5 === 0) return { kind: 'stream', streamId: `idle-${n}`, start: { kind: 'end' } };
  const filters: readonly Filter[] = [
    { kind: 'stream-prefix', prefix: `idle-${n}-` },
    { kind: 'type-prefix', prefix: `idle-${n}-` },
    { kind: 'query', query: { items: [{ types: ['order-1'], tags: [`idle:${n}`] }] } },
    { kind: n % 2 === 0 ? 'type-regex' : 'stream-regex', pattern: `^idle-${n % 40}-[a-z]+$` },
  ];
  return { kind: 'all', filter: filters[(n % 5) - 1] ?? null, start: { kind: 'end' } };
}

async function consume(pipeline: ComposedPipeline, target: SubscriptionTarget, signal: AbortSignal): Promise<number> {
  let events = 0;
  try {
    for await (const message of pipeline.subscribe(target, signal)) {
      if (message.kind === 'events') events += message.batch.count;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return events;
}

async function appendFor(
  pipeline: ComposedPipeline,
  millis: number,
): Promise<{ appends: number; seconds: number; cpuSeconds: number }> {
  const cpu = process.threadCpuUsage();
  const start = performance.now();
  let appends = 0;
  const client = async (): Promise<void> => {
    const { signal } = new AbortController();
    for (; performance.now() < start + millis; appends++) await pipeline.append(nextAppend(), signal);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, client));
  const used = process.threadCpuUsage(cpu);
  return { appends, seconds: (performance.now() - start) / 1000, cpuSeconds: (used.user + used.system) / 1e6 };
}

async function attached(pipeline: ComposedPipeline, count: number): Promise<void> {
  while (pipeline.subscriptions.gauges().attached < count) await new Promise((resolve) => setImmediate(resolve));
}

async function idleRate(subscribers: number): Promise<number> {
  const store = await MemoryStore.open();
  const pipeline = createPipeline(store);
  const abort = new AbortController();
  const consumers = Array.from({ length: subscribers }, (_, n) => consume(pipeline, idleTarget(n), abort.signal));
  await attached(pipeline, subscribers);
  await appendFor(pipeline, 200);
  const { appends, cpuSeconds } = await appendFor(pipeline, (SECONDS * 1000) / ROUNDS);
  abort.abort(new Error('done'));
  await Promise.all(consumers);
  await pipeline.stop();
  await store.close();
  return appends / cpuSeconds;
}

async function fanOut(subscribers: number): Promise<void> {
  const store = await MemoryStore.open();
  const pipeline = createPipeline(store);
  const abort = new AbortController();
  const target: SubscriptionTarget = { kind: 'all', filter: null, start: { kind: 'end' } };
  const consumers = Array.from({ length: subscribers }, () => consume(pipeline, target, abort.signal));
  await attached(pipeline, subscribers);
  const { appends, seconds } = await appendFor(pipeline, SECONDS * 1000);
  for (let n = 0; n < 100; n++) await new Promise((resolve) => setImmediate(resolve));
  abort.abort(new Error('done'));
  const delivered = (await Promise.all(consumers)).reduce((sum, events) => sum + events, 0);
  await pipeline.stop();
  await store.close();
  console.log(
    JSON.stringify({
      bench: 'subscriptions',
      workload: 'fan-out',
      subscribers,
      appendsPerSecond: Math.round(appends / seconds),
      deliveredPerSecond: Math.round(delivered / seconds),
      complete: delivered === appends * subscribers,
    }),
  );
}

const counts = [0, 1000, 5000];
const rates = new Map<number, number[]>(counts.map((count) => [count, []]));
await idleRate(0);
for (let round = 0; round < ROUNDS; round++) for (const count of counts) rates.get(count)?.push(await idleRate(count));
const median = (count: number): number =>
  (rates.get(count) ?? []).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
for (const count of counts) {
  const ratio = Number((median(count) / median(0)).toFixed(3));
  const appendsPerCpuSecond = Math.round(median(count));
  console.log(
    JSON.stringify({ bench: 'subscriptions', workload: 'idle', subscribers: count, appendsPerCpuSecond, ratio }),
  );
}
for (const subscribers of [1, 100, 1000]) await fanOut(subscribers);
