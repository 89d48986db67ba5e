/**
 * Applies what is committed to the state, in order and off the way of the appends: entries of the log, records that a snapshot
 * brings ahead of them, and the snapshot's end. What has accumulated while a batch was applied is the next batch.
 *
 * Invariants: one write of the state at a time; `appliedIndex` and `appliedEnd` move, and listeners are called, in the same
 * turn; a configuration change is decided when everything before it is applied, and kept in the same atomic write as its index;
 * a failure is final. The core bounds what is handed out to be applied. Must not know where entries come from.
 */
import { assert } from '../lib/assert.ts';
import { ThresholdWaiters } from '../lib/threshold-waiters.ts';
import type { Entry } from '../raft/messages.ts';
import { EntryType } from '../raft/messages.ts';
import type { EventState, InstalledSnapshot, StateEntry } from '../storage/event-state/event-state.ts';
import { decodeGroup } from '../storage/group.ts';
import type { EncodedGroup } from '../storage/group.ts';
import type { AppliedListener } from '../storage/store.ts';
import type { StoredAppend } from '../storage/stored-append.ts';

export interface StateApplierOwner {
  /** Decides the configuration change of a committed entry. Returns the configuration that holds from then on, encoded. */
  configure(entry: Entry): Uint8Array;
  /** Called once, with the error of the write that failed. */
  failed(error: unknown): void;
}

/** Entries of one batch are at most so many bytes, or one entry. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const MAX_BATCH_ENTRIES = 1024;

type Work =
  | { readonly kind: 'entry'; readonly entry: Entry; readonly done: (() => void) | null }
  | { readonly kind: 'other'; readonly run: () => Promise<readonly StoredAppend[]>; readonly done: () => void };

export class StateApplier {
  readonly #state: EventState;
  readonly #owner: StateApplierOwner;
  readonly #indexes: ThresholdWaiters;
  readonly #ends: ThresholdWaiters;
  readonly #listeners = new Set<AppliedListener>();
  /** Groups of this process on their way through the log, so that they need not be decoded on the other side. */
  readonly #groups = new WeakMap<Uint8Array, EncodedGroup>();
  #backlog: Work[] = [];
  #backlogBytes = 0;
  #running: Promise<void> | null = null;
  #failed = false;

  constructor(state: EventState, owner: StateApplierOwner) {
    this.#state = state;
    this.#owner = owner;
    this.#indexes = new ThresholdWaiters(state.appliedIndex);
    this.#ends = new ThresholdWaiters(state.appliedEnd);
  }

  /** Index of the last entry whose effects are visible. */
  get appliedIndex(): number {
    return this.#indexes.value;
  }

  /** Count of events that are visible. */
  get appliedEnd(): number {
    return this.#ends.value;
  }

  /** Bytes of the entries that are not applied yet. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** The group will come back as an entry with these very bytes. */
  expect(group: EncodedGroup): void {
    this.#groups.set(group.bytes, group);
  }

  /** Takes the next entries; `done` is called when all of them are visible. */
  push(entries: readonly Entry[], done: () => void): void {
    const last = entries.length - 1;
    entries.forEach((entry, i) => {
      this.#backlogBytes += entry.data.length;
      this.#backlog.push({ kind: 'entry', entry, done: i === last ? done : null });
    });
    this.#start();
  }

  /** Takes records ahead of their entries. Resolves when they are visible. Rejects never: a failure ends the process. */
  pushRecords(group: EncodedGroup): Promise<void> {
    return this.#pushOther(() => {
      const [first] = group.appends;
      assert(first !== undefined && first.firstPosition <= this.#state.appliedEnd, 'records after a hole');
      return this.#state.applyRecords(group);
    });
  }

  /** Makes the state that of the snapshot, whose records are there. Resolves when it is, and durable. */
  install(snapshot: InstalledSnapshot): Promise<void> {
    return this.#pushOther(async () => {
      if (snapshot.index > this.#state.appliedIndex) await this.#state.install(snapshot);
      await this.#state.flush();
      return [];
    });
  }

  /** Resolves when the entry at `index` is applied. Rejects with the signal's reason, or as {@link fail} says. */
  waitForIndex(index: number, signal?: AbortSignal): Promise<void> {
    return this.#indexes.wait(index, signal);
  }

  /** Resolves when `appliedEnd` is at least `end`. Rejects likewise. */
  waitForEnd(end: number, signal?: AbortSignal): Promise<void> {
    return this.#ends.wait(end, signal);
  }

  /** See Store.onApplied. */
  onApplied(listener: AppliedListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Resolves when everything taken is applied, or the applier failed. */
  async drain(): Promise<void> {
    await this.#running;
  }

  /** Nothing will be applied any more: whoever waits gets `error`. */
  fail(error: Error): void {
    this.#failed = true;
    for (const waiters of [this.#indexes, this.#ends]) waiters.fail(error);
  }

  #pushOther(run: () => Promise<readonly StoredAppend[]>): Promise<void> {
    return new Promise((resolve) => {
      this.#backlog.push({ kind: 'other', run, done: resolve });
      this.#start();
    });
  }

  #start(): void {
    if (this.#running === null && !this.#failed) this.#running = this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#backlog.length > 0) await this.#step();
    } catch (error) {
      this.#failed = true;
      this.#owner.failed(error);
    }
    this.#running = null;
  }

  async #step(): Promise<void> {
    const batch = this.#takeBatch();
    const entries: StateEntry[] = [];
    let appends: readonly StoredAppend[] = [];
    for (const work of batch) {
      if (work.kind === 'other') appends = await work.run();
      else entries.push(this.#stateEntry(work.entry));
    }
    if (entries.length > 0) appends = await this.#state.apply(entries);
    const last = appends.at(-1);
    // Whoever waits goes on in a later turn, and finds the listeners told.
    if (last !== undefined) this.#ends.advance(last.firstPosition + last.count);
    if (appends.length > 0) for (const listener of this.#listeners) listener(appends);
    this.#indexes.advance(this.#state.appliedIndex);
    for (const work of batch) {
      if (work.kind === 'entry') this.#backlogBytes -= work.entry.data.length;
      work.done?.();
    }
  }

  /** Entries up to the bounds; anything but an entry with appends is a batch of its own. */
  #takeBatch(): Work[] {
    let bytes = 0;
    let count = 0;
    for (const work of this.#backlog) {
      const alone = work.kind === 'other' || work.entry.type !== EntryType.Normal;
      if (work.kind === 'entry') bytes += work.entry.data.length;
      if (count > 0 && (alone || bytes > MAX_BATCH_BYTES || count >= MAX_BATCH_ENTRIES)) break;
      count += 1;
      if (alone) break;
    }
    return this.#backlog.splice(0, count);
  }

  #stateEntry(entry: Entry): StateEntry {
    const { index, term, type, data } = entry;
    if (type !== EntryType.Normal) return { index, term, group: null, confState: this.#owner.configure(entry) };
    const group = data.length === 0 ? null : (this.#groups.get(data) ?? decodeGroup(data));
    return { index, term, group };
  }
}
