/**
 * The key-value port: what the event state needs of an engine with ordered keys. Implementations: memory and RocksDB. Must
 * not know what the keys mean.
 *
 * Keys are 1 to 8 KiB, values 0 bytes or more, in unsigned byte order. What is handed in is not changed by the caller until
 * the call settles; what is handed out is the caller's to keep, and not to change. Failures are StoreErrors:
 * STORAGE_CORRUPT when stored bytes are damaged, STORAGE_IO when the disk failed, NOT_SERVING after `close`.
 */
import type { KeyRange } from '../keys.ts';

export interface KeyValueEntry {
  readonly key: Uint8Array;
  /** Empty in a scan of keys only. */
  readonly value: Uint8Array;
}

export interface ScanOptions {
  /** At most so many entries, at least 1. The caller bounds memory with it. */
  readonly limit: number;
  /** From the range's end down. */
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
}

/** Reads of one state: each call sees at least all writes that settled before it. */
export interface KeyValueReader {
  /** The values of the keys, in their order; null where there is none. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | null)[]>;

  /** The first entries of a range; fewer than the limit only when the range has no more. Holds nothing when it settles. */
  scan(range: KeyRange, options: ScanOptions): Promise<KeyValueEntry[]>;
}

/** Reads of the state at one moment, as long as it is held. */
export interface KeyValueSnapshot extends KeyValueReader {
  /** Gives back what the snapshot holds. To be called once, with no call under way. */
  release(): Promise<void>;
}

/** Changes that take effect together or not at all. A later change of a key wins. */
export interface WriteBatch {
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
}

export interface KeyValue extends KeyValueReader {
  /**
   * Bytes of journal that opening recovered writes from: everything older was read from files that were synced. What the
   * owner should look at first after a crash.
   */
  readonly recoveredBytes: number;

  /**
   * Applies the changes that `fill` makes, atomically. `fill` is called at once and synchronously. Visible when it settles;
   * durable after the next {@link flush}. After a crash the state is that after some write, with all before it. A failure
   * is final: the state on disk is unknown until it is opened again.
   */
  write(fill: (batch: WriteBatch) => void): Promise<void>;

  /** The state of now. */
  snapshot(): KeyValueSnapshot;

  /** Makes everything written so far durable. */
  flush(): Promise<void>;

  /** Bytes that the range takes on disk, roughly. */
  approximateSize(range: KeyRange): Promise<number>;

  /** Numbers for metrics, by name. */
  gauges(): Promise<ReadonlyMap<string, number>>;

  /** Waits for the calls under way, makes everything durable, releases everything. Idempotent. */
  close(): Promise<void>;
}
