/**
 * A disk in memory for a whole store: the log's file system, and a state that may lose what was not flushed. Lets a test take
 * the power away and open the store again.
 */
import { openStoreAt } from '../../src/cluster/open-local-store.ts';
import type { OpenLocalStoreOptions } from '../../src/cluster/open-local-store.ts';
import type { LocalStore } from '../../src/cluster/local-store.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { KeyValue, WriteBatch } from '../../src/storage/key-value/key-value.ts';
import { MemoryKeyValue } from '../../src/storage/key-value/memory-key-value.ts';
import { MemoryFileSystem, seededRandom } from './memory-file-system.ts';

const LOG = '/data/log';

type Fill = (batch: WriteBatch) => void;

export class MemoryDisk {
  readonly fileSystem: MemoryFileSystem;
  readonly #random: () => number;
  /** Every write of the state so far, and how many of them are flushed. */
  #writes: Fill[] = [];
  #flushed = 0;
  #created = false;
  #off = false;

  constructor(seed: number) {
    this.fileSystem = new MemoryFileSystem(seed);
    this.#random = seededRandom(seed + 1);
  }

  /** Writes of the state that a loss of power may take. */
  get unflushedWrites(): number {
    return this.#writes.length - this.#flushed;
  }

  /** Opens the store that lies here. */
  async open(options: OpenLocalStoreOptions = {}): Promise<LocalStore> {
    const createLog = !this.#created;
    if (createLog) await this.fileSystem.makeDirectory(LOG);
    this.#created = true;
    const places = {
      fileSystem: this.fileSystem,
      logPath: LOG,
      logId: 7,
      createLog,
      statePath: '/data/state',
      openState: () => this.#openState(),
      release: () => Promise.resolve(),
    };
    return openStoreAt(places, { segmentBytes: 64 * 1024, ...options });
  }

  /**
   * Takes the power away: from now on nothing reaches the disk, whatever a store that is still running does. To be followed
   * by {@link crash} once that store has settled.
   */
  powerOff(): void {
    this.#off = true;
    this.fileSystem.failAt(this.fileSystem.operations + 1);
  }

  /** Power again: unsynced parts of the log are kept or lost at random; the state keeps a prefix of its unflushed writes. */
  crash(): void {
    this.#off = false;
    this.fileSystem.crash();
    const kept = this.#flushed + Math.floor(this.#random() * (this.unflushedWrites + 1));
    this.#writes = this.#writes.slice(0, kept);
  }

  /** The state as if it had lost even what was flushed: damage. */
  loseState(): void {
    this.#writes = [];
    this.#flushed = 0;
  }

  async #openState(): Promise<KeyValue> {
    const memory = new MemoryKeyValue();
    for (const fill of this.#writes) await memory.write(fill);
    const powered = (): void => {
      if (this.#off) throw new StoreError('STORAGE_IO', 'the power is off', { path: '/data/state', reason: 'off' });
    };
    return {
      recoveredBytes: memory.recoveredBytes,
      getMany: (keys) => memory.getMany(keys),
      scan: (range, options) => memory.scan(range, options),
      snapshot: () => memory.snapshot(),
      approximateSize: (range) => memory.approximateSize(range),
      gauges: () => memory.gauges(),
      write: async (fill) => {
        powered();
        // A batch may be filled from what the caller changes later: keep what it puts, not how.
        const changes: Fill[] = [];
        await memory.write((batch) => {
          fill({
            put: (key, value) => {
              changes.push((later) => later.put(key, value));
              batch.put(key, value);
            },
            delete: (key) => {
              changes.push((later) => later.delete(key));
              batch.delete(key);
            },
          });
        });
        powered();
        this.#writes.push((batch) => {
          for (const change of changes) change(batch);
        });
      },
      flush: async () => {
        const written = this.#writes.length;
        await memory.flush();
        powered();
        this.#flushed = written;
      },
      close: async () => {
        if (!this.#off) this.#flushed = this.#writes.length;
        await memory.close();
      },
    };
  }
}
