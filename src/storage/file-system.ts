/**
 * The file-system port: all the disk access that the log and the data directory need, and nothing else.
 *
 * It is the only way to the disk for everything above it, so that a simulated disk can take its place. The rules that
 * an implementation keeps, and a simulated one may use to the full:
 *
 * - bytes written are durable after `datasync`, not before; unsynced writes may survive in any part and any order of
 *   512-byte sectors;
 * - directory changes (creation, rename, removal) are durable after `syncDirectory` of their directory;
 * - a `rename` is atomic: after a crash the old or the new name holds the file, never a part of it;
 * - failures are `StoreError`s with the code STORAGE_IO that name the path. A failed write or sync is final: nobody
 *   above may retry it, as the kernel may have dropped the dirty pages and report success the second time.
 *
 * Paths are strings with `/` between the parts. Must not know what the files hold.
 */

/** How to open: `read` and `write` (read and write) want an existing file, `create` (read and write) wants none. */
export type OpenMode = 'read' | 'write' | 'create';

/** An open file. Several reads and writes may be in flight; writes in flight must not overlap. */
export interface StorageFile {
  readonly path: string;

  /** Reads into all of `target` from `offset` on. Returns the number of bytes read, less only at the end of the file. */
  read(target: Uint8Array, offset: number): Promise<number>;

  /** The same, before it returns: the Raft core reads its storage synchronously. */
  readSync(target: Uint8Array, offset: number): number;

  /**
   * Writes all bytes of all chunks, one after the other, from `offset` on; grows the file as needed. The caller must not
   * change the chunks before the promise settles. Not durable.
   */
  write(chunks: readonly Uint8Array[], offset: number): Promise<void>;

  /** Makes every write that has completed durable, and the size of the file with it. */
  datasync(): Promise<void>;

  /**
   * Sets the size of an empty file to `size` and gives it its blocks: reads zeros, and a later write within it needs no
   * allocation. Durable when it returns.
   */
  preallocate(size: number): Promise<void>;

  /** Cuts the file to `size` bytes. Durable after `datasync`. */
  truncate(size: number): Promise<void>;

  /** Size in bytes. */
  size(): Promise<number>;

  /** Gives the file back. Does not sync. A second call does nothing. */
  close(): Promise<void>;
}

/** The directory tree. */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<StorageFile>;

  /** Whether something with this name is there. */
  exists(path: string): Promise<boolean>;

  /** Names (not paths) in a directory, sorted by code unit. */
  list(directory: string): Promise<string[]>;

  /** Creates a directory, and those above it, where missing. Durable after `syncDirectory` of the parents. */
  makeDirectory(path: string): Promise<void>;

  /** Renames within one directory, replacing what has the new name. */
  rename(from: string, to: string): Promise<void>;

  /** Removes a file, or does nothing when it is not there. */
  unlink(path: string): Promise<void>;

  /** Makes the names in `directory` durable. */
  syncDirectory(directory: string): Promise<void>;
}
