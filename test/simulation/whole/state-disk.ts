/**
 * The engine of a member's state, simulated: batches in their order, of which a crash keeps those that were flushed and any
 * prefix of the rest, as a database does that writes its journal without syncs.
 *
 * Invariants: a batch is there as a whole or not at all, and never without those before it; when the process has ended nothing
 * that it began settles. Must not know what keys mean.
 */
import type {
  KeyValue,
  KeyValueReader,
  KeyValueSnapshot,
  WriteBatch,
} from '../../../src/storage/key-value/key-value.ts';
import { MemoryKeyValue } from '../../../src/storage/key-value/memory-key-value.ts';
import type { DiskProcess } from '../disk-file-system.ts';
import type { SimulatedFileSystem } from '../disk-file-system.ts';
import type { SeededRandom } from '../random.ts';

type Change = readonly [key: Uint8Array, value: Uint8Array | null];

/** What the machine's disk has of the state. */
export class StateDisk {
  #batches: (readonly Change[])[] = [];
  #flushed = 0;

  /** Batches that a crash may take. */
  get unflushed(): number {
    return this.#batches.length - this.#flushed;
  }

  crash(random: SeededRandom): void {
    const kept = random.pick([
      this.#flushed,
      this.#batches.length,
      random.between(this.#flushed, this.#batches.length),
    ]);
    this.#batches = this.#batches.slice(0, kept);
    this.#flushed = this.#batches.length;
  }

  wipe(): void {
    this.#batches = [];
    this.#flushed = 0;
  }

  add(batch: readonly Change[]): void {
    this.#batches.push(batch);
  }

  get length(): number {
    return this.#batches.length;
  }

  /** All batches below this were flushed. */
  flushedTo(length: number): void {
    this.#flushed = Math.max(this.#flushed, length);
  }

  /** The state that the batches make. */
  async load(): Promise<MemoryKeyValue> {
    const memory = new MemoryKeyValue();
    for (const batch of this.#batches) await memory.write((target) => replay(batch, target));
    return memory;
  }
}

function replay(batch: readonly Change[], target: WriteBatch): void {
  for (const [key, value] of batch) {
    if (value === null) target.delete(key);
    else target.put(key, value);
  }
}

export interface StateTimes {
  readonly applyMicros: number;
  readonly readMicros: number;
}

/** Opens the state of the machine for a process. */
export async function openSimulatedState(
  disk: StateDisk,
  process: DiskProcess,
  fileSystem: SimulatedFileSystem,
  times: StateTimes,
): Promise<KeyValue> {
  await fileSystem.running();
  const memory = await disk.load();
  const takeTime = (micros: number): Promise<void> =>
    new Promise((resolve) => {
      if (process.alive()) process.later(process.random.between(0, micros), resolve);
    });
  /** Some reads take their time, so that others overtake them; the rest are answered at once. */
  const reading = (): Promise<void> => (process.random.chance(0.3) ? takeTime(times.readMicros) : fileSystem.running());
  let last: Promise<void> = Promise.resolve();
  const readerOf = (reader: KeyValueReader): KeyValueReader => ({
    getMany: async (keys) => {
      await reading();
      return reader.getMany(keys);
    },
    scan: async (range, options) => {
      await reading();
      return reader.scan(range, options);
    },
  });
  const write = async (batch: readonly Change[]): Promise<void> => {
    await takeTime(times.applyMicros);
    await memory.write((target) => replay(batch, target));
  };
  return {
    recoveredBytes: disk.length * 1_000,
    ...readerOf(memory),
    snapshot: (): KeyValueSnapshot => {
      const snapshot = memory.snapshot();
      return { ...readerOf(snapshot), release: () => snapshot.release() };
    },
    write: (fill) => {
      const batch: Change[] = [];
      fill({
        put: (key, value) => batch.push([new Uint8Array(key), new Uint8Array(value)]),
        delete: (key) => batch.push([new Uint8Array(key), null]),
      });
      if (process.alive()) disk.add(batch);
      last = last.then(() => write(batch));
      return last;
    },
    flush: async () => {
      await last;
      const { length } = disk;
      await fileSystem.takeTime('flush', 'state', fileSystem.behaviour.syncMicros);
      disk.flushedTo(length);
    },
    approximateSize: (range) => memory.approximateSize(range),
    gauges: () => memory.gauges(),
    close: async () => {
      await last;
      await fileSystem.takeTime('flush', 'state', fileSystem.behaviour.syncMicros);
      disk.flushedTo(disk.length);
      await memory.close();
    },
  };
}
