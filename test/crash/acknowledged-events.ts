/**
 * What the clients of a crash test know: which appends were acknowledged and where they are, and which had no answer. Judges
 * what a store holds against that. Knows nothing of processes.
 */
import type { AppendResult, RecordedEvent } from '../../src/client/index.ts';

/** One append, by the ids of its events in order. */
export interface Attempt {
  readonly streamId: string;
  readonly ids: readonly string[];
}

interface Place {
  readonly streamId: string;
  readonly revision: number;
  readonly position: number;
}

export class AcknowledgedEvents {
  /** Where each acknowledged event must be, by id. */
  readonly #places = new Map<string, Place>();
  /** Appends without an answer: all there, or nothing. In the order of their calls. */
  #unknown: Attempt[] = [];
  /** What the store held when it was last looked at: ids by position, and the next revision of each stream. */
  readonly #ids: string[] = [];
  readonly #revisions = new Map<string, number>();

  get acknowledged(): number {
    return this.#places.size;
  }

  /** The number of events that were verified. */
  get verified(): number {
    return this.#ids.length;
  }

  succeeded({ streamId, ids }: Attempt, result: AppendResult): void {
    ids.forEach((id, at) => {
      const place = { streamId, revision: result.firstRevision + at, position: result.firstPosition + at };
      const before = this.#places.get(id);
      if (before && (before.revision !== place.revision || before.position !== place.position)) {
        throw new Error(`${id} was answered with ${JSON.stringify(before)} and later with ${JSON.stringify(place)}`);
      }
      this.#places.set(id, place);
    });
  }

  hadNoAnswer(attempt: Attempt): void {
    this.#unknown.push(attempt);
  }

  /** Takes the appends without an answer, to be sent again. */
  takeUnknown(): readonly Attempt[] {
    const taken = this.#unknown;
    this.#unknown = [];
    return taken;
  }

  /** Looks at the events from {@link verified} on, which must be all the store has. Throws at the first that is wrong. */
  verify(events: readonly RecordedEvent[]): void {
    for (const event of events) this.#verifyNext(event);
    const seen = new Set(this.#ids);
    if (seen.size !== this.#ids.length) throw new Error('an event id is in the store twice');
    for (const [id, place] of this.#places) {
      if (!seen.has(id)) throw new Error(`acknowledged and lost: ${id} at ${JSON.stringify(place)}`);
    }
    for (const { ids, streamId } of this.#unknown) {
      const there = ids.filter((id) => seen.has(id)).length;
      if (there !== 0 && there !== ids.length)
        throw new Error(`half an append of ${streamId}: ${there} of ${ids.length}`);
    }
  }

  #verifyNext({ id, streamId, revision, position }: RecordedEvent): void {
    if (position !== this.#ids.length) throw new Error(`position ${position} where ${this.#ids.length} was to follow`);
    const expected = this.#revisions.get(streamId) ?? 0;
    if (revision !== expected) throw new Error(`${streamId} has revision ${revision} where ${expected} was to follow`);
    const place = this.#places.get(id);
    const known = place ?? this.#unknown.find((attempt) => attempt.streamId === streamId && attempt.ids.includes(id));
    if (known === undefined) throw new Error(`${id} in ${streamId} was never appended there`);
    if (place && (place.position !== position || place.revision !== revision || place.streamId !== streamId)) {
      throw new Error(
        `${id} is at ${streamId} ${revision}, ${position}, but was acknowledged at ${JSON.stringify(place)}`,
      );
    }
    this.#ids.push(id);
    this.#revisions.set(streamId, revision + 1);
  }
}
