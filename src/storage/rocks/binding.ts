/**
 * The RocksDB binding (npm package `rocksdb-native`, which has no types): the only file that imports it, with declarations of
 * the part we use. Must hold no logic of ours.
 *
 * What to know of it: work is done on libuv's thread pool; keys and values handed in must stay as they are until the promise
 * settles; what it hands out is memory of its own, given over. A batch takes effect with its flush, is then empty, and must be
 * destroyed (`autoDestroy` does that) or `close` waits for it. Iterators are streams; one that is not read to its end must be
 * destroyed. There is no way to sync the RocksDB journal; `flush` writes memtables to files and syncs those.
 */
import { createRequire } from 'node:module';

export interface RocksReadBatch {
  get(key: Uint8Array): Promise<Buffer | null>;
  flush(): Promise<void>;
}

export interface RocksWriteBatch {
  tryPut(key: Uint8Array, value: Uint8Array): void;
  tryDelete(key: Uint8Array): void;
  flush(): Promise<void>;
  destroy(): void;
}

export interface RocksEntry {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export interface RocksIteratorOptions {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  readonly reverse: boolean;
  readonly values: boolean;
  readonly limit: number;
  /** Entries fetched in one go. */
  readonly capacity: number;
}

export interface RocksSession {
  read(options: { readonly capacity: number; readonly autoDestroy: true }): RocksReadBatch;
  write(options: { readonly capacity: number; readonly autoDestroy?: boolean }): RocksWriteBatch;
  iterator(options: RocksIteratorOptions): AsyncIterable<RocksEntry>;
  snapshot(): RocksSession;
  flush(): Promise<void>;
  approximateSize(
    start: Uint8Array,
    end: Uint8Array,
    options?: { readonly includeMemtables: boolean },
  ): Promise<number>;
  getProperty(name: string): Promise<string>;
  close(): Promise<void>;
}

export interface RocksDatabase extends RocksSession {
  ready(): Promise<void>;
}

/** Options of the database and of its one column family; sizes in bytes. Defaults are the binding's. */
export interface RocksOptions {
  readonly createIfMissing?: boolean;
  readonly readOnly?: boolean;
  readonly maxBackgroundJobs?: number;
  readonly maxOpenFiles?: number;
  readonly skipStatsUpdateOnOpen?: boolean;
  readonly writeBufferSize?: number;
  readonly maxWriteBufferNumber?: number;
  readonly tableBlockSize?: number;
  readonly enableBlobFiles?: boolean;
  readonly minBlobSize?: number;
  readonly blobFileSize?: number;
  readonly enableBlobGarbageCollection?: boolean;
}

const load = createRequire(import.meta.url);

/** Begins to open the database in a directory; `ready` settles when it is open. */
export function openRocksDatabase(path: string, options: RocksOptions): RocksDatabase {
  const Database = load('rocksdb-native') as new (path: string, options: RocksOptions) => RocksDatabase;
  return new Database(path, options);
}
