// Starting, refusing to start, and stopping: through the real program, with clear words and the documented exit codes.
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GraveyarClient } from '../../src/client/index.ts';
import { checksum } from '../../src/storage/checksum.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { runGraveyar, startServerProcess } from '../support/server-process.ts';
import type { CommandResult, ServerProcess } from '../support/server-process.ts';

let scratch: string;
const running: ServerProcess[] = [];

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'graveyar-serve-'));
});
afterEach(async () => {
  for (const server of running.splice(0)) {
    server.kill('SIGKILL');
    await server.exited;
  }
  rmSync(scratch, { recursive: true, force: true });
});

async function start(dataDirectory: string, flags: readonly string[] = []): Promise<ServerProcess> {
  const server = await startServerProcess({ dataDirectory, flags });
  running.push(server);
  return server;
}

/** Runs `serve` on a directory where it must refuse to start. */
function refused(dataDirectory: string, ...flags: string[]): Promise<CommandResult> {
  return runGraveyar(['serve', '--data-directory', dataDirectory, '--port', '0', '--metrics-port', '0', ...flags]);
}

/** The failure as the user sees it: the last lines, without any stack. */
function words({ stderr }: CommandResult): string {
  expect(stderr).not.toMatch(/\n\s+at /);
  return stderr.slice(stderr.indexOf('graveyar: '));
}

async function appendSome(server: ServerProcess, count: number, bytes = 100): Promise<void> {
  const client = new GraveyarClient(server.address);
  for (let n = 0; n < count; n++) await client.append('s', [{ type: 't', data: new Uint8Array(bytes) }]);
  client.close();
}

