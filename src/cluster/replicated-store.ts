/**
 * The store of a member: decided groups go through the Raft log of the cluster, and from there into the event state of every
 * member. A single node is a cluster of one.
 *
 * Invariants: groups commit and apply in the order of the commits; a commit is answered only after its entry is committed, which is
 * durable on a majority; decisions belong to an epoch, which is a term that this member leads in; the first failure is final for
 * everything. Must not know RocksDB or gRPC.
 */
import type { DecisionFacts, DecisionNeed } from '../domain/append.ts';
import { StoreError } from '../domain/errors.ts';
import { assert } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import { withAnySignal, withDeadline } from '../lib/deadline.ts';
import type { EventState } from '../storage/event-state/event-state.ts';
import type { EncodedGroup } from '../storage/group.ts';
import type { RaftLog } from '../storage/raft-log/raft-log.ts';
import { StateReads } from '../storage/state-reads.ts';
import type { AppliedListener, CommitOutcome, DecisionGrant, Store, StoreTail } from '../storage/store.ts';
import type { Leadership } from './leadership.ts';
import { notLeader } from './not-leader.ts';
import type { RaftDriver } from './raft-driver.ts';

export interface ReplicatedStoreParts {
  readonly driver: RaftDriver;
  readonly leadership: Leadership;
  readonly state: EventState;
  readonly log: RaftLog;
  readonly clock: Clock;
  /** For an error's text. */
  readonly maxUncommittedBytes: number;
  /** How long a grant waits until a leader is known, in milliseconds. */
  readonly leaderWaitMillis: number;
  /** Ends everything below, the driver first, when the store is closed. Called once. */
  readonly shutDown: (failed: boolean) => Promise<void>;
}

export class ReplicatedStore extends StateReads implements Store {
  readonly failed: Promise<never>;
  readonly #parts: ReplicatedStoreParts;
  readonly #driver: RaftDriver;
  #rejectFailed!: (error: unknown) => void;
  #failure: StoreError | null = null;
  #closing: Promise<void> | null = null;
  readonly #closed = new AbortController();
  /** Settles when the newest commit has. */
  #newestCommit: Promise<unknown> = Promise.resolve();
  /** The epoch that was granted last, and where its decisions continue. */
  #epoch = 0;
  #tail: StoreTail = { nextPosition: 0, lastCreatedAt: 0 };
  /** A group of the epoch did not commit: nothing decided on top of it may. */
  #broken = false;

  constructor(parts: ReplicatedStoreParts) {
    super(parts.state);
    this.#parts = parts;
    this.#driver = parts.driver;
    this.failed = new Promise((_, reject) => {
      this.#rejectFailed = reject;
    });
    // Whoever cares looks at `failed`; nobody has to.
    this.failed.catch(() => undefined);
  }

  get appliedEnd(): number {
    return this.#driver.applier.appliedEnd;
  }

