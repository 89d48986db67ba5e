/**
 * The store of one node: decided groups go into a journal, and from there into the event state. Durable means: in the journal.
 *
 * Invariants: groups commit and apply in the order of the commits; a commit is answered only after its entry is durable;
 * what is durable but not applied is bounded; the first failure is final for everything. Knows the journal as a port, so
 * that the log of one node can be replaced by that of a Raft group; must not know RocksDB.
 */
import type { DecisionFacts, DecisionNeed } from '../domain/append.ts';
import { StoreError } from '../domain/errors.ts';
import type { Query } from '../domain/query.ts';
import type { EventState } from '../storage/event-state/event-state.ts';
import type { EncodedGroup } from '../storage/group.ts';
import type {
  AppliedListener,
  CommitOutcome,
  DecisionGrant,
  ReadDirection,
  Store,
  StoreTail,
  StreamSummary,
} from '../storage/store.ts';
import type { StoredAppend } from '../storage/stored-append.ts';
import { Applier } from './applier.ts';
import type { ApplierOptions } from './applier.ts';
import type { CommittedEntry, Journal } from './journal.ts';
import { LogTrimmer } from './log-trimmer.ts';
import { toStateEntry } from './replay-log.ts';

export interface LocalStoreOptions {
  /** Growth of the journal in bytes after which the state is flushed and the journal cut. */
  readonly trimBytes: number;
  readonly applier: Partial<ApplierOptions>;
}

const MiB = 1024 * 1024;
export const DEFAULT_LOCAL_STORE_OPTIONS: LocalStoreOptions = { trimBytes: 64 * MiB, applier: {} };

/** What the store is made of; it is the store's from then on. */
export interface LocalStoreParts {
  readonly state: EventState;
  /** Its start index is the state's applied index. */
  readonly journal: Journal;
  /** Gives back what lies below both, such as the lock of the data directory. */
  readonly release: () => Promise<void>;
}

export class LocalStore implements Store {
  readonly failed: Promise<never>;
  readonly #state: EventState;
  readonly #journal: Journal;
  readonly #release: () => Promise<void>;
  readonly #applier: Applier;
  readonly #trimmer: LogTrimmer;
  /** Groups on their way through the journal, so that they need not be decoded on the other side. */
  readonly #groups = new WeakMap<Uint8Array, EncodedGroup>();
  #rejectFailed!: (error: unknown) => void;
  #failure: StoreError | null = null;
  /** Settles when the newest commit has. */
  #newestCommit: Promise<unknown> = Promise.resolve();
  #tail: StoreTail;
  /** A group lost its race: those decided on top of it are lost too, though their positions may fit by chance. */
  #raceLost = false;
  #closing: Promise<void> | null = null;

