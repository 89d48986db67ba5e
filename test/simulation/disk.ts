/**
 * A simulated disk: what is on the platter, what is only in the cache, and what a crash makes of the difference.
 *
 * Invariants: bytes and sizes reach the platter by a completed sync, or by chance at a crash, in any prefix or any choice
 * of 512-byte sectors; names reach it by a directory sync, or by chance in the order of the operations; a failed sync
 * drops what it should have written from the cache's memory of dirty pages, as Linux does, so that a retry proves
 * nothing. Time and processes are the business of disk-file-system.ts.
 */
import { StoreError } from '../../src/domain/errors.ts';
import type { SeededRandom } from './random.ts';

const SECTOR_BYTES = 512;

/** A change of a file that no sync has covered yet. */
export interface DirtyRange {
  readonly offset: number;
  readonly length: number;
  /** The write has been answered, so that the next sync covers it. */
  completed: boolean;
}

/** A file's two contents. Only bytes below the sizes count. */
export class Inode {
  cached: Uint8Array = new Uint8Array(0);
  cachedSize = 0;
  platter: Uint8Array = new Uint8Array(0);
  platterSize = 0;
  dirty: DirtyRange[] = [];
  /** What the last sync made durable, and what was written after it. */
  #youngest: readonly DirtyRange[] = [];

  /** Makes room; what is new reads as zeros. */
  grow(size: number): void {
    if (size > this.cached.length) this.cached = enlarged(this.cached, size);
    this.cachedSize = Math.max(this.cachedSize, size);
  }

  /** Moves a range to the platter. */
  settle(offset: number, length: number): void {
    const end = Math.min(offset + length, this.cachedSize);
    if (end <= offset) return;
    if (end > this.platter.length) this.platter = enlarged(this.platter, Math.max(end, this.cachedSize));
    this.platter.set(this.cached.subarray(offset, end), offset);
    this.platterSize = Math.max(this.platterSize, end);
  }

  /** The unsynced ranges have reached the platter or not. */
  forgetDirty(): void {
    this.#youngest = [...this.#youngest, ...this.dirty];
    this.dirty = [];
  }

  /** Whether nothing that was written later can tell that the byte was durable. */
  isYoung(offset: number): boolean {
    return this.#youngest.some((range) => offset >= range.offset && offset < range.offset + range.length);
  }

  /** Moves everything to the platter that was answered; the size comes with it. */
  sync(covered: readonly DirtyRange[]): void {
    for (const range of covered) this.settle(range.offset, range.length);
    if (covered.length > 0) this.#youngest = covered;
    this.dirty = this.dirty.filter((range) => !covered.includes(range));
    if (this.cachedSize > this.platter.length) this.platter = enlarged(this.platter, this.cachedSize);
    if (this.platterSize > this.cachedSize) this.platter.fill(0, this.cachedSize);
    this.platterSize = this.cachedSize;
  }
}

function enlarged(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(bytes);
  return result;
}

type NameChange = (names: Map<string, Inode>) => void;

/** How a crash treats what was not synced. */
export type CrashMode = 'none' | 'all' | 'prefix' | 'sectors';

export class Disk {
  /** Names as a running process sees them. */
  names = new Map<string, Inode>();
  readonly directories = new Set<string>(['']);
  #platterNames = new Map<string, Inode>();
  #nameChanges: NameChange[] = [];
  /** Bits have been flipped on the platter since the last wipe: the owner may refuse to start. */
  damaged = false;

  changeNames(change: NameChange): void {
    change(this.names);
    this.#nameChanges.push(change);
  }

  syncNames(): void {
    this.#platterNames = new Map(this.names);
    this.#nameChanges = [];
  }

  find(path: string): Inode {
    const inode = this.names.get(path);
    if (inode === undefined) throw diskError(path, 'no such file');
    return inode;
  }

