/**
 * A disk in memory for a whole store: the log's file system, and a state that may lose what was not flushed. Lets a test take
 * the power away and open the store again.
 */
import { openMemberAt } from '../../src/cluster/open-replicated-store.ts';
import type { OpenReplicatedStoreOptions, ReplicatedNode } from '../../src/cluster/replicated-node.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { KeyValue, WriteBatch } from '../../src/storage/key-value/key-value.ts';
import { MemoryKeyValue } from '../../src/storage/key-value/memory-key-value.ts';
import type { Store } from '../../src/storage/store.ts';
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
  readonly memberId: number;
  #clusterId: string | null = null;

  constructor(seed: number, memberId = 1) {
    this.memberId = memberId;
    this.fileSystem = new MemoryFileSystem(seed);
    this.#random = seededRandom(seed + 1);
  }

  /** Writes of the state that a loss of power may take. */
  get unflushedWrites(): number {
    return this.#writes.length - this.#flushed;
  }

  /** Opens the store of a single node that lies here. */
  async open(options: OpenReplicatedStoreOptions = {}): Promise<Store> {
    return (await this.openMember(options)).store;
  }

  /** Opens the member that lies here; a new disk is a new member of the id that the disk was made with. */
  async openMember(options: OpenReplicatedStoreOptions = {}): Promise<ReplicatedNode> {
    const createLog = !this.#created;
    if (createLog) await this.fileSystem.makeDirectory(LOG);
    this.#created = true;
    const { beginning = { kind: 'alone' } } = options;
    if (createLog && beginning.kind === 'alone') this.#clusterId = `cluster-of-${this.memberId}`;
    const places = {
      fileSystem: this.fileSystem,
      logPath: LOG,
      logId: 7,
      createLog,
      statePath: '/data/state',
      memberId: this.memberId,
      clusterId: this.#clusterId,
      joinCluster: (clusterId: string) => {
        this.#clusterId = clusterId;
        return Promise.resolve();
      },
      openState: () => this.#openState(),
      release: () => Promise.resolve(),
      newClusterId: () => `founded-by-${this.memberId}`,
    };
    return openMemberAt(places, { segmentBytes: 64 * 1024, ...options });
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
