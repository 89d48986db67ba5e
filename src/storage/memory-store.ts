/**
 * The store in memory: the event state over the memory key-value store, and nothing durable. For tests, and the reference that
 * the real stores are held against. A commit takes effect in a later turn of the event loop, as it does on a disk.
 */
import type { DecisionFacts, DecisionNeed } from '../domain/append.ts';
import { StoreError } from '../domain/errors.ts';
import { assert } from '../lib/assert.ts';
import { yieldToEventLoop } from '../lib/clock.ts';
import { EventState } from './event-state/event-state.ts';
import type { EncodedGroup } from './group.ts';
import { MemoryKeyValue } from './key-value/memory-key-value.ts';
import { StateReads } from './state-reads.ts';
import type { AppliedListener, CommitOutcome, DecisionGrant, Store } from './store.ts';

const ONLY_EPOCH = 1;

export class MemoryStore extends StateReads implements Store {
  readonly #listeners = new Set<AppliedListener>();
  readonly #waiters = new Set<{ readonly end: number; readonly resolve: () => void }>();
  #commits: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** Nothing here can fail, so it stays pending. */
  readonly failed = new Promise<never>(() => undefined);

  private constructor(state: EventState) {
    super(state);
  }

  /** An empty store. */
  static async open(): Promise<MemoryStore> {
    return MemoryStore.over(await EventState.open(new MemoryKeyValue()));
  }

  /** A store over this state, which belongs to it from now on. As durable as the state's engine is. */
  static over(state: EventState): MemoryStore {
    return new MemoryStore(state);
  }

  get appliedEnd(): number {
    return this.state.appliedEnd;
  }

  /** Nobody else decides here, so the epoch never ends. */
  grant(): Promise<DecisionGrant> {
    if (this.#closed) return Promise.reject(closed());
    return this.#commits.then(() => ({ ...this.state.tail(), epoch: ONLY_EPOCH }));
  }

  confirm(): Promise<CommitOutcome> {
    return this.#closed ? Promise.reject(closed()) : Promise.resolve('committed');
  }

  loadForDecision(need: DecisionNeed): Promise<DecisionFacts> {
    return this.state.loadForDecision(need);
  }

  commit(group: EncodedGroup, epoch: number): Promise<CommitOutcome> {
    assert(epoch === ONLY_EPOCH, () => `a commit of epoch ${epoch}`);
    if (this.#closed) return Promise.reject(closed());
    const commit = this.#commits.then(yieldToEventLoop).then(() => this.#apply(group));
    this.#commits = commit;
    return commit;
  }

  readBarrier(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return Promise.resolve();
  }

  waitForApplied(end: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.appliedEnd >= end) {
        resolve();
        return;
      }
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const abort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal.reason as Error);
      };
      const waiter = {
        end,
        resolve: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  onApplied(listener: AppliedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  gauges(): Promise<ReadonlyMap<string, number>> {
    return this.state.gauges();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#commits;
    await this.state.close();
  }

  async #apply(group: EncodedGroup): Promise<CommitOutcome> {
    assert(group.appends.length > 0, 'a group has at least one append');
    await this.state.apply([{ index: this.state.appliedIndex + 1, term: 1, group }]);
    for (const listener of this.#listeners) listener(group.appends);
    for (const waiter of this.#waiters) {
      if (waiter.end > this.appliedEnd) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
    return 'committed';
  }
}

function closed(): StoreError {
  return new StoreError('NOT_SERVING', 'the store is closed', { reason: 'closed' });
}