  constructor(parts: LocalStoreParts, options: Partial<LocalStoreOptions> = {}) {
    const { trimBytes, applier } = { ...DEFAULT_LOCAL_STORE_OPTIONS, ...options };
    this.#state = parts.state;
    this.#journal = parts.journal;
    this.#release = parts.release;
    this.#tail = parts.state.tail();
    this.failed = new Promise((_, reject) => {
      this.#rejectFailed = reject;
    });
    // Whoever cares looks at `failed`; nobody has to.
    this.failed.catch(() => undefined);
    const onFailed = (error: unknown): void => {
      this.#fail(error);
    };
    this.#applier = new Applier(parts.state, onFailed, applier);
    this.#trimmer = new LogTrimmer(parts.state, parts.journal, trimBytes, onFailed);
    this.#applier.onApplied(() => {
      this.#trimmer.notice();
    });
    parts.journal.failed.catch(onFailed);
    parts.journal.start((entries) => {
      this.#committed(entries);
    });
  }

  get appliedEnd(): number {
    return this.#applier.appliedEnd;
  }

  /** What the next grant continues. */
  tail(): StoreTail {
    return this.#tail;
  }

  async grant(): Promise<DecisionGrant> {
    this.#assertServing();
    this.#raceLost = false;
    return Promise.resolve({ ...this.#tail, epoch: 1 });
  }

  async confirm(): Promise<CommitOutcome> {
    this.#assertServing();
    return Promise.resolve('committed');
  }

  async loadForDecision(need: DecisionNeed): Promise<DecisionFacts> {
    this.#assertServing();
    return this.#state.loadForDecision(need);
  }

  async commit(group: EncodedGroup): Promise<CommitOutcome> {
    this.#assertServing();
    const first = group.appends[0];
    const last = group.appends.at(-1);
    // Decided against another end of the log than there is: someone else was faster.
    const fits = first !== undefined && last !== undefined && first.firstPosition === this.#tail.nextPosition;
    if (!fits || this.#raceLost) return this.#lose(this.#tail);
    const before = this.#tail;
    this.#tail = { nextPosition: last.firstPosition + last.count, lastCreatedAt: last.createdAt };
    this.#groups.set(group.bytes, group);
    const appended = this.#journal.append(group.bytes);
    this.#newestCommit = appended.catch(() => undefined);
    if ((await appended) === 'lost') return this.#lose(before);
    // Durable already; the answer waits so that what is not applied stays bounded.
    await this.#applier.room();
    return 'committed';
  }

  /** The log ends at `tail`, or before: nothing decided on top of that is committed. */
  #lose(tail: StoreTail): CommitOutcome {
    this.#raceLost = true;
    if (tail.nextPosition < this.#tail.nextPosition) this.#tail = tail;
    return 'lost-race';
  }

  async readBarrier(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#assertServing();
    await this.#applier.waitForIndex(await this.#journal.readIndex(signal), signal);
  }

  waitForApplied(end: number, signal: AbortSignal): Promise<void> {
    return this.#applier.waitForEnd(end, signal);
  }

  onApplied(listener: AppliedListener): () => void {
    return this.#applier.onApplied(listener);
  }

  stream(streamId: string): Promise<StreamSummary | null> {
    return this.#state.stream(streamId);
  }

  positionOf(streamId: string, revision: number): Promise<number | null> {
    return this.#state.positionOf(streamId, revision);
  }

  readAll(from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]> {
    return this.#state.readAll(from, direction);
  }

  readStream(streamId: string, from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]> {
    return this.#state.readStream(streamId, from, direction);
  }

  readQuery(query: Query, from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]> {
    return this.#state.readQuery(query, from, direction);
  }

  positionAtTime(micros: number): Promise<number> {
    return this.#state.positionAtTime(micros);
  }

  listStreams(prefix: string, after: string | null, limit: number): Promise<readonly StreamSummary[]> {
    return this.#state.listStreams(prefix, after, limit);
  }

  async gauges(): Promise<ReadonlyMap<string, number>> {
    const own: [string, number][] = [
      ['applied_index', this.#applier.appliedIndex],
      ['applied_events', this.#applier.appliedEnd],
      ['apply_backlog_bytes', this.#applier.backlogBytes],
    ];
    return new Map([...(await this.#state.gauges()), ...this.#journal.gauges(), ...own]);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#newestCommit;
    await this.#applier.drain();
    await this.#trimmer.stop();
    this.#applier.fail(notServing());
    // Whatever fails, the rest is still given back.
    const errors: unknown[] = [];
    const attempt = (step: () => Promise<void>): Promise<void> =>
      step().catch((error: unknown) => {
        errors.push(error);
      });
    // A restart then has nothing to replay.
    if (this.#failure === null) await attempt(() => this.#trimmer.trim());
    await attempt(() => this.#journal.close());
    await attempt(() => this.#state.close());
    await attempt(this.#release);
    if (errors.length > 0) throw errors[0];
  }

  #committed(entries: readonly CommittedEntry[]): void {
    try {
      this.#applier.push(entries.map((entry) => toStateEntry(entry, this.#groups.get(entry.data))));
    } catch (error) {
      this.#fail(error);
    }
  }

  #assertServing(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closing !== null) throw notServing();
  }

  #fail(error: unknown): void {
    if (this.#failure !== null) return;
    const cause = error instanceof Error ? error.message : String(error);
    const details = { path: 'the store', reason: cause };
    this.#failure =
      error instanceof StoreError
        ? (error as StoreError)
        : new StoreError('STORAGE_IO', `the store failed: ${cause}`, details, { cause: error });
    this.#applier.fail(this.#failure);
    this.#rejectFailed(error);
  }
}

function notServing(): StoreError {
  return new StoreError('NOT_SERVING', 'the store is closed', { reason: 'closed' });
}
