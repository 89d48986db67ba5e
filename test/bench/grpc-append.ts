/**
 * AppendEvent over gRPC beside an empty grpc-js handler: the same client process, the same request, one run, alternating.
 * One JSON line for each workload: appends/s, mean, p50, p99 in milliseconds, and the ratio to the empty handler.
 *
 *   node test/bench/grpc-append.ts [seconds per measurement] [server module, default immediate-server.ts]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { Client, credentials } from '@grpc/grpc-js';
import { AppendEventRequest, EventStoreService } from '../../src/grpc/gen/graveyar/v1/event_store.ts';

const seconds = Number(process.argv[2] ?? 3);
const module = process.argv[3] ?? 'immediate-server.ts';
const rounds = 3;
const payload = Buffer.alloc(256, 'x');

async function start(file: string, ...flags: string[]): Promise<{ port: number; stop: () => void }> {
  const child = spawn(process.execPath, [...flags, new URL(file, import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(line.toString()), stop: () => child.stdin.end() };
}

const path = EventStoreService.appendEvent.path;
const identity = (bytes: Buffer): Buffer => bytes;

function request(): Buffer {
  const event = {
    id: randomUUID(),
    type: 'bench',
    data: payload,
    contentType: '',
    metadata: Buffer.alloc(0),
    tags: [],
  };
  return Buffer.from(
    AppendEventRequest.encode({
      streamId: `bench-${Math.floor(Math.random() * 1000)}`,
      events: [event],
      expectedVersion: undefined,
    }).finish(),
  );
}

function append(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, identity, identity, request(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

async function measure(client: Client, inFlight: number): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + seconds * 1000;
  const worker = async (): Promise<void> => {
    for (let now = performance.now(); now < end; now = performance.now()) {
      await append(client);
      latencies.push(performance.now() - now);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return latencies;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const empty = await start('empty-handler.ts');
const ours = await start(
  module,
  ...(process.env['PROFILE'] === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir=/tmp/grpc-prof']),
);
const clients = [empty.port, ours.port].map((port) => new Client(`127.0.0.1:${port}`, credentials.createInsecure()));
for (const inFlight of [1, 64, 1024]) {
  const rates: number[][] = [[], []];
  let latencies: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [index, client] of clients.entries()) {
      const found = await measure(client, inFlight);
      if (round === 0) continue;
      rates[index]?.push(found.length / seconds);
      if (index === 1) latencies = found;
    }
  }
  const [emptyRate = Number.NaN, rate = Number.NaN] = rates.map(median);
  const sorted = latencies.toSorted((a, b) => a - b);
  console.log(
    JSON.stringify({
      workload: `append unary, ${inFlight} in flight`,
      appendsPerSecond: Math.round(rate),
      meanMillis: Number((sorted.reduce((sum, value) => sum + value, 0) / sorted.length).toFixed(3)),
      p50Millis: Number(sorted[Math.floor(sorted.length / 2)]?.toFixed(3)),
      p99Millis: Number(sorted[Math.floor(sorted.length * 0.99)]?.toFixed(3)),
      emptyPerSecond: Math.round(emptyRate),
      ratio: Number((rate / emptyRate).toFixed(3)),
    }),
  );
}
for (const client of clients) client.close();
empty.stop();
ours.stop();
