// The cluster in one command: started, its leader killed, and ended by Ctrl-C.
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { GraveyarClient } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { cleanEnvironment, graveyarArguments } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
}, 60_000);

/** The first of so many ports in a row that nobody listens on now. */
async function portsInARow(count: number): Promise<number> {
  for (;;) {
    const [first = 0] = await freePorts(1);
    const others = await Promise.all(
      Array.from({ length: count }, (_, at) =>
        listenOn(first + 1 + at).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (others.every((isFree) => isFree)) return first;
  }
}

async function listenOn(port: number): Promise<void> {
  const server = await hold(port);
  await new Promise((resolve) => server.close(resolve));
}

/** Listens there until it is closed. */
function hold(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** Rejects when nobody takes a connection there. */
function connects(address: string): Promise<void> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

const NAMES = ['node-1', 'node-2', 'node-3'];

/** A `graveyar dev-cluster` that runs, and what it has printed. */
interface DevCluster {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly port: number;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
  readonly pidOf: (name: string) => number;
}

async function startDevCluster(port: number): Promise<DevCluster> {
  const directory = await temporaryDirectory();
  cleanups.push(() => directory.remove());
  const args = graveyarArguments('dev-cluster', '--directory', directory.path, '--port', String(port));
  const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const pidOf = (name: string): number => Number(new RegExp(`${name} *\\| started, process (\\d+)`).exec(output)?.[1]);
  cleanups.push(async () => {
    for (const name of NAMES) {
      try {
        process.kill(pidOf(name), 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    child.kill('SIGKILL');
    await exited;
  });
  return { child, port, output: () => output, exited, pidOf };
}

async function addressesOf({ output }: DevCluster): Promise<string[]> {
  await eventually('the addresses', () => output().includes('export GRAVEYAR_ADDRESS='), 60_000);
  return /GRAVEYAR_ADDRESS=(\S+)/.exec(output())?.[1]?.split(',') ?? [];
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function running({ pidOf }: DevCluster): string[] {
  return NAMES.filter((name) => runs(pidOf(name)));
}

describe('graveyar dev-cluster', { timeout: 240_000 }, () => {
  it('is a store of three that goes on without its leader, and stops as one', async () => {
    const cluster = await startDevCluster(await portsInARow(23));
    const addresses = await addressesOf(cluster);
    expect(addresses).toEqual([0, 10, 20].map((offset) => `127.0.0.1:${cluster.port + offset}`));
    // Whoever takes the line finds a member at each of them.
    await Promise.all(addresses.map((address) => connects(address)));
    const client = new GraveyarClient(addresses, { deadlineMillis: 120_000 });
    cleanups.push(() => {
      client.close();
    });
    await client.append('s', [{ type: 'a' }]);
    const leader = (await client.cluster.members()).find(({ role }) => role === 'leader')?.name ?? '';
    process.kill(cluster.pidOf(leader), 'SIGKILL');
    expect(await client.append('s', [{ type: 'b' }])).toMatchObject({ lastRevision: 1 });
    await eventually('its end to be told', () => cluster.output().includes(`${leader} | ended: `), 30_000);
    expect((await client.readStream('s').toArray()).map(({ type }) => type)).toEqual(['a', 'b']);
    cluster.child.kill('SIGINT');
    expect(await cluster.exited, cluster.output()).toBe(0);
    expect(running(cluster)).toEqual([]);
  });

  it('stops its members when its terminal is closed', async () => {
    const cluster = await startDevCluster(await portsInARow(23));
    await addressesOf(cluster);
    // It says so twice, and takes nothing any more.
    cluster.child.stdout.destroy();
    cluster.child.stderr.destroy();
    cluster.child.kill('SIGHUP');
    cluster.child.kill('SIGHUP');
    expect(await cluster.exited, cluster.output()).toBe(0);
    // A line that members say just before is told to nobody, which ends the command first.
    await eventually('the end of the members', () => running(cluster).length === 0, 60_000);
  });

  it('leaves no members behind when it is interrupted twice', async () => {
    const cluster = await startDevCluster(await portsInARow(23));
    await addressesOf(cluster);
    cluster.child.kill('SIGINT');
    cluster.child.kill('SIGTERM');
    await cluster.exited;
    await eventually('the end of the members', () => running(cluster).length === 0, 60_000);
  });

  it('leaves no members behind when its reader goes away', async () => {
    const cluster = await startDevCluster(await portsInARow(23));
    await addressesOf(cluster);
    cluster.child.stdout.destroy();
    // Its end is told to nobody: what is written then ends the command.
    process.kill(cluster.pidOf('node-2'), 'SIGKILL');
    await cluster.exited;
    await eventually('the end of the others', () => running(cluster).length === 0, 60_000);
  });

  it('ends as its members did when none is left, without addresses', async () => {
    const port = await portsInARow(23);
    const holders = await Promise.all([0, 10, 20].map((offset) => hold(port + offset)));
    cleanups.push(() => {
      for (const holder of holders) holder.close();
    });
    const cluster = await startDevCluster(port);
    expect(await cluster.exited, cluster.output()).toBe(7);
    expect(cluster.output()).toContain('graveyar: no member is left; the first that failed ended: exit code 7\n');
    expect(cluster.output()).not.toContain('GRAVEYAR_ADDRESS');
  });

  it('names only the members that serve', async () => {
    const port = await portsInARow(23);
    const holder = await hold(port);
    cleanups.push(() => {
      holder.close();
    });
    const cluster = await startDevCluster(port);
    expect(await addressesOf(cluster)).toEqual([10, 20].map((offset) => `127.0.0.1:${port + offset}`));
    expect(cluster.output()).toContain('node-1 | ended: exit code 7\n');
    cluster.child.kill('SIGTERM');
    expect(await cluster.exited, cluster.output()).toBe(0);
  });
});
