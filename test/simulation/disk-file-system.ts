/**
 * The file-system port on a simulated disk, for one run of one process.
 *
 * Invariants: what touches the platter takes virtual time and settles by an event; the rest settles at once. When the
 * process has ended, nothing that it started settles any more, and new calls never settle. Must not know what the files
 * hold.
 */
import type { FileSystem, OpenMode, StorageFile } from '../../src/storage/file-system.ts';
import { type DirtyRange, type Disk, diskError, Inode } from './disk.ts';
import type { SeededRandom } from './random.ts';

/** What the file system needs of the process that it serves. */
export interface DiskProcess {
  readonly disk: Disk;
  readonly random: SeededRandom;
  /** Runs `action` after `delay` microseconds unless the process has ended by then; waits while it is paused. */
  later(delay: number, action: () => void): void;
  /** Whether the process still runs. */
  alive(): boolean;
}

/** Latencies in microseconds, and the faults to come. */
export interface DiskBehaviour {
  writeMicros: number;
  syncMicros: number;
  /** No operation completes before this time. */
  stalledUntil: number;
  /** Operations until one fails; below 0 for never. */
  failAfter: number;
  /** A failure has been reported to the process. */
  failed: boolean;
  now(): number;
}

export class SimulatedFileSystem implements FileSystem {
  readonly #process: DiskProcess;
  readonly #behaviour: DiskBehaviour;

  constructor(process: DiskProcess, behaviour: DiskBehaviour) {
    this.#process = process;
    this.#behaviour = behaviour;
  }

  get #disk(): Disk {
    return this.#process.disk;
  }

  async open(path: string, mode: OpenMode): Promise<StorageFile> {
    await this.running();
    if (mode === 'create') {
      if (this.#disk.names.has(path)) throw diskError(path, 'there is already a file with this name');
      const created = new Inode();
      this.#disk.changeNames((names) => names.set(path, created));
      return new SimulatedFile(path, created, this);
    }
    return new SimulatedFile(path, this.#disk.find(path), this);
  }

  async exists(path: string): Promise<boolean> {
    await this.running();
    return this.#disk.names.has(path) || this.#disk.directories.has(path);
  }

  async list(directory: string): Promise<string[]> {
    await this.running();
    const prefix = `${directory}/`;
    const names = [...this.#disk.names.keys()].filter((name) => name.startsWith(prefix));
    return names
      .map((name) => name.slice(prefix.length))
      .filter((name) => !name.includes('/'))
      .sort();
  }

  async makeDirectory(path: string): Promise<void> {
    await this.running();
    this.#disk.directories.add(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.running();
    const inode = this.#disk.find(from);
    this.#disk.changeNames((names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  async unlink(path: string): Promise<void> {
    await this.running();
    this.#disk.changeNames((names) => names.delete(path));
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.takeTime('sync', directory, this.#behaviour.syncMicros);
    this.#disk.syncNames();
  }

  /** Passes while the process lives; for a dead one, never settles. */
  running(): Promise<void> {
    return this.#process.alive() ? Promise.resolve() : new Promise(() => undefined);
  }

  /** Settles after about `micros` of virtual time, rejecting when a failure is due. */
  takeTime(operation: string, path: string, micros: number, onFailure?: () => void): Promise<void> {
    const behaviour = this.#behaviour;
    return new Promise((resolve, reject) => {
      if (!this.#process.alive()) return;
      const stall = Math.max(0, behaviour.stalledUntil - behaviour.now());
      const spread = this.#process.random.between(Math.ceil(micros / 4), 2 * micros);
      const fails = behaviour.failAfter === 0;
      if (behaviour.failAfter >= 0) behaviour.failAfter--;
      this.#process.later(stall + spread, () => {
        if (!fails) {
          resolve();
          return;
        }
        behaviour.failed = true;
        onFailure?.();
        reject(diskError(path, `the disk reported an input/output error (${operation})`));
      });
    });
  }

  get behaviour(): DiskBehaviour {
    return this.#behaviour;
  }

  get random(): SeededRandom {
    return this.#process.random;
  }
}

class SimulatedFile implements StorageFile {
  readonly path: string;
  readonly #inode: Inode;
  readonly #fileSystem: SimulatedFileSystem;

  constructor(path: string, inode: Inode, fileSystem: SimulatedFileSystem) {
    this.path = path;
    this.#inode = inode;
    this.#fileSystem = fileSystem;
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    await this.#fileSystem.running();
    return this.readSync(target, offset);
  }

  readSync(target: Uint8Array, offset: number): number {
    const end = Math.min(offset + target.length, this.#inode.cachedSize);
    if (end <= offset) return 0;
    target.set(this.#inode.cached.subarray(offset, end));
    return end - offset;
  }

  async write(chunks: readonly Uint8Array[], offset: number): Promise<void> {
    await this.#fileSystem.running();
    let end = offset;
    for (const chunk of chunks) end += chunk.length;
    this.#inode.grow(end);
    let at = offset;
    for (const chunk of chunks) {
      this.#inode.cached.set(chunk, at);
      at += chunk.length;
    }
    const range: DirtyRange = { offset, length: end - offset, completed: false };
    this.#inode.dirty.push(range);
    await this.#fileSystem.takeTime('write', this.path, this.#fileSystem.behaviour.writeMicros);
    range.completed = true;
  }

  async datasync(): Promise<void> {
    const covered = this.#inode.dirty.filter((range) => range.completed);
    await this.#fileSystem.takeTime('sync', this.path, this.#fileSystem.behaviour.syncMicros, () => {
      for (const range of covered)
        if (this.#fileSystem.random.chance(0.3)) this.#inode.settle(range.offset, range.length);
      this.#inode.dirty = this.#inode.dirty.filter((range) => !covered.includes(range));
    });
    this.#inode.sync(covered);
  }

  async preallocate(size: number): Promise<void> {
    this.#inode.grow(size);
    await this.#fileSystem.takeTime('preallocate', this.path, 2 * this.#fileSystem.behaviour.syncMicros);
    this.#inode.sync([]);
  }

  async truncate(size: number): Promise<void> {
    await this.#fileSystem.running();
    if (size < this.#inode.cachedSize) this.#inode.cached.fill(0, size);
    else this.#inode.grow(size);
    this.#inode.cachedSize = size;
  }

  async size(): Promise<number> {
    await this.#fileSystem.running();
    return this.#inode.cachedSize;
  }

  async close(): Promise<void> {
    await this.#fileSystem.running();
  }
}
