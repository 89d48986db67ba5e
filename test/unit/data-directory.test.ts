// The data directory: creation, identity, format gate and lock, on real files; interrupted creation on a disk in memory.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { checksum } from '../../src/storage/checksum.ts';
import type { DataDirectoryOptions } from '../../src/storage/data-directory.ts';
import { DataDirectory } from '../../src/storage/data-directory.ts';
import { SegmentLog } from '../../src/storage/segment-log/segment-log.ts';
import { MemoryFileSystem } from '../support/memory-file-system.ts';

let root: string;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'graveyar-directory-'));
});

afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
}

describe('data directory', () => {
  it('is created once and then keeps its identity', async () => {
    const location = `${root}/deep/data`;
    const first = await DataDirectory.open({ path: location });
    const { identity } = first;
    expect(first.fresh).toBe(true);
    expect(identity.memberId).toBeGreaterThan(0);
    expect(fs.readdirSync(location).sort()).toEqual(['identity.json', 'lock', 'log', 'state']);
    await first.close();
    const second = await DataDirectory.open({ path: location });
    expect(second.fresh).toBe(false);
    expect(second.identity).toEqual(identity);
    await second.close();
    const other = await DataDirectory.open({ path: `${root}/other` });
    expect(other.identity.memberId).not.toBe(identity.memberId);
    expect(other.identity.clusterId).not.toBe(identity.clusterId);
    await other.close();
  });

  it('notes the cluster that it joins, and keeps it', async () => {
    const directory = await DataDirectory.open({ path: root, newIdentity: { clusterId: null } });
    await directory.joinCluster('c-1');
    await expect(directory.joinCluster('c-2')).rejects.toThrow(/joins c-2/);
    await directory.close();
    const again = await DataDirectory.open({ path: root });
    expect(again.identity.clusterId).toBe('c-1');
    await again.close();
  });

  it('refuses a second opener in this process and in another, naming the holder', async () => {
    const directory = await DataDirectory.open({ path: root });
    const locked = { code: 'STORAGE_LOCKED', details: { path: `${root}/lock`, holder: String(process.pid) } };
    await expect(DataDirectory.open({ path: root })).rejects.toMatchObject(locked);
    await directory.close();
    const again = await DataDirectory.open({ path: root });
    await again.close();
  });

  it('is free again when its holder is killed', async () => {
    const source = new URL('../../src/storage/data-directory.ts', import.meta.url).pathname;
    const code = `import { DataDirectory } from ${JSON.stringify(source)};
      globalThis.held = await DataDirectory.open({ path: ${JSON.stringify(root)} });
      console.log('open');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const error = await rejection(DataDirectory.open({ path: root }));
    expect(error).toMatchObject({ code: 'STORAGE_LOCKED', details: { holder: String(child.pid) } });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const directory = await DataDirectory.open({ path: root });
    expect(directory.fresh).toBe(false);
    await directory.close();
  });

  it('refuses a newer format, and any change of the identity', async () => {
    await (await DataDirectory.open({ path: root })).close();
    const file = `${root}/identity.json`;
    const text = fs.readFileSync(file, 'utf8');
    const content = JSON.parse(text) as Record<string, unknown>;
    delete content['crc32'];
    content['format'] = 2;
    content['crc32'] = checksum(Buffer.from(JSON.stringify(content)))
      .toString(16)
      .padStart(8, '0');
    fs.writeFileSync(file, JSON.stringify(content));
    await expect(DataDirectory.open({ path: root })).rejects.toMatchObject({
      code: 'STORAGE_FORMAT_TOO_NEW',
      details: { found: 2, supported: 1 },
    });
    for (const damage of [text.replace('"memberId": ', '"memberId": 1'), text.slice(0, -10), '', 'null', '[]', '{}']) {
      fs.writeFileSync(file, damage);
      await expect(DataDirectory.open({ path: root })).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
    }
  });

  it('refuses a directory of something else, and one that has lost its identity', async () => {
    fs.writeFileSync(`${root}/thesis.doc`, 'x');
    const error = await rejection(DataDirectory.open({ path: root }));
    expect(error).toMatchObject({ code: 'STORAGE_CORRUPT' });
    expect((error as Error).message).toContain('thesis.doc');
    fs.unlinkSync(`${root}/thesis.doc`);
    await (await DataDirectory.open({ path: root })).close();
    fs.unlinkSync(`${root}/identity.json`);
    await expect(DataDirectory.open({ path: root })).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
  });

  it('says clearly that a path is no directory, read-only or not ours', async () => {
    fs.writeFileSync(`${root}/file`, 'x');
    const notDirectory = await rejection(DataDirectory.open({ path: `${root}/file` }));
    expect(notDirectory).toMatchObject({ code: 'STORAGE_IO' });
    expect((notDirectory as Error).message).toContain(`${root}/file`);

    fs.mkdirSync(`${root}/closed`);
    fs.chmodSync(root, 0o755);
    fs.chmodSync(`${root}/closed`, 0o555);
    const denied = await asOrdinaryUser(() => rejection(DataDirectory.open({ path: `${root}/closed` })));
    expect(denied).toMatchObject({ code: 'STORAGE_IO' });
    expect((denied as Error).message).toMatch(/permission denied/);
  });

  it('can be created again after a crash at any step, and never loses a created one', async () => {
    let completed = false;
    for (let step = 1; !completed; step++) {
      const fileSystem = new MemoryFileSystem(step);
      const options: DataDirectoryOptions = {
        path: '/data',
        fileSystem,
        lock: () => Promise.resolve({ release: () => Promise.resolve() }),
        initialise: async ({ logPath, identity: { logId } }) => {
          const log = await SegmentLog.open({
            fileSystem,
            directory: logPath,
            logId,
            segmentBytes: 8192,
            visit: () => undefined,
          });
          await log.close();
        },
      };
      fileSystem.failAt(step);
      const outcome = await rejection(DataDirectory.open(options));
      completed = outcome === 'no error';
      fileSystem.crash();
      const directory = await DataDirectory.open(options);
      if (completed) expect(directory.fresh).toBe(false);
      const { logPath: location, identity } = directory;
      const log = await SegmentLog.open({
        fileSystem,
        directory: location,
        logId: identity.logId,
        create: false,
        visit: () => undefined,
      });
      await log.close();
      fileSystem.crash();
      expect((await DataDirectory.open(options)).identity).toEqual(identity);
    }
  });
});

/** Runs with the rights of an ordinary user, as permissions do not hold for root. */
async function asOrdinaryUser<T>(action: () => Promise<T>): Promise<T> {
  const { seteuid, geteuid } = process;
  if (geteuid?.() !== 0 || seteuid === undefined) return action();
  seteuid(65_534);
  try {
    return await action();
  } finally {
    seteuid(0);
  }
}
