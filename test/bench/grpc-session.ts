/**
 * The SDK's ways to move many events: a session, batches of 100, reading all. One JSON line each: events/s.
 *
 *   node test/bench/grpc-session.ts [events, default 100,000] [server module, default local-server.ts]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { GraveyarClient } from '../../src/client/index.ts';

const total = Number(process.argv[2] ?? 100_000);
const file = process.argv[3] ?? 'local-server.ts';
const data = Buffer.alloc(256, 'x');

const flags = process.env['PROFILE'] === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir=/tmp/grpc-prof'];
const child = spawn(process.execPath, [...flags, new URL(file, import.meta.url).pathname], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const [line] = (await once(child.stdout, 'data')) as [Buffer];
const client = new GraveyarClient(`127.0.0.1:${line.toString().trim()}`);

async function measure(workload: string, run: () => Promise<number>): Promise<void> {
  const start = performance.now();
  const events = await run();
  const eventsPerSecond = Math.round((events * 1000) / (performance.now() - start));
  console.log(JSON.stringify({ workload, events, eventsPerSecond }));
}

async function appendInSession(batch: number): Promise<number> {
  const session = client.session();
  const appends: Promise<unknown>[] = [];
  for (let n = 0; n < total / batch; n++) {
    await session.ready();
    const events = Array.from({ length: batch }, () => ({ type: 'bench', data }));
    appends.push(session.append(`stream-${n % 1000}`, events));
  }
  await Promise.all(appends);
  await session.close();
  return total;
}

await measure('session, one event an append', () => appendInSession(1));
await measure('session, 100 events an append', () => appendInSession(100));
await measure('unary, 100 events an append, 16 in flight', async () => {
  let left = total / 100;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      await client.append(
        `stream-${left % 1000}`,
        Array.from({ length: 100 }, () => ({ type: 'bench', data })),
      );
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return total;
});
await measure('read all', async () => {
  let count = 0;
  for await (const batch of client.readAll().batches()) count += batch.length;
  return count;
});
client.close();
child.stdin.end();
