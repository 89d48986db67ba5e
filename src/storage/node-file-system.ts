/**
 * The file-system port over node:fs: descriptors and the callback API, which costs one trip to the thread pool a call.
 *
 * On Linux, files are opened so that a write is durable when it returns (O_DSYNC, open(2): as if each write were followed by
 * fdatasync): a group of the log is one trip to the thread pool and one system call instead of two. Elsewhere that flag does not reach
 * the disk's cache, which libuv's fdatasync does, so the two stay apart there.
 *
 * Invariants: a write returns when all its bytes are with the kernel; errors name the path and say in plain words what
 * the system's code means. Must not know what the files hold, and never retries.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';

import { StoreError } from '../domain/errors.ts';
import { assert } from '../lib/assert.ts';
import type { FileSystem, OpenMode, StorageFile } from './file-system.ts';

const openDescriptor = promisify(fs.open);
const closeDescriptor = promisify(fs.close);
const datasyncDescriptor = promisify(fs.fdatasync);
const syncDescriptor = promisify(fs.fsync);
const truncateDescriptor = promisify(fs.ftruncate);
const statDescriptor = promisify(fs.fstat);

/** Zeros are written in pieces of this size, so that preallocating never holds more than one piece in memory. */
const ZERO_CHUNK_BYTES = 1 << 20;
/** Preallocation syncs this often, where writes do not do so, so that it never leaves a long queue for the sync of a group in front of it. */
const ZERO_SYNC_BYTES = 1 << 20;

/** Whether a write through a descriptor opened for writing is durable when it returns. */
const WRITES_ARE_DURABLE = process.platform === 'linux';

/** What the usual system codes mean to whoever runs the server. */
const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: the server’s user needs read and write access',
  EPERM: 'operation not permitted: the server’s user needs read and write access',
  EROFS: 'the file system is mounted read-only',
  ENOSPC: 'the disk is full: free some space and start again',
  EDQUOT: 'the disk quota is used up: raise it or free some space and start again',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EEXIST: 'there is already something else with this name',
  EMFILE: 'too many open files: raise the limit of open files (ulimit -n)',
  ENFILE: 'too many open files on this machine',
  EIO: 'the disk reported an input/output error',
};

/** The port's error for a failure of the system call `operation` on `path`. */
export function fileSystemError(operation: string, path: string, cause: unknown): StoreError<'STORAGE_IO'> {
  const code = systemCode(cause);
  const meaning = MEANINGS[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const reason = code === '' ? meaning : `${meaning} (${code})`;
  return new StoreError('STORAGE_IO', `Cannot ${operation} ${path}: ${reason}.`, { path, reason }, { cause });
}

/** The system's code of an error (`ENOENT`, …), or the empty string. */
export function systemCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}

async function attempt<T>(operation: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof StoreError ? error : fileSystemError(operation, path, error);
  }
}

