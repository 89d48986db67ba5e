/**
 * The key-value port over RocksDB. Knows the binding's manners and RocksDB's options; must not know what keys mean.
 *
 * Writes go to RocksDB's own journal without sync: after a crash of the process nothing is lost, after one of the machine the
 * state is that after some earlier write, and the Raft log brings the rest (design section 4.3).
 */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../../domain/errors.ts';
import { assert } from '../../lib/assert.ts';
import { corruption } from '../corruption.ts';
import type {
  KeyValue,
  KeyValueEntry,
  KeyValueReader,
  KeyValueSnapshot,
  ScanOptions,
  WriteBatch,
} from '../key-value/key-value.ts';
import type { KeyRange } from '../keys.ts';
import { openRocksDatabase, type RocksDatabase, type RocksOptions, type RocksSession } from './binding.ts';
import { checkRecordFraming } from './record-framing.ts';
import { rocksError } from './rocks-error.ts';

/** Measured; see the README's decisions. */
const OPTIONS: RocksOptions = {
  maxBackgroundJobs: 2,
  skipStatsUpdateOnOpen: true,
  writeBufferSize: 64 * 1024 * 1024,
  maxWriteBufferNumber: 3,
};
const NOTHING = new Uint8Array(0);

/** RocksDB's properties that become metrics, by our name. */
const GAUGES: ReadonlyMap<string, string> = new Map([
  ['rocksdb_live_sst_bytes', 'rocksdb.live-sst-files-size'],
  ['rocksdb_memtable_bytes', 'rocksdb.cur-size-all-mem-tables'],
  ['rocksdb_block_cache_bytes', 'rocksdb.block-cache-usage'],
  ['rocksdb_table_reader_bytes', 'rocksdb.estimate-table-readers-mem'],
  ['rocksdb_estimated_keys', 'rocksdb.estimate-num-keys'],
  ['rocksdb_pending_compaction_bytes', 'rocksdb.estimate-pending-compaction-bytes'],
  ['rocksdb_running_compactions', 'rocksdb.num-running-compactions'],
  ['rocksdb_running_flushes', 'rocksdb.num-running-flushes'],
  ['rocksdb_background_errors', 'rocksdb.background-errors'],
  ['rocksdb_write_stopped', 'rocksdb.is-write-stopped'],
]);

class RocksReader implements KeyValueReader {
  protected readonly path: string;
  readonly #session: RocksSession;

  constructor(path: string, session: RocksSession) {
    this.path = path;
    this.#session = session;
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | null)[]> {
    if (keys.length === 0) return Promise.resolve([]);
    return this.guard(async () => {
      const batch = this.#session.read({ capacity: keys.length, autoDestroy: true });
      const values = Promise.all(keys.map((key) => batch.get(key)));
      // A failed get rejects both; the flush tells it.
      values.catch(() => undefined);
      await batch.flush();
      return await values;
    });
  }

  scan(range: KeyRange, options: ScanOptions): Promise<KeyValueEntry[]> {
    const { limit, reverse = false, keysOnly = false } = options;
    assert(limit >= 1, () => `a scan of at most ${limit} entries`);
    return this.guard(async () => {
      const entries: KeyValueEntry[] = [];
      const iterator = this.#session.iterator({ ...range, reverse, values: !keysOnly, limit, capacity: limit });
      for await (const { key, value } of iterator) {
        entries.push({ key, value: value ?? NOTHING });
        if (entries.length === limit) break;
      }
      return entries;
    });
  }

  protected async guard<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw rocksError(this.path, error);
    }
  }
}

class RocksSnapshot extends RocksReader implements KeyValueSnapshot {
  readonly #session: RocksSession;

  constructor(path: string, session: RocksSession) {
    super(path, session);
    this.#session = session;
  }

  release(): Promise<void> {
    return this.guard(() => this.#session.close());
  }
}

export class RocksKeyValue extends RocksReader implements KeyValue {
  readonly recoveredBytes: number;
  readonly #database: RocksDatabase;
  #closing: Promise<void> | null = null;

  private constructor(path: string, database: RocksDatabase, recoveredBytes: number) {
    super(path, database);
    this.#database = database;
    this.recoveredBytes = recoveredBytes;
  }

  /**
   * Opens the database in `path`, or makes one when the directory is missing (its parent must be there) or empty. Throws STORAGE_LOCKED when it is in
   * use, STORAGE_CORRUPT when its files are damaged, STORAGE_IO.
   */
  static async open(path: string, options: RocksOptions = {}): Promise<RocksKeyValue> {
    const { isNew, journalBytes } = await look(path);
    try {
      const database = openRocksDatabase(path, { ...OPTIONS, ...options, createIfMissing: isNew });
      await database.ready();
      return new RocksKeyValue(path, database, journalBytes);
    } catch (error) {
      throw rocksError(path, error);
    }
  }

  write(fill: (batch: WriteBatch) => void): Promise<void> {
    return this.guard(async () => {
      const batch = this.#database.write({ capacity: 64 });
      try {
        fill({
          put: (key, value) => batch.tryPut(key, value),
          delete: (key) => batch.tryDelete(key),
        });
        await batch.flush();
      } finally {
        batch.destroy();
      }
    });
  }

  snapshot(): KeyValueSnapshot {
    return new RocksSnapshot(this.path, this.#database.snapshot());
  }

  flush(): Promise<void> {
    return this.guard(() => this.#database.flush());
  }

  approximateSize(range: KeyRange): Promise<number> {
    return this.guard(() => this.#database.approximateSize(range.gte, range.lt, { includeMemtables: true }));
  }

  gauges(): Promise<ReadonlyMap<string, number>> {
    return this.guard(async () => {
      const gauges = new Map<string, number>();
      for (const [name, property] of GAUGES) gauges.set(name, Number(await this.#database.getProperty(property)));
      return gauges;
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.guard(async () => {
      try {
        await this.#database.flush();
      } finally {
        await this.#database.close();
      }
    });
    return this.#closing;
  }
}

/** What is in the directory: RocksDB itself would begin anew, over the old files, when CURRENT is missing. */
async function look(path: string): Promise<{ readonly isNew: boolean; readonly journalBytes: number }> {
  try {
    // RocksDB itself never comes back from a directory that it cannot make.
    await mkdir(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    const names = await readdir(path);
    const isData = (name: string): boolean => /^(\d+\.(sst|log|blob)|MANIFEST-\d+|CURRENT)$/.test(name);
    if (!names.includes('CURRENT')) {
      const left = names.find(isData);
      if (left === undefined) return { isNew: true, journalBytes: 0 };
      throw corruption(`the RocksDB database ${path}`, `it has ${left}, but its file CURRENT is missing`);
    }
    const journals = names.filter((name) => name.endsWith('.log'));
    const manifests = names.filter((name) => name.startsWith('MANIFEST-'));
    for (const name of [...manifests, ...journals]) await checkRecordFraming(join(path, name));
    const sizes = await Promise.all(journals.map(async (name) => (await stat(join(path, name))).size));
    return { isNew: false, journalBytes: sizes.reduce((sum, size) => sum + size, 0) };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const reason = (error as Error).message;
    throw new StoreError(
      'STORAGE_IO',
      `cannot open the directory ${path}: ${reason}`,
      { path, reason },
      { cause: error },
    );
  }
}