  async grant(signal: AbortSignal): Promise<DecisionGrant> {
    this.#assertServing();
    const { leadership, leaderWaitMillis } = this.#parts;
    const hint = await withAnySignal([signal, this.#closed.signal], (either) =>
      leadership.knownWithin(leaderWaitMillis, either),
    );
    this.#assertServing();
    if (!hint.self) throw notLeader(hint);
    const { term } = this.#driver;
    if (this.#epoch !== term) this.#tail = this.state.tail();
    else if (this.#broken) this.#tail = await this.#tailInDoubt(signal);
    this.#epoch = term;
    this.#broken = false;
    return { ...this.#tail, epoch: term };
  }

  async confirm(epoch: number): Promise<CommitOutcome> {
    this.#assertServing();
    if (!this.#decides(epoch)) return 'lost-race';
    const { leadership, leaderWaitMillis, clock } = this.#parts;
    const over = new AbortController();
    const stop = leadership.onChange(() => {
      if (!this.#decides(epoch)) over.abort();
    });
    const expired = (): Error => new Error('leadership was not confirmed in time');
    try {
      await withDeadline(clock, leaderWaitMillis, over.signal, expired, (own) => this.#driver.reads.read(own));
    } catch {
      this.#assertServing();
      return 'lost-race';
    } finally {
      stop();
    }
    return this.#decides(epoch) ? 'committed' : 'lost-race';
  }

  async commit(group: EncodedGroup, epoch: number): Promise<CommitOutcome> {
    this.#assertServing();
    const first = group.appends[0];
    const last = group.appends.at(-1);
    assert(first !== undefined && last !== undefined, 'a group has at least one append');
    // Decided in another time, or against another end of the log than there is.
    const fits = first.firstPosition === this.#tail.nextPosition;
    if (this.#broken || !fits || epoch !== this.#epoch || !this.#decides(epoch)) return this.#lose();
    const taken = this.#driver.propose(group);
    if ('refused' in taken) {
      this.#assertServing();
      this.#lose();
      if (taken.refused !== 'uncommitted-limit') return 'lost-race';
      const limit = this.#parts.maxUncommittedBytes;
      const details = { queue: 'entries of the log that are not committed, in bytes', limit };
      throw new StoreError('OVERLOADED', 'too much is waiting to be committed; nothing was done', details);
    }
    this.#tail = { nextPosition: last.firstPosition + last.count, lastCreatedAt: last.createdAt };
    this.#newestCommit = taken.outcome.catch(() => undefined);
    try {
      const outcome = await taken.outcome;
      return outcome === 'committed' ? outcome : this.#lose();
    } catch (error) {
      this.#lose();
      throw this.#failure?.is('STORAGE_IO') === true ? this.#failure : error;
    }
  }

  async readBarrier(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#assertServing();
    await this.#driver.applier.waitForIndex(await this.#driver.reads.read(signal), signal);
  }

  waitForApplied(end: number, signal: AbortSignal): Promise<void> {
    return this.#driver.applier.waitForEnd(end, signal);
  }

  onApplied(listener: AppliedListener): () => void {
    return this.#driver.applier.onApplied(listener);
  }

  async loadForDecision(need: DecisionNeed): Promise<DecisionFacts> {
    this.#assertServing();
    return this.state.loadForDecision(need);
  }

  async gauges(): Promise<ReadonlyMap<string, number>> {
    const { applier, term, leading, commitIndex } = this.#driver;
    const log = this.#parts.log.status();
    return new Map([
      ...(await this.state.gauges()),
      ['log_bytes', log.bytes],
      ['log_segments', log.segments],
      ['log_queued_bytes', log.queuedBytes],
      ['log_syncs_total', log.groups],
      ['log_records_total', log.records],
      ['log_written_bytes_total', log.writtenBytes],
      ['log_entries', log.lastIndex - log.firstIndex + 1],
      ['raft_term', term],
      ['raft_leading', leading ? 1 : 0],
      ['replication_lag_entries', this.#lag()],
      ['commit_index', commitIndex],
      ['applied_index', applier.appliedIndex],
      ['applied_events', applier.appliedEnd],
      ['apply_backlog_bytes', applier.backlogBytes],
    ]);
  }

  /** Everything fails from now on, for good. */
  fail(error: unknown): void {
    if (this.#failure !== null) return;
    const cause = error instanceof Error ? error.message : String(error);
    const details = { path: 'the store', reason: cause };
    this.#failure =
      error instanceof StoreError
        ? (error as StoreError)
        : new StoreError('STORAGE_IO', `the store failed: ${cause}`, details, { cause: error });
    this.#driver.applier.fail(this.#failure);
    this.#closed.abort(this.#failure);
    this.#rejectFailed(error);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#newestCommit;
    this.#closed.abort(notServing());
    await this.#parts.shutDown(this.#failure !== null);
  }

  /** Nothing decided on top of what did not commit may. */
  #lose(): CommitOutcome {
    this.#broken = true;
    return 'lost-race';
  }

  /** The end of the log after groups of this epoch were lost, or never taken: all that is in the log has to be applied first. */
  async #tailInDoubt(signal: AbortSignal): Promise<StoreTail> {
    await this.#driver.applier.waitForIndex(this.#driver.status().lastIndex, signal);
    return this.state.tail();
  }

  /** Of a leader: how many entries the member that is furthest behind lacks. 0 elsewhere. */
  #lag(): number {
    const { progress, lastIndex } = this.#driver.status();
    return progress.reduce((most, { match }) => Math.max(most, lastIndex - match), 0);
  }

  #decides(epoch: number): boolean {
    return this.#driver.term === epoch && this.#driver.deciding;
  }

  #assertServing(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closing !== null) throw notServing();
  }
}

function notServing(): StoreError {
  return new StoreError('NOT_SERVING', 'the store is closed', { reason: 'closed' });
}
