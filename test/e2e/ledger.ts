/**
 * What the appending client was told, held against what the store has. Knows nothing of clusters.
 */
import type { RecordedEvent } from '../../src/client/index.ts';

/** Where an event is, as an answer or a read says. */
export type Place = Pick<RecordedEvent, 'streamId' | 'revision' | 'position'>;

/** What is wrong with a store; all 0 and empty when nothing is. */
export interface Verdict {
  /** Acknowledged events that are not there, or not where the answer said. */
  readonly lost: number;
  /** Events that are there more than once. */
  readonly duplicated: number;
  /** The first thing that was wrong, in words; empty when nothing was. */
  readonly first: string;
}

/** The acknowledged appends, by event id. */
export class Ledger {
  readonly #places = new Map<string, Place>();

  get size(): number {
    return this.#places.size;
  }

  /** Notes an answer. */
  acknowledged(id: string, place: Place): void {
    this.#places.set(id, place);
  }

  /** What was acknowledged so far; what comes later is not in it. */
  copy(): Ledger {
    const copy = new Ledger();
    for (const [id, place] of this.#places) copy.#places.set(id, place);
    return copy;
  }

  /** Judges the events of the store, all of them, in the order they were read. */
  judge(events: readonly (Place & Pick<RecordedEvent, 'id'>)[]): Verdict {
    const found = new Map<string, Place>();
    let duplicated = 0;
    let lost = 0;
    let first = '';
    for (const event of events) {
      if (found.has(event.id)) {
        duplicated++;
        first ||= `${event.id} is at positions ${found.get(event.id)?.position ?? -1} and ${event.position}`;
      }
      found.set(event.id, event);
    }
    for (const [id, place] of this.#places) {
      const there = found.get(id);
      if (there !== undefined && isSame(place, there)) continue;
      lost++;
      first ||= `${id} was acknowledged at ${describePlace(place)} and is ${there ? `at ${describePlace(there)}` : 'gone'}`;
    }
    return { lost, duplicated, first };
  }
}

function isSame(a: Place, b: Place): boolean {
  return a.streamId === b.streamId && a.revision === b.revision && a.position === b.position;
}

function describePlace({ streamId, revision, position }: Place): string {
  return `${streamId} ${revision}, position ${position}`;
}