  /** The machine stops: what was only cached survives by chance. */
  crash(random: SeededRandom): CrashMode {
    const mode: CrashMode = random.weighted({ none: 3, all: 2, prefix: 3, sectors: 3 });
    const keep =
      mode === 'none' ? 0 : mode === 'all' ? this.#nameChanges.length : random.between(0, this.#nameChanges.length);
    for (const change of this.#nameChanges.slice(0, keep)) change(this.#platterNames);
    this.#nameChanges = [];
    this.names = new Map(this.#platterNames);
    for (const inode of this.names.values()) crashInode(inode, mode, random);
    return mode;
  }

  /**
   * Flips bits of the bytes on the platter, `count` at most; only while no process runs on it. Spares what was synced
   * last: no log can tell a flipped bit there from a write that a crash has torn.
   */
  flipBits(random: SeededRandom, count: number): void {
    const inodes = [...this.names.values()].filter((inode) => inode.platterSize > 0);
    for (let i = 0; i < count; i++) {
      const inode = random.pick(inodes);
      if (inode === undefined) return;
      const used = usedBytes(inode);
      const offset = random.below(random.chance(0.9) ? Math.max(used, 1) : inode.platterSize);
      if (inode.isYoung(offset)) continue;
      inode.platter[offset] = (inode.platter[offset] ?? 0) ^ (1 << random.below(8));
      inode.cached[offset] = inode.platter[offset] ?? 0;
    }
    this.damaged = true;
  }

  /** An empty disk takes its place. */
  wipe(): void {
    this.names = new Map();
    this.#platterNames = new Map();
    this.#nameChanges = [];
    this.directories.clear();
    this.directories.add('');
    this.damaged = false;
  }
}

/** Bytes up to the last that is not zero. */
function usedBytes(inode: Inode): number {
  let end = inode.platterSize;
  while (end > 0 && inode.platter[end - 1] === 0) end--;
  return end;
}

function crashInode(inode: Inode, mode: CrashMode, random: SeededRandom): void {
  if (mode === 'all') for (const range of inode.dirty) inode.settle(range.offset, range.length);
  else if (mode === 'prefix') settlePrefix(inode, random);
  else if (mode === 'sectors') settleSectors(inode, random);
  if (inode.cachedSize !== inode.platterSize && mode !== 'none') settleSize(inode, random);
  inode.forgetDirty();
  if (inode.cached.length < inode.platter.length) inode.cached = new Uint8Array(inode.platter.length);
  inode.cached.set(inode.platter.subarray(0, inode.platterSize));
  inode.cached.fill(0, inode.platterSize);
  inode.cachedSize = inode.platterSize;
}

function settlePrefix(inode: Inode, random: SeededRandom): void {
  let total = 0;
  for (const range of inode.dirty) total += range.length;
  let left = random.between(0, total);
  for (const range of inode.dirty) {
    const length = Math.min(left, range.length);
    inode.settle(range.offset, length);
    left -= length;
  }
}

function settleSectors(inode: Inode, random: SeededRandom): void {
  for (const range of inode.dirty) {
    const end = range.offset + range.length;
    for (let at = range.offset; at < end;) {
      const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      if (random.chance(0.5)) inode.settle(at, next - at);
      at = next;
    }
  }
}

/** A change of size that was not synced ends anywhere between the old size and the new one. */
function settleSize(inode: Inode, random: SeededRandom): void {
  const low = Math.min(inode.cachedSize, inode.platterSize);
  const high = Math.max(inode.cachedSize, inode.platterSize);
  const size = random.chance(0.5) ? random.between(low, high) : inode.cachedSize;
  if (size > inode.platter.length) inode.platter = enlarged(inode.platter, size);
  if (size < inode.platterSize) inode.platter.fill(0, size);
  inode.platterSize = size;
}

/** The port's error for a failure on the simulated disk. */
export function diskError(path: string, reason: string): StoreError<'STORAGE_IO'> {
  return new StoreError('STORAGE_IO', `Simulated disk: ${path}: ${reason}.`, { path, reason });
}
