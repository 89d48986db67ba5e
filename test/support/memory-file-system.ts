/**
 * A file system in memory that can crash: the FileSystem port with the worst behaviour that the port allows.
 *
 * Files are inodes with durable bytes and a list of unsynced sectors; directories have durable names and a list of
 * unsynced changes. After `crash`, each unsynced sector, and each unsynced change of a directory, has reached the disk or
 * not, each on its own. After a failed sync the unsynced sectors can still be read, but no later sync writes them. A
 * killed process (`kill`) loses nothing that was written. The operation chosen with `failAt` throws, having done its work
 * in part, and so does every operation after it.
 */
import { StoreError } from '../../src/domain/errors.ts';
import type { FileSystem, OpenMode, StorageFile } from '../../src/storage/file-system.ts';

const SECTOR_BYTES = 512;

/** Random numbers in [0, 1), from a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Inode {
  durable = new Uint8Array(0);
  current = new Uint8Array(0);
  /** Sectors that differ from the durable ones, perhaps. */
  readonly dirty = new Set<number>();

  resize(size: number): void {
    const next = new Uint8Array(size);
    next.set(this.current.subarray(0, size));
    for (
      let sector = Math.floor(Math.min(size, this.current.length) / SECTOR_BYTES);
      sector * SECTOR_BYTES < size;
      sector++
    ) {
      this.dirty.add(sector);
    }
    this.current = next;
  }

  write(bytes: Uint8Array, offset: number): void {
    if (offset + bytes.length > this.current.length) this.resize(offset + bytes.length);
    this.current.set(bytes, offset);
    for (let at = offset - (offset % SECTOR_BYTES); at < offset + bytes.length; at += SECTOR_BYTES)
      this.dirty.add(at / SECTOR_BYTES);
  }

  sync(): void {
    if (this.durable.length !== this.current.length) this.durable = this.current.slice();
    for (const sector of this.dirty) {
      const at = sector * SECTOR_BYTES;
      this.durable.set(this.current.subarray(at, at + SECTOR_BYTES), at);
    }
    this.dirty.clear();
  }

  /** Keeps each unsynced sector or not; the size is the durable one, unless unsynced sectors behind it are kept. */
  crash(random: () => number): void {
    const kept = [...this.dirty].filter(() => random() < 0.5);
    const current = this.current;
    let size = Math.min(this.durable.length, current.length);
    if (random() < 0.5) size = current.length;
    for (const sector of kept) size = Math.max(size, Math.min((sector + 1) * SECTOR_BYTES, current.length));
    const next = new Uint8Array(size);
    next.set(this.durable.subarray(0, size));
    for (const sector of kept)
      next.set(current.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES), sector * SECTOR_BYTES);
    this.durable = next;
    this.current = next.slice();
    this.dirty.clear();
  }
}

type NameChange = (names: Map<string, Inode>) => void;

class Directory {
  durable = new Map<string, Inode>();
  current = new Map<string, Inode>();
  pending: NameChange[] = [];

  change(change: NameChange): void {
    change(this.current);
    this.pending.push(change);
  }

  sync(): void {
    this.durable = new Map(this.current);
    this.pending = [];
  }

  crash(random: () => number): void {
    for (const change of this.pending) if (random() < 0.5) change(this.durable);
    this.current = new Map(this.durable);
    this.pending = [];
  }
}

export class MemoryFileSystem implements FileSystem {
  readonly #directories = new Map<string, Directory>();
  #operations = 0;
  #failAt = Infinity;
  #failure: Error | null = null;
  #random: () => number;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  /** Changes (writes, syncs, names) asked for so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Makes the change with this number, counted from 1, fail, and everything after it. */
  failAt(operation: number): void {
    this.#failAt = operation;
  }