describe('a server', () => {
  it('serves clients, metrics and readiness, and stops in order', async () => {
    const server = await start(join(scratch, 'data'));
    await appendSome(server, 3);
    expect((await fetch(`${server.metricsUrl}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text();
    expect(metrics).toContain('graveyar_appends_total{outcome="accepted"} 3');
    expect(metrics).toMatch(/\ngraveyar_store_rocksdb_live_sst_bytes \d/);
    expect(metrics).toMatch(/\ngraveyar_commit_seconds_count [1-9]/);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(server.log.map(({ message }) => message).slice(-2)).toEqual(['stopping', 'stopped']);
    const again = await start(join(scratch, 'data'));
    expect(again.log.find(({ message }) => message === 'serving')).toMatchObject({ events: 3 });
  });

  it('stops in order when its terminal is closed, however often it is told so', async () => {
    const server = await start(join(scratch, 'data'));
    server.kill('SIGHUP');
    server.kill('SIGHUP');
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.log.map(({ message }) => message)).toContain('stopped');
  });

  it('ends subscriptions when it stops, and does not wait for them', async () => {
    const server = await start(join(scratch, 'data'), ['--grace-period', '30s']);
    const client = new GraveyarClient(server.address);
    const ended = new AbortController();
    const messages = client.subscribe({}, { signal: ended.signal }).messages();
    expect((await messages.next()).value).toMatchObject({ kind: 'confirmed' });
    const startedAt = Date.now();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(Date.now() - startedAt).toBeLessThan(20_000);
    ended.abort();
    client.close();
  });

  it('prints its settings, and names every mistake in them', async () => {
    const printed = await runGraveyar(['serve', '--print-config', '--port', '5000'], {
      env: { GRAVEYAR_HOST: '0.0.0.0' },
    });
    expect(JSON.parse(printed.stdout)).toMatchObject({ port: 5000, host: '0.0.0.0', metricsPort: 4001 });
    const file = join(scratch, 'bad.json');
    writeFileSync(file, '{"prot": 1}');
    const wrong = await runGraveyar(['serve', '--config', file, '--port', 'x'], {
      env: { GRAVEYAR_LOG_LEVEL: 'loud' },
    });
    expect(wrong.code).toBe(2);
    expect(words(wrong).split('\n')).toEqual([
      'graveyar: the configuration has 3 errors:',
      `  "prot" in ${file}: no such setting; did you mean port?`,
      '  --port: "x" must be a whole number from 0 to 65535',
      '  GRAVEYAR_LOG_LEVEL: "loud" must be one of silent, fatal, error, warn, info, debug',
      '',
    ]);
    expect((await runGraveyar(['serve', '--config', join(scratch, 'missing.json')])).code).toBe(2);
  });
});

describe('a server refuses to start', () => {
  it('on a directory that another has open', async () => {
    const server = await start(join(scratch, 'data'));
    const second = await refused(join(scratch, 'data'));
    expect(second.code).toBe(3);
    expect(words(second)).toContain(`locked by the process ${server.pid}`);
    expect((await runGraveyar(['check', join(scratch, 'data')])).code).toBe(3);
  });

  it('on a port that is taken', async () => {
    const server = await start(join(scratch, 'data'));
    const port = server.address.split(':')[1] ?? '';
    const second = await refused(join(scratch, 'other'), '--port', port);
    expect(second.code).toBe(7);
    expect(words(second)).toBe(
      `graveyar: clients: ${server.address} is in use by another process; stop it or choose another port\n`,
    );
    // And lets go of what it had opened.
    expect((await runGraveyar(['check', join(scratch, 'other')])).code).toBe(0);
  });

  it('on data of a newer version', async () => {
    const server = await start(join(scratch, 'data'));
    await server.stop();
    const identity = join(scratch, 'data', 'identity.json');
    const future = { ...(JSON.parse(readFileSync(identity, 'utf8')) as Record<string, unknown>), format: 99 };
    delete (future as Record<string, unknown>)['crc32'];
    const crc32 = checksum(Buffer.from(JSON.stringify(future)))
      .toString(16)
      .padStart(8, '0');
    writeFileSync(identity, JSON.stringify({ ...future, crc32 }));
    const newer = await refused(join(scratch, 'data'));
    expect(newer.code).toBe(5);
    expect(words(newer)).toContain('99');
  });

  it('on a log that was damaged, and check says where', async () => {
    const directory = join(scratch, 'data');
    const server = await start(directory);
    await appendSome(server, 20);
    server.kill('SIGKILL');
    await server.exited;
    const log = join(directory, 'log');
    const [segment] = readdirSync(log).filter((name) => statSync(join(log, name)).size > 8192);
    const path = join(log, segment ?? '');
    // The first record's payload: behind it lie records that were synced after it.
    writeSync(openSync(path, 'r+'), Buffer.from('damage'), 0, 6, 4096 + 40);
    const check = await runGraveyar(['check', directory, '--json']);
    expect(check.code).toBe(1);
    expect(JSON.parse(check.stdout)).toMatchObject({ clean: false, problems: [{ where: 'log' }] });
    const damaged = await refused(directory);
    expect(damaged.code).toBe(4);
    expect(words(damaged)).toContain(segment);
  });

  it('without its log or its state, as both belong together', async () => {
    const directory = join(scratch, 'data');
    const server = await start(directory);
    await appendSome(server, 5);
    await server.stop();
    rmSync(join(directory, 'log'), { recursive: true });
    mkdirSync(join(directory, 'log'));
    const gone = await refused(directory);
    expect(gone.code).toBe(4);
    expect(words(gone)).toContain('log');
  });

  it('where it may not write', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    const noDirectory = await refused(file);
    expect(noDirectory.code).toBe(6);
    expect(words(noDirectory)).toContain(file);
    // Root may write everywhere, but not on a read-only file system.
    const disk = process.getuid?.() === 0 ? mountSmallDisk(8 * 1024 * 1024) : null;
    const directory = disk?.path ?? join(scratch, 'read-only');
    try {
      if (disk === null) mkdirSync(directory, { mode: 0o555 });
      else disk.makeReadOnly();
      const refusal = await refused(join(directory, 'data'));
      expect(refusal.code).toBe(6);
      expect(words(refusal)).toContain(directory);
    } finally {
      disk?.remove();
    }
  });
});

describe('a full disk', () => {
  it('ends the server with clear words, and loses nothing that was acknowledged', { timeout: 180_000 }, async () => {
    const disk = mountSmallDisk(48 * 1024 * 1024);
    if (disk === null) return;
    try {
      const flags = ['--segment-size', '1MiB', '--log-size', '1MiB'];
      const directory = join(disk.path, 'data');
      const server = await start(directory, flags);
      const client = new GraveyarClient(server.address, { deadlineMillis: 5000 });
      let acknowledged = 0;
      const ids: string[] = [];
      try {
        for (let n = 0; n < 10_000; n++) {
          const id = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
          await client.append('full', [{ id, type: 't', data: Buffer.alloc(64 * 1024, n) }]);
          ids.push(id);
          acknowledged++;
        }
      } catch {
        // The disk is full, or the server gone because of it.
      }
      client.close();
      expect(acknowledged).toBeGreaterThan(10);
      expect(acknowledged).toBeLessThan(10_000);
      const exit = await server.exited;
      expect(exit).toEqual({ code: 6, signal: null });
      const fatal = server.log.find(({ level }) => level === 'fatal');
      expect(JSON.stringify(fatal)).toMatch(/ENOSPC|No space left/i);
      // With room again it starts, and has everything.
      disk.resize(128 * 1024 * 1024);
      expect((await runGraveyar(['check', directory])).code).toBe(0);
      const recovered = await start(directory, flags);
      const reader = new GraveyarClient(recovered.address);
      const found: string[] = [];
      for await (const event of reader.readStream('full')) found.push(event.id);
      reader.close();
      expect(found.slice(0, ids.length)).toEqual(ids);
      // One append had no answer, and may be there.
      expect(found.length).toBeLessThanOrEqual(ids.length + 1);
      await recovered.stop();
    } finally {
      disk.remove();
    }
  });
});
