// The cluster in one command: started, its leader killed, and ended by Ctrl-C.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { GraveyarClient } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { cleanEnvironment, graveyarArguments } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
}, 60_000);

/** The first of so many ports in a row that nobody listens on now. */
async function portsInARow(count: number): Promise<number> {
  for (;;) {
    const first = await listenOn(0);
    const others = await Promise.all(
      Array.from({ length: count }, (_, at) => listenOn(first + 1 + at).catch(() => null)),
    );
    if (others.every((port) => port !== null)) return first;
  }
}

function listenOn(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}

describe('graveyar dev-cluster', { timeout: 240_000 }, () => {
  it('is a store of three that goes on without its leader, and stops as one', async () => {
    const directory = await temporaryDirectory();
    cleanups.push(() => directory.remove());
    const port = await portsInARow(23);
    const args = graveyarArguments('dev-cluster', '--directory', directory.path, '--port', String(port));
    const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
    const pidOf = (name: string): number =>
      Number(new RegExp(`${name} *\\| started, process (\\d+)`).exec(output)?.[1]);
    cleanups.push(async () => {
      for (const name of ['node-1', 'node-2', 'node-3']) {
        try {
          process.kill(pidOf(name), 'SIGKILL');
        } catch {
          // It has ended.
        }
      }
      child.kill('SIGKILL');
      await exited;
    });
    await eventually('the addresses', () => output.includes('export GRAVEYAR_ADDRESS='), 60_000);
    const addresses = /GRAVEYAR_ADDRESS=(\S+)/.exec(output)?.[1]?.split(',') ?? [];
    expect(addresses).toEqual([0, 10, 20].map((offset) => `127.0.0.1:${port + offset}`));
    const client = new GraveyarClient(addresses, { deadlineMillis: 120_000 });
    cleanups.push(() => {
      client.close();
    });
    await client.append('s', [{ type: 'a' }]);
    const leader = (await client.cluster.members()).find(({ role }) => role === 'leader')?.name ?? '';
    process.kill(pidOf(leader), 'SIGKILL');
    expect(await client.append('s', [{ type: 'b' }])).toMatchObject({ lastRevision: 1 });
    await eventually('its end to be told', () => output.includes(`${leader} | ended: `), 30_000);
    expect((await client.readStream('s').toArray()).map(({ type }) => type)).toEqual(['a', 'b']);
    child.kill('SIGINT');
    expect(await exited, output).toBe(0);
    for (const name of ['node-1', 'node-2', 'node-3']) expect(() => process.kill(pidOf(name), 0)).toThrow('ESRCH');
  });
});