  /** Power loss: what was not synced is kept or lost at random. The disk works again. */
  crash(): void {
    for (const directory of this.#directories.values()) {
      const inodes = new Set([...directory.durable.values(), ...directory.current.values()]);
      directory.crash(this.#random);
      for (const inode of inodes) inode.crash(this.#random);
    }
    this.kill();
  }

  /** The process ended: what was written stays, synced or not. The disk works again. */
  kill(): void {
    this.#failure = null;
    this.#failAt = Infinity;
  }

  /** The bytes of a file as they are now, to be changed by tests of damage. */
  bytes(path: string): Uint8Array {
    return this.#inode(path).current;
  }

  /** Gives a file other bytes, durably. */
  replace(path: string, bytes: Uint8Array): void {
    const inode = this.#inode(path);
    inode.current = bytes.slice();
    inode.durable = bytes.slice();
    inode.dirty.clear();
  }

  async open(path: string, mode: OpenMode): Promise<StorageFile> {
    await this.#turn();
    const [directory, name] = this.#split(path);
    if (mode === 'create') {
      this.#count(path);
      if (directory.current.has(name)) throw failure(path, 'there is already a file with this name');
      const inode = new Inode();
      directory.change((names) => names.set(name, inode));
      return this.#file(path, inode);
    }
    return this.#file(path, this.#inode(path));
  }

  async exists(path: string): Promise<boolean> {
    await this.#turn();
    if (this.#directories.has(path)) return true;
    const [directory, name] = this.#split(path);
    return directory.current.has(name);
  }

  async list(directory: string): Promise<string[]> {
    await this.#turn();
    const own = [...this.#directory(directory).current.keys()];
    const below = [...this.#directories.keys()]
      .filter((path) => path.startsWith(`${directory}/`) && !path.slice(directory.length + 1).includes('/'))
      .map((path) => path.slice(directory.length + 1));
    return [...own, ...below].sort();
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#turn();
    if (!this.#directories.has(path)) this.#directories.set(path, new Directory());
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#turn();
    this.#count(from);
    const [directory, name] = this.#split(from);
    const inode = this.#inode(from);
    const [, next] = this.#split(to);
    directory.change((names) => {
      names.delete(name);
      names.set(next, inode);
    });
  }

  async unlink(path: string): Promise<void> {
    await this.#turn();
    this.#count(path);
    const [directory, name] = this.#split(path);
    if (directory.current.has(name)) directory.change((names) => names.delete(name));
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#turn();
    this.#count(directory);
    this.#directory(directory).sync();
  }

  #file(path: string, inode: Inode): StorageFile {
    const read = (target: Uint8Array, offset: number): number => {
      const found = inode.current.subarray(offset, offset + target.length);
      target.set(found);
      return found.length;
    };
    return {
      path,
      read: async (target, offset) => {
        await this.#turn();
        return read(target, offset);
      },
      readSync: read,
      write: async (chunks, offset) => {
        const bytes = Buffer.concat(chunks);
        await this.#turn();
        this.#count(path, () => {
          const start = Math.floor(this.#random() * (bytes.length + 1));
          inode.write(bytes.subarray(0, start), offset);
        });
        inode.write(bytes, offset);
      },
      datasync: async () => {
        await this.#turn();
        this.#count(path, () => {
          inode.dirty.clear();
        });
        inode.sync();
      },
      preallocate: async (size) => {
        await this.#turn();
        this.#count(path, () => inode.resize(Math.floor(this.#random() * size)));
        inode.resize(size);
        inode.sync();
      },
      truncate: async (size) => {
        await this.#turn();
        this.#count(path);
        inode.resize(size);
      },
      size: async () => {
        await this.#turn();
        return inode.current.length;
      },
      close: async () => Promise.resolve(),
    };
  }

  /** A turn of the event loop's microtasks, as a real disk answers later. */
  async #turn(): Promise<void> {
    await Promise.resolve();
    if (this.#failure !== null) throw this.#failure;
  }

  #count(path: string, inPart: () => void = () => undefined): void {
    this.#operations++;
    if (this.#operations < this.#failAt) return;
    this.#failure = failure(path, 'the disk failed');
    inPart();
    throw this.#failure;
  }

  #directory(path: string): Directory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw failure(path, 'no such directory');
    return directory;
  }

  #split(path: string): [Directory, string] {
    const slash = path.lastIndexOf('/');
    return [this.#directory(path.slice(0, slash)), path.slice(slash + 1)];
  }

  #inode(path: string): Inode {
    const [directory, name] = this.#split(path);
    const inode = directory.current.get(name);
    if (inode === undefined) throw failure(path, 'no such file');
    return inode;
  }
}

function failure(path: string, reason: string): StoreError<'STORAGE_IO'> {
  return new StoreError('STORAGE_IO', `${path}: ${reason}.`, { path, reason });
}
