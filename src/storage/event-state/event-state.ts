/**
 * The event state: everything a store answers reads and decisions from, kept in an ordered key-value store and changed only by
 * applying log entries. Knows keys and records; must not know the log, Raft or which engine is below.
 *
 * Invariants: an entry's changes and the applied index are one atomic write; positions are dense; what a read sees is bounded
 * by {@link EventState.appliedEnd} when it begins. Durability is the log's business: see {@link EventState.flush}.
 */
import type { DecisionFacts, DecisionNeed, StreamHead } from '../../domain/append.ts';
import type { Query } from '../../domain/query.ts';
import { assert } from '../../lib/assert.ts';
import { EventIdIndex } from '../event-id-index/event-id-index.ts';
import { assertPossible, DEFAULT_SHAPE } from '../event-id-index/index-shape.ts';
import type { IndexShape } from '../event-id-index/index-shape.ts';
import type { EncodedGroup } from '../group.ts';
import { corruption } from '../corruption.ts';
import type { KeyValue } from '../key-value/key-value.ts';
import { metaKeys } from '../keys.ts';
import type { ReadDirection, StoreTail, StreamSummary } from '../store.ts';
import type { StoredAppend } from '../stored-append.ts';
import { encodeApplied, type AppliedState } from '../values.ts';
import { loadDecisionFacts } from './decision-facts.ts';
import { listStreams } from './list-streams.ts';
import { positionAtTime } from './position-at-time.ts';
import { readAllBackwards, readAllForwards } from './read-all.ts';
import { readQuery } from './read-query.ts';
import { placeOf, readStreamBackwards, readStreamForwards } from './read-stream.ts';
import { assertSameRecords, recordsBehind } from './repeated-records.ts';
import { RecentHeads } from './recent-heads.ts';
import { readMeta, writeFirstMeta, type StateMeta } from './state-meta.ts';
import { readHeads, type StateView } from './state-view.ts';
import { writeGroup, writeHeads } from './write-group.ts';

/** A log entry, in as far as it concerns the state. */
export interface StateEntry {
  readonly index: number;
  readonly term: number;
  /** Null for an entry without appends; such an entry only moves the applied index. */
  readonly group: EncodedGroup | null;
  /** The configuration that holds from this entry on, opaque here. */
  readonly confState?: Uint8Array;
}

/** The place in the log that the state of another member stands for. */
export interface InstalledSnapshot {
  readonly index: number;
  readonly term: number;
  /** The configuration as of `index`, opaque here. */
  readonly confState: Uint8Array;
  /** Count of events as of `index`. */
  readonly nextPosition: number;
}

export class EventState {
  readonly #keyValue: KeyValue;
  readonly #eventIds: EventIdIndex;
  readonly #recentHeads = new RecentHeads();
  readonly #clusterId: Uint8Array | null;
  #confState: Uint8Array | null;
  #applied: AppliedState;
  /** The apply under way. Stays when it fails, as nothing may be applied after that. */
  #applying: Promise<void> | null = null;

  private constructor(keyValue: KeyValue, meta: StateMeta) {
    this.#keyValue = keyValue;
    this.#eventIds = new EventIdIndex(keyValue, meta.eventIds.shape, meta.eventIds.progress);
    this.#clusterId = meta.clusterId;
    this.#confState = meta.confState;
    this.#applied = meta.applied;
  }

  /**
   * Opens the state in `keyValue`, which belongs to it from now on; an empty one becomes an empty state. `place` names it in
   * errors, for example its path; `shape` is for a new one. Throws STORAGE_FORMAT_TOO_NEW and STORAGE_CORRUPT.
   */
  static async open(
    keyValue: KeyValue,
    place = 'the event state',
    shape: IndexShape = DEFAULT_SHAPE,
  ): Promise<EventState> {
    assertPossible(shape);
    const meta = (await readMeta(keyValue, place)) ?? (await writeFirstMeta(keyValue, shape));
    const state = new EventState(keyValue, meta);
    await state.#verifyRecovered();
    await state.#restoreEventIds();
    return state;
  }

  /** Index and term of the last entry applied; 0 and 0 before the first. */
  get appliedIndex(): number {
    return this.#applied.index;
  }

  get appliedTerm(): number {
    return this.#applied.term;
  }

  /** Count of events visible to reads. */
  get appliedEnd(): number {
    return this.#applied.nextPosition;
  }

