/** The disk of this machine: what its descriptors promise about durability, as the kernel sees them. */
import { createHook } from 'node:async_hooks';
import fs from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileSystem } from '../../src/storage/node-file-system.ts';

const O_DSYNC = 0o10000;
const onLinux = process.platform === 'linux';

describe.runIf(onLinux)('files on Linux', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'graveyar-files-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  /** The flags that the kernel has for this process's descriptor of the file. */
  function flagsOf(path: string): number {
    for (const name of fs.readdirSync('/proc/self/fd')) {
      try {
        if (fs.readlinkSync(`/proc/self/fd/${name}`) !== path) continue;
        const flags = /^flags:\s+([0-7]+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1] ?? '';
        return Number.parseInt(flags, 8);
      } catch {
        // The descriptor of the directory that is read here.
      }
    }
    throw new Error(`${path} is not open`);
  }

  it('are opened for writing so that a write is durable when it returns', async () => {
    const path = join(directory, 'file');
    const created = await nodeFileSystem.open(path, 'create');
    expect(flagsOf(path) & O_DSYNC).toBe(O_DSYNC);
    await created.close();
    const written = await nodeFileSystem.open(path, 'write');
    expect(flagsOf(path) & O_DSYNC).toBe(O_DSYNC);
    await written.close();
    const read = await nodeFileSystem.open(path, 'read');
    expect(flagsOf(path) & O_DSYNC).toBe(0);
    await read.close();
  });

  it('are synced for what others left and after being cut, but not again after a write', async () => {
    const path = join(directory, 'file');
    fs.writeFileSync(path, 'left by a process that was killed');
    const file = await nodeFileSystem.open(path, 'write');
    expect(await callsOf(() => file.datasync())).toBe(1);
    expect(await callsOf(() => file.write([new Uint8Array(8)], 0))).toBe(1);
    expect(await callsOf(() => file.datasync())).toBe(0);
    await file.truncate(4);
    expect(await callsOf(() => file.datasync())).toBe(1);
    await file.close();
  });
});

/** How many system calls of files `action` hands to the thread pool. */
async function callsOf(action: () => Promise<unknown>): Promise<number> {
  let calls = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'FSREQCALLBACK') calls += 1;
    },
  });
  hook.enable();
  try {
    await action();
  } finally {
    hook.disable();
  }
  return calls;
}
