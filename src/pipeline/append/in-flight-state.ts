/**
 * What is decided but not known to be applied: the difference between the store's state and the state that the next append
 * is decided against.
 *
 * Invariants: holds every decided append that a load begun now might not see; appends are in the order of positions,
 * without gaps up to `nextPosition`. An append leaves only when it is applied and no facts loaded before that are in use
 * any more, which is why only the start of a load drops. Bounded by its owner, who waits for the store when
 * {@link unappliedBytes} is large.
 */
import type { AppendCondition, DecidedAppend } from '../../domain/append.ts';
import { assert } from '../../lib/assert.ts';
import type { StoreTail } from '../../storage/store.ts';
import { InFlightConditions } from './in-flight-conditions.ts';
import { InFlightStream } from './in-flight-stream.ts';

interface InFlightGroup {
  /** One more than its last position. */
  readonly end: number;
  readonly bytes: number;
}

export class InFlightState {
  readonly #streams = new Map<string, InFlightStream>();
  readonly #conditions = new InFlightConditions();
  readonly #groups: InFlightGroup[] = [];
  #appends: DecidedAppend[] = [];
  #nextPosition: number;
  #lastCreatedAt: number;
  #unappliedBytes = 0;

  constructor(tail: StoreTail) {
    this.#nextPosition = tail.nextPosition;
    this.#lastCreatedAt = tail.lastCreatedAt;
  }

  /** The position that the next event gets. */
  get nextPosition(): number {
    return this.#nextPosition;
  }

  /** Bytes of the closed groups that are here. */
  get unappliedBytes(): number {
    return this.#unappliedBytes;
  }

  /** The end of the oldest group that is here: once this much is applied, something can be dropped. */
  get oldestEnd(): number {
    return this.#groups[0]?.end ?? this.#nextPosition;
  }

  /** The time that an append decided at `now` gets: never before that of the append before. Microseconds. */
  createdAt(now: number): number {
    return Math.max(now, this.#lastCreatedAt);
  }

  /** The stream's appends in flight, undefined when there are none. */
  stream(streamId: string): InFlightStream | undefined {
    return this.#streams.get(streamId);
  }

  /** The position of an event in flight that matches the condition after its position, or null. */
  conditionMatch(condition: AppendCondition): number | null {
    return this.#appends.length === 0 ? null : this.#conditions.match(condition, this.#appends);
  }

  /** Adds an append that was just decided. */
  add(decided: DecidedAppend): void {
    assert(decided.firstPosition === this.#nextPosition, () => {
      return `the next append begins at ${this.#nextPosition}, not at ${decided.firstPosition}`;
    });
    this.#appends.push(decided);
    const stream = this.#streams.get(decided.streamId);
    if (stream === undefined) this.#streams.set(decided.streamId, new InFlightStream(decided));
    else stream.add(decided);
    this.#nextPosition += decided.events.length;
    this.#lastCreatedAt = decided.createdAt;
  }

  /** Everything added since the last call is one group of `bytes` bytes. */
  closeGroup(bytes: number): void {
    this.#groups.push({ end: this.#nextPosition, bytes });
    this.#unappliedBytes += bytes;
  }

  /** Forgets the groups that are applied. Only at the start of a load, which sees at least what is applied now. */
  dropApplied(appliedEnd: number): void {
    let end = 0;
    for (let group = this.#groups[0]; group !== undefined && group.end <= appliedEnd; group = this.#groups[0]) {
      end = group.end;
      this.#unappliedBytes -= group.bytes;
      this.#groups.shift();
    }
    if (end === 0) return;
    this.#conditions.clear();
    const kept = this.#appends.findIndex((decided) => decided.firstPosition >= end);
    const dropped = this.#appends.splice(0, kept === -1 ? this.#appends.length : kept);
    for (const { streamId } of dropped) {
      const stream = this.#streams.get(streamId);
      if (stream === undefined) continue;
      if (stream.head.lastPosition < end) this.#streams.delete(streamId);
      else stream.dropBelow(end);
    }
  }
}