  get clusterId(): Uint8Array | null {
    return this.#clusterId;
  }

  get confState(): Uint8Array | null {
    return this.#confState;
  }

  /** Where decisions continue. */
  tail(): StoreTail {
    return { nextPosition: this.#applied.nextPosition, lastCreatedAt: this.#applied.lastCreatedAt };
  }

  /**
   * Applies entries as one atomic write: all of them, in order, the first following the last applied one. Records whose
   * positions are there already (a snapshot brought them) are skipped; they must be the same. Resolves with the appends that
   * became visible, when they are; durable later (see {@link flush}). Not to be called again before it has settled. A failure is final.
   */
  apply(entries: readonly StateEntry[]): Promise<readonly StoredAppend[]> {
    return this.#alone(() => this.#apply(entries));
  }

  /**
   * Takes records ahead of the log entries that carry them: positions move, the applied index does not. `group` is committed and
   * begins at or below `appliedEnd`; what is there already is skipped. Otherwise as {@link apply}.
   */
  applyRecords(group: EncodedGroup): Promise<readonly StoredAppend[]> {
    return this.#alone(() => this.#write([], [group], this.#applied));
  }

  /**
   * The state is, with the records it has, that of `snapshot`: moves the applied index there and takes its configuration, in one atomic
   * write. Its index is above the applied one, and no record of it is missing. Otherwise as {@link apply}.
   */
  async install(snapshot: InstalledSnapshot): Promise<void> {
    const { index, term, confState } = snapshot;
    await this.#alone(() => {
      assert(index > this.#applied.index, () => `a snapshot of entry ${index} on top of ${this.#applied.index}`);
      assert(this.#applied.nextPosition >= snapshot.nextPosition, () => {
        return `a snapshot of ${snapshot.nextPosition} events, of which ${this.#applied.nextPosition} are here`;
      });
      return this.#write([confState], [], { ...this.#applied, index, term });
    });
  }

  /** Takes a configuration that no entry carries: what a store from before there were members begins with. */
  async configure(confState: Uint8Array): Promise<void> {
    await this.#alone(() => this.#write([confState], [], this.#applied));
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    assert(this.#applying === null, 'entries are applied one call after the other, and not after a failure');
    const applying = work();
    this.#applying = applying.then(() => undefined);
    // Whoever waits for it to settle sees the failure; so does the caller.
    this.#applying.catch(() => undefined);
    const result = await applying;
    this.#applying = null;
    return result;
  }

  async #apply(entries: readonly StateEntry[]): Promise<readonly StoredAppend[]> {
    if (entries.length === 0) return [];
    const { index } = this.#applied;
    entries.forEach((entry, i) => {
      assert(entry.index === index + 1 + i, () => `entry ${entry.index} applied after ${index + i}`);
    });
    const groups = entries.flatMap(({ group }) => (group === null ? [] : [group]));
    const configurations = entries.flatMap(({ confState }) => (confState === undefined ? [] : [confState]));
    const last = entries.at(-1) ?? this.#applied;
    return this.#write(configurations, groups, { ...this.#applied, index: last.index, term: last.term });
  }

  /** Writes groups, configurations and how far the state is, at once. `next` says the index and term; positions follow from the groups. */
  async #write(
    configurations: readonly Uint8Array[],
    groups: readonly EncodedGroup[],
    next: AppliedState,
  ): Promise<readonly StoredAppend[]> {
    const begin = this.#applied.nextPosition;
    const fresh: EncodedGroup[] = [];
    let { nextPosition, lastCreatedAt } = this.#applied;
    for (const group of groups) {
      const { repeated, appends } = recordsBehind(group, nextPosition);
      if (repeated.length > 0)
        await assertSameRecords(
          repeated.filter((one) => one.firstPosition < begin),
          this.#view(),
        );
      const last = appends.at(-1);
      if (last === undefined) continue;
      fresh.push({ bytes: group.bytes, appends });
      nextPosition = last.firstPosition + last.count;
      lastCreatedAt = last.createdAt;
    }
    const applied = { ...next, nextPosition, lastCreatedAt };
    const confState = configurations.at(-1) ?? this.#confState;
    const appends = fresh.flatMap((group) => group.appends);
    const eventIds = await this.#eventIds.prepare(appends);
    const heads = new Map<string, StreamHead>();
    await this.#keyValue.write((batch) => {
      for (const group of fresh) writeGroup(batch, group, heads);
      writeHeads(batch, heads);
      eventIds.write(batch);
      if (confState !== null && confState !== this.#confState) batch.put(metaKeys.confState, confState);
      batch.put(metaKeys.applied, encodeApplied(applied));
    });
    this.#applied = applied;
    this.#recentHeads.take(heads);
    this.#confState = confState;
    eventIds.done();
    return appends;
  }

  /** Makes all that is applied durable: the log may be cut behind the `appliedIndex` from before the call. */
  flush(): Promise<void> {
    return this.#keyValue.flush();
  }

  /** See `Store`, for this and all that follows. */
  loadForDecision(need: DecisionNeed): Promise<DecisionFacts> {
    const eventIds = { index: this.#eventIds, settle: () => this.#applying };
    return loadDecisionFacts(this.#view(), need, this.#recentHeads, eventIds);
  }

  async stream(streamId: string): Promise<StreamSummary | null> {
    const head = await this.#head(streamId);
    if (head === null) return null;
    const { streamNumber, lastRevision, lastPosition } = head;
    return { streamId, lastRevision, firstPosition: streamNumber, lastPosition };
  }

  async positionOf(streamId: string, revision: number): Promise<number | null> {
    const head = await this.#head(streamId);
    const found = head === null ? null : await placeOf(this.#view(), head, revision);
    return found === null ? null : found.place.firstPosition + revision - found.firstRevision;
  }

  readAll(from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]> {
    const view = this.#view();
    return direction === 'forwards' ? readAllForwards(view, from) : readAllBackwards(view, from);
  }

  async *readStream(streamId: string, from: number, direction: ReadDirection): AsyncGenerator<readonly StoredAppend[]> {
    const head = await this.#head(streamId);
    if (head === null) return;
    const view = this.#view();
    yield* direction === 'forwards' ? readStreamForwards(view, head, from) : readStreamBackwards(view, head, from);
  }

  readQuery(query: Query, from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]> {
    return readQuery(this.#view(), query, from, direction);
  }

  positionAtTime(micros: number): Promise<number> {
    return positionAtTime(this.#view(), micros);
  }

  async listStreams(prefix: string, after: string | null, limit: number): Promise<readonly StreamSummary[]> {
    const streams = await listStreams(this.#keyValue, prefix, after, limit);
    await this.#visible(Math.max(-1, ...streams.map(({ lastPosition }) => lastPosition)));
    return streams;
  }

  gauges(): Promise<ReadonlyMap<string, number>> {
    return this.#keyValue.gauges();
  }

  /** Makes everything durable and closes the key-value store. Idempotent. */
  close(): Promise<void> {
    return this.#keyValue.close();
  }

  #view(): StateView {
    return { keyValue: this.#keyValue, end: this.#applied.nextPosition };
  }

  /**
   * Reads back, without a hole, what the engine recovered from its journal, and on into what it had on disk. An engine that
   * lost a file of its list, and with it writes older than the journal, is found out so.
   */
  async #verifyRecovered(): Promise<void> {
    let bytes = 0;
    for await (const appends of this.readAll(Number.MAX_SAFE_INTEGER, 'backwards')) {
      for (const append of appends) bytes += append.bytes.length;
      if (bytes > this.#keyValue.recoveredBytes) return;
    }
  }

  /** Reads the event ids of the newest events, which the index keeps in memory: those of one of its runs at most. */
  async #restoreEventIds(): Promise<void> {
    const from = this.#eventIds.firstMissing;
    if (from > this.appliedEnd) throw corruption('event id index', `it goes to ${from} of ${this.appliedEnd} events`);
    if (from === this.appliedEnd) return;
    for await (const appends of this.readAll(from, 'forwards')) {
      for (const append of appends) this.#eventIds.restore(append);
    }
  }

  async #head(streamId: string): Promise<StreamHead | null> {
    const [head = null] = await readHeads(this.#keyValue, [streamId]);
    if (head !== null) await this.#visible(head.lastPosition);
    return head;
  }

  /** Waits until a position that a read came upon is visible: a write is seen in the engine a moment before it settles. */
  async #visible(position: number): Promise<void> {
    if (position >= this.appliedEnd) await this.#applying;
  }
}
