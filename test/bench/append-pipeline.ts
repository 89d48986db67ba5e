/**
 * How fast appends go through the pipeline, without gRPC: on memory and on local disk, single events at 1, 64 and 1,024 in
 * flight, and batches of 100. Prints one line of JSON for each. Usage: `node test/bench/append-pipeline.ts [seconds]`.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReplicatedStore } from '../../src/cluster/open-replicated-store.ts';
import type { Append } from '../../src/domain/append.ts';
import { validateStreamAppend } from '../../src/domain/validate-append.ts';
import { AppendPipeline } from '../../src/pipeline/append/append-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import type { Store } from '../../src/storage/store.ts';

const SECONDS = Number(process.argv[2] ?? 3);
const STREAMS = 10_000;
const DATA = new Uint8Array(256).fill(120);
const METADATA = new Uint8Array(0);

function nextAppend(batch: number): Append {
  const events = Array.from({ length: batch }, () => ({
    id: randomUUID(),
    type: 'order-placed',
    data: DATA,
    contentType: 'application/json',
    metadata: METADATA,
    tags: [],
  }));
  const streamId = `orders-${Math.floor(Math.random() * STREAMS)}`;
  return { streams: [validateStreamAppend({ streamId, events, expectedVersion: { kind: 'any' } })], condition: null };
}

interface Workload {
  readonly batch: number;
  readonly inFlight: number;
}

async function measure(name: string, store: Store, { batch, inFlight }: Workload): Promise<void> {
  let groups = 0;
  let latency = 0;
  let answered = 0;
  const pipeline = new AppendPipeline(store, {
    observer: {
      appendAnswered: (_, __, millis) => {
        latency += millis;
        answered += 1;
      },
      groupDecided: () => (groups += 1),
      groupCommitted: () => undefined,
      queueMeasured: () => undefined,
    },
  });
  const start = performance.now();
  const cpu = process.cpuUsage();
  const mainThread = process.threadCpuUsage();
  const end = start + SECONDS * 1000;
  const client = async (): Promise<void> => {
    const { signal } = new AbortController();
    while (performance.now() < end) await pipeline.append(nextAppend(batch), signal);
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  const seconds = (performance.now() - start) / 1000;
  const all = process.cpuUsage(cpu);
  const main = process.threadCpuUsage(mainThread);
  await pipeline.stop();
  await store.waitForApplied(
    (await store.grant(new AbortController().signal)).nextPosition,
    new AbortController().signal,
  );
  const line = {
    bench: 'append-pipeline',
    store: name,
    batch,
    inFlight,
    eventsPerSecond: Math.round((answered * batch) / seconds),
    appendsPerSecond: Math.round(answered / seconds),
    meanMillis: Number((latency / answered).toFixed(3)),
    appendsPerGroup: Number((answered / groups).toFixed(1)),
    cpuMicrosPerAppend: Number(((all.user + all.system) / answered).toFixed(1)),
    mainThreadMicrosPerAppend: Number(((main.user + main.system) / answered).toFixed(1)),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const WORKLOADS: readonly Workload[] = [
  { batch: 1, inFlight: 1 },
  { batch: 1, inFlight: 64 },
  { batch: 1, inFlight: 1024 },
  { batch: 100, inFlight: 1 },
  { batch: 100, inFlight: 64 },
];

for (const workload of WORKLOADS) {
  const memory = await MemoryStore.open();
  await measure('memory', memory, workload);
  await memory.close();
}
const directory = await mkdtemp(join(tmpdir(), 'graveyar-bench-'));
try {
  const { store: local } = await openReplicatedStore(join(directory, 'data'));
  for (const workload of WORKLOADS) await measure('local', local, workload);
  await local.close();
} finally {
  await rm(directory, { recursive: true, force: true });
}