class NodeFile implements StorageFile {
  readonly path: string;
  readonly #descriptor: number;
  /** Counts the changes that a write does not make durable: what whoever wrote before has left, and truncations. */
  #unsynced = 1;
  /** How many of them are durable. */
  #synced = 0;
  #closed = false;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const count = await this.#readOnce(target, done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  readSync(target: Uint8Array, offset: number): number {
    this.#assertOpen();
    let done = 0;
    try {
      while (done < target.length) {
        const count = fs.readSync(this.#descriptor, target, done, target.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw fileSystemError('read', this.path, error);
    }
    return done;
  }

  async write(chunks: readonly Uint8Array[], offset: number): Promise<void> {
    let rest = chunks;
    let at = offset;
    while (rest.length > 0) {
      const count = await this.#writeOnce(rest, at);
      at += count;
      rest = withoutFirst(rest, count);
    }
  }

  async datasync(): Promise<void> {
    this.#assertOpen();
    const changes = this.#unsynced;
    if (WRITES_ARE_DURABLE && this.#synced === changes) return;
    await attempt('sync', this.path, () => datasyncDescriptor(this.#descriptor));
    this.#synced = changes;
  }

  async preallocate(size: number): Promise<void> {
    assert((await this.size()) === 0, `${this.path} must be empty to be preallocated`);
    const zeros = new Uint8Array(Math.min(size, ZERO_CHUNK_BYTES));
    for (let at = 0; at < size; at += zeros.length) {
      if (at > 0 && at % ZERO_SYNC_BYTES === 0) await this.datasync();
      await this.write([zeros.subarray(0, Math.min(zeros.length, size - at))], at);
    }
    await this.datasync();
  }

  async truncate(size: number): Promise<void> {
    this.#assertOpen();
    this.#unsynced += 1;
    await attempt('truncate', this.path, () => truncateDescriptor(this.#descriptor, size));
  }

  async size(): Promise<number> {
    this.#assertOpen();
    return (await attempt('read the size of', this.path, () => statDescriptor(this.#descriptor))).size;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await attempt('close', this.path, () => closeDescriptor(this.#descriptor));
  }

  #assertOpen(): void {
    assert(!this.#closed, `${this.path} is used after it was closed`);
  }

  #readOnce(target: Uint8Array, at: number, offset: number): Promise<number> {
    this.#assertOpen();
    return new Promise((resolve, reject) => {
      fs.read(this.#descriptor, target, at, target.length - at, offset, (error, count) => {
        if (error) reject(fileSystemError('read', this.path, error));
        else resolve(count);
      });
    });
  }

  #writeOnce(chunks: readonly Uint8Array[], offset: number): Promise<number> {
    this.#assertOpen();
    return new Promise((resolve, reject) => {
      const answer = (error: Error | null, count: number): void => {
        if (error) reject(fileSystemError('write to', this.path, error));
        else resolve(count);
      };
      const [first] = chunks;
      if (chunks.length === 1 && first !== undefined) {
        fs.write(this.#descriptor, first, 0, first.length, offset, answer);
      } else {
        fs.writev(this.#descriptor, chunks as Uint8Array[], offset, answer);
      }
    });
  }
}

/** What is left of `chunks` when their first `count` bytes are written. */
function withoutFirst(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [i, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(i + 1)];
    left -= chunk.length;
  }
  return [];
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DSYNC } = fs.constants;
const DURABLE = WRITES_ARE_DURABLE ? O_DSYNC : 0;
const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  write: O_RDWR | DURABLE,
  create: O_RDWR | O_CREAT | O_EXCL | DURABLE,
};

/** The disk of this machine. New files are readable by the owner and group only. */
export const nodeFileSystem: FileSystem = {
  async open(path: string, mode: OpenMode): Promise<StorageFile> {
    const descriptor = await attempt('open', path, () => openDescriptor(path, OPEN_FLAGS[mode], 0o640));
    return new NodeFile(path, descriptor);
  },

  async exists(path: string): Promise<boolean> {
    try {
      await fs.promises.stat(path);
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw fileSystemError('look at', path, error);
    }
  },

  async list(directory: string): Promise<string[]> {
    const names = await attempt('list', directory, () => fs.promises.readdir(directory));
    return names.sort();
  },

  async makeDirectory(path: string): Promise<void> {
    await attempt('create the directory', path, async () => {
      await fs.promises.mkdir(path, { recursive: true, mode: 0o750 });
    });
  },

  async rename(from: string, to: string): Promise<void> {
    await attempt('rename', from, () => fs.promises.rename(from, to));
  },

  async unlink(path: string): Promise<void> {
    await attempt('remove', path, () => fs.promises.rm(path, { force: true }));
  },

  async syncDirectory(directory: string): Promise<void> {
    await attempt('sync', directory, async () => {
      const descriptor = await openDescriptor(directory, 'r');
      try {
        await syncDescriptor(descriptor);
      } finally {
        await closeDescriptor(descriptor);
      }
    });
  },
};
