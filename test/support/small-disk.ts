/**
 * A file system of a few megabytes, so that a test can fill a disk. Needs root and Linux: elsewhere it says that it cannot.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly path: string;
  /** Gives it another size. */
  resize(bytes: number): void;
  makeReadOnly(): void;
  remove(): void;
}

/** Mounts a tmpfs of so many bytes; null, with a line on the console, where that is not allowed. */
export function mountSmallDisk(bytes: number): SmallDisk | null {
  const path = mkdtempSync(join(tmpdir(), 'graveyar-disk-'));
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'graveyar-test', path], { encoding: 'utf8' });
  if (mount.status !== 0) {
    console.log(`no small disk can be mounted here: ${mount.stderr || String(mount.error)}`);
    rmSync(path, { recursive: true });
    return null;
  }
  return {
    path,
    resize: (size) => remount(path, `size=${size}`),
    makeReadOnly: () => remount(path, 'ro'),
    remove: () => {
      spawnSync('umount', ['-l', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function remount(path: string, option: string): void {
  const { status, stderr } = spawnSync('mount', ['-o', `remount,${option}`, path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`remount failed: ${stderr}`);
}
