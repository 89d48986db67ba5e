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
import type { EncodedGroup } from '../group.ts';
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

export class EventState {
  readonly #keyValue: KeyValue;
  readonly #clusterId: Uint8Array | null;
  #confState: Uint8Array | null;
  #applied: AppliedState;
  /** The apply under way. Stays when it fails, as nothing may be applied after that. */
  #applying: Promise<void> | null = null;

  private constructor(keyValue: KeyValue, meta: StateMeta) {
    this.#keyValue = keyValue;
    this.#clusterId = meta.clusterId;
    this.#confState = meta.confState;
    this.#applied = meta.applied;
  }

  /**
   * Opens the state in `keyValue`, which belongs to it from now on; an empty one becomes an empty state. `place` names it in
   * errors, for example its path. Throws STORAGE_FORMAT_TOO_NEW and STORAGE_CORRUPT.
   */
  static async open(keyValue: KeyValue, place = 'the event state'): Promise<EventState> {
    const state = new EventState(keyValue, (await readMeta(keyValue, place)) ?? (await writeFirstMeta(keyValue)));
    await state.#verifyRecovered();
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
   * Applies entries as one atomic write: all of them, in order, the first following the last applied one. Visible when it
   * settles, durable later (see {@link flush}). Not to be called again before it has settled. A failure is final.
   */
  async apply(entries: readonly StateEntry[]): Promise<void> {
    assert(this.#applying === null, 'entries are applied one call after the other, and not after a failure');
    if (entries.length === 0) return;
    this.#applying = this.#apply(entries);
    await this.#applying;
    this.#applying = null;
  }

  async #apply(entries: readonly StateEntry[]): Promise<void> {
    let next = this.#applied;
    let confState = this.#confState;
    await this.#keyValue.write((batch) => {
      const heads = new Map<string, StreamHead>();
      for (const entry of entries) {
        next = advance(next, entry);
        if (entry.group !== null) writeGroup(batch, entry.group, heads);
        if (entry.confState !== undefined) {
          confState = entry.confState;
          batch.put(metaKeys.confState, confState);
        }
      }
      writeHeads(batch, heads);
      batch.put(metaKeys.applied, encodeApplied(next));
    });
    this.#applied = next;
    this.#confState = confState;
  }

  /** Makes all that is applied durable: the log may be cut behind the `appliedIndex` from before the call. */
  flush(): Promise<void> {
    return this.#keyValue.flush();
  }

  /** See `Store`, for this and all that follows. */
  loadForDecision(need: DecisionNeed): Promise<DecisionFacts> {
    return loadDecisionFacts(this.#view(), need);
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

/** The state after an entry, which must be the next one and continue the positions. */
function advance(state: AppliedState, { index, term, group }: StateEntry): AppliedState {
  assert(index === state.index + 1, () => `entry ${index} applied after ${state.index}`);
  const first = group?.appends[0]?.firstPosition ?? state.nextPosition;
  assert(first === state.nextPosition, () => `entry ${index} begins at position ${first}, not ${state.nextPosition}`);
  const last = group?.appends.at(-1);
  return {
    index,
    term,
    nextPosition: last === undefined ? state.nextPosition : last.firstPosition + last.count,
    lastCreatedAt: last?.createdAt ?? state.lastCreatedAt,
  };
}
