/**
 * A lock that the operating system holds for an open file, and takes back when the process ends in any way.
 *
 * The only file that imports the native lock. The lock file keeps the holder's process id, so that the next one can be
 * told who holds it; the text is for people, the lock alone decides.
 */
import fs from 'node:fs/promises';

import { tryLock } from 'fs-native-extensions';

import { StoreError } from '../domain/errors.ts';
import { fileSystemError } from './node-file-system.ts';

/** A lock that is held. */
export interface FileLock {
  /** Gives it back. A second call does nothing. */
  release(): Promise<void>;
}

/**
 * Locks `path`, creating the file when missing. STORAGE_LOCKED, with the holder's process id when it can be read, when
 * another process, or another caller in this one, holds it; STORAGE_IO when the file cannot be opened for writing.
 */
export async function lockFile(path: string): Promise<FileLock> {
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(path, 'a+', 0o640);
  } catch (error) {
    throw fileSystemError('open', path, error);
  }
  try {
    if (!tryLock(handle.fd)) {
      const text = (await handle.readFile('utf8')).trim();
      const holder = /^\d+$/.test(text) ? text : null;
      const who = holder === null ? 'another process' : `the process ${holder}`;
      throw new StoreError('STORAGE_LOCKED', `${path} is locked by ${who}: stop it, or use another data directory.`, {
        path,
        holder,
      });
    }
    await handle.truncate(0);
    await handle.write(`${process.pid}\n`, 0);
  } catch (error) {
    await handle.close();
    throw error instanceof StoreError ? error : fileSystemError('lock', path, error);
  }
  return { release: () => handle.close() };
}
