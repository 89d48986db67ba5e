/**
 * The key-value port in memory, for tests and as the reference. Entries lie in sorted leaves of bounded size, so that a
 * million keys are no trouble; keys are strings of one character a byte, which compare as the bytes do. A snapshot shares
 * the leaves, and a leaf that is shared is copied before it changes.
 */
import { Buffer } from 'node:buffer';
import { StoreError } from '../../domain/errors.ts';
import { assert } from '../../lib/assert.ts';
import type { KeyRange } from '../keys.ts';
import { asBuffer } from '../utf8.ts';
import type { KeyValue, KeyValueEntry, KeyValueSnapshot, ScanOptions, WriteBatch } from './key-value.ts';

const LEAF_ENTRIES = 256;

interface Leaf {
  readonly keys: string[];
  readonly values: Uint8Array[];
}

/** Never empty as a list; a leaf may be empty only when it is the only one. */
class SortedLeaves {
  #leaves: Leaf[];
  /** Leaves that no snapshot shares. */
  #own = new Set<Leaf>();

  constructor(leaves: Leaf[] = [{ keys: [], values: [] }]) {
    this.#leaves = leaves;
  }

  share(): SortedLeaves {
    this.#own.clear();
    return new SortedLeaves([...this.#leaves]);
  }

  get(key: string): Uint8Array | null {
    const leaf = this.#leaf(this.#leafFor(key));
    const at = lowerBound(leaf.keys, key);
    return leaf.keys[at] === key ? (leaf.values[at] ?? null) : null;
  }

  put(key: string, value: Uint8Array): void {
    const index = this.#leafFor(key);
    const leaf = this.#writable(index);
    const at = lowerBound(leaf.keys, key);
    if (leaf.keys[at] === key) {
      leaf.values[at] = value;
      return;
    }
    leaf.keys.splice(at, 0, key);
    leaf.values.splice(at, 0, value);
    if (leaf.keys.length <= LEAF_ENTRIES) return;
    // Keys mostly arrive in order: then the left part stays full.
    const cut = at === leaf.keys.length - 1 ? LEAF_ENTRIES : LEAF_ENTRIES / 2;
    const right = { keys: leaf.keys.splice(cut), values: leaf.values.splice(cut) };
    this.#leaves.splice(index + 1, 0, right);
    this.#own.add(right);
  }

  delete(key: string): void {
    const index = this.#leafFor(key);
    const at = lowerBound(this.#leaf(index).keys, key);
    if (this.#leaf(index).keys[at] !== key) return;
    const leaf = this.#writable(index);
    leaf.keys.splice(at, 1);
    leaf.values.splice(at, 1);
    if (leaf.keys.length === 0 && this.#leaves.length > 1) {
      this.#leaves.splice(index, 1);
      this.#own.delete(leaf);
    }
  }

  /** Calls `visit` with the entries of gte <= key < lt in order, or from the end down, until it returns false. */
  scan(gte: string, lt: string, reverse: boolean, visit: (key: string, value: Uint8Array) => boolean): void {
    const step = reverse ? -1 : 1;
    const bound = reverse ? lt : gte;
    for (let index = this.#leafFor(bound); index >= 0 && index < this.#leaves.length; index += step) {
      const { keys, values } = this.#leaf(index);
      const start = lowerBound(keys, bound);
      for (let at = reverse ? Math.min(start, keys.length) - 1 : start; at >= 0 && at < keys.length; at += step) {
        const key = keys[at] ?? '';
        if (reverse ? key < gte : key >= lt) return;
        if (!visit(key, values[at] ?? new Uint8Array(0))) return;
      }
    }
  }

  #leaf(index: number): Leaf {
    const leaf = this.#leaves[index];
    assert(leaf !== undefined, () => `leaf ${index} of ${this.#leaves.length}`);
    return leaf;
  }

  #writable(index: number): Leaf {
    const leaf = this.#leaf(index);
    if (this.#own.has(leaf)) return leaf;
    const copy = { keys: [...leaf.keys], values: [...leaf.values] };
    this.#leaves[index] = copy;
    this.#own.add(copy);
    return copy;
  }

  /** The last leaf that begins at or before the key, or the first. */
  #leafFor(key: string): number {
    let [low, high] = [0, this.#leaves.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#leaf(middle).keys[0] ?? '') <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The first index whose key is `key` or greater. */
function lowerBound(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

const text = (key: Uint8Array): string => asBuffer(key).toString('latin1');
const NOTHING = new Uint8Array(0);

class LeavesReader {
  protected leaves: SortedLeaves | null;

  constructor(leaves: SortedLeaves) {
    this.leaves = leaves;
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | null)[]> {
    return this.run((leaves) => keys.map((key) => leaves.get(text(key))));
  }

  scan(range: KeyRange, options: ScanOptions): Promise<KeyValueEntry[]> {
    assert(options.limit >= 1, () => `a scan of at most ${options.limit} entries`);
    const keysOnly = options.keysOnly ?? false;
    return this.run((leaves) => {
      const entries: KeyValueEntry[] = [];
      leaves.scan(text(range.gte), text(range.lt), options.reverse ?? false, (key, value) => {
        entries.push({ key: Buffer.from(key, 'latin1'), value: keysOnly ? NOTHING : value });
        return entries.length < options.limit;
      });
      return entries;
    });
  }

  /** Runs on the leaves and answers as a promise, rejected when it throws or when there are no leaves any more. */
  protected run<T>(action: (leaves: SortedLeaves) => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.leaves === null) {
        throw new StoreError('NOT_SERVING', 'the store is closed', { reason: 'closed' });
      }
      resolve(action(this.leaves));
    });
  }
}

class MemorySnapshot extends LeavesReader implements KeyValueSnapshot {
  release(): Promise<void> {
    this.leaves = null;
    return Promise.resolve();
  }
}

/** An empty key-value store in memory. `flush` and `close` make nothing durable, as there is no disk. */
export class MemoryKeyValue extends LeavesReader implements KeyValue {
  readonly recoveredBytes = 0;
  #bytes = 0;

  constructor() {
    super(new SortedLeaves());
  }

  write(fill: (batch: WriteBatch) => void): Promise<void> {
    return this.run((leaves) => {
      const changes: (readonly [string, Uint8Array | null])[] = [];
      fill({
        put: (key, value) => changes.push([text(key), new Uint8Array(value)]),
        delete: (key) => changes.push([text(key), null]),
      });
      for (const [key, value] of changes) {
        this.#bytes += (value?.length ?? 0) - (leaves.get(key)?.length ?? 0);
        if (value === null) leaves.delete(key);
        else leaves.put(key, value);
      }
    });
  }

  snapshot(): KeyValueSnapshot {
    assert(this.leaves !== null, 'a snapshot of a closed store');
    return new MemorySnapshot(this.leaves.share());
  }

  flush(): Promise<void> {
    return this.run(() => undefined);
  }

  approximateSize(range: KeyRange): Promise<number> {
    return this.run((leaves) => {
      let bytes = 0;
      leaves.scan(text(range.gte), text(range.lt), false, (key, value) => {
        bytes += key.length + value.length;
        return true;
      });
      return bytes;
    });
  }

  gauges(): Promise<ReadonlyMap<string, number>> {
    return this.run(() => new Map([['memory_value_bytes', this.#bytes]]));
  }

  close(): Promise<void> {
    this.leaves = null;
    return Promise.resolve();
  }
}
