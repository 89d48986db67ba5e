/**
 * Finds events in flight that an append condition's query matches. The indexes are made when the first condition asks,
 * so that appends cost nothing while nobody uses conditions.
 */
import type { AppendCondition, DecidedAppend } from '../../domain/append.ts';
import type { ProposedEvent } from '../../domain/event.ts';
import type { QueryItem } from '../../domain/query.ts';

interface PlacedEvent {
  readonly position: number;
  readonly event: ProposedEvent;
}

const NONE: readonly PlacedEvent[] = [];

export class InFlightConditions {
  readonly #byType = new Map<string, PlacedEvent[]>();
  readonly #byTag = new Map<string, PlacedEvent[]>();
  /** Events below this position are in the indexes. */
  #indexedEnd = 0;

  /** Forgets everything: what is in flight has become less. */
  clear(): void {
    this.#byType.clear();
    this.#byTag.clear();
    this.#indexedEnd = 0;
  }

  /**
   * The position of an event of `inFlight` (all appends in flight, in order) that the condition's query matches after its
   * position, or null.
   */
  match(condition: AppendCondition, inFlight: readonly DecidedAppend[]): number | null {
    this.#index(inFlight);
    const after = condition.afterPosition ?? -1;
    for (const item of condition.query.items) {
      for (const candidates of this.#candidates(item)) {
        const position = newestMatch(item, candidates, after);
        if (position !== null) return position;
      }
    }
    return null;
  }

  #index(inFlight: readonly DecidedAppend[]): void {
    for (const { firstPosition, events } of inFlight) {
      if (firstPosition < this.#indexedEnd) continue;
      for (const [ordinal, event] of events.entries()) {
        const placed = { position: firstPosition + ordinal, event };
        addTo(this.#byType, event.type, placed);
        for (const tag of event.tags) addTo(this.#byTag, tag, placed);
      }
      this.#indexedEnd = firstPosition + events.length;
    }
  }

  /** Lists that together hold every event the item can match: of its rarest tag, else of its types. */
  #candidates(item: QueryItem): readonly (readonly PlacedEvent[])[] {
    if (item.tags.length === 0) return item.types.map((type) => this.#byType.get(type) ?? NONE);
    const lists = item.tags.map((tag) => this.#byTag.get(tag) ?? NONE);
    return [lists.reduce((shortest, list) => (list.length < shortest.length ? list : shortest))];
  }
}

function addTo(index: Map<string, PlacedEvent[]>, word: string, placed: PlacedEvent): void {
  const list = index.get(word);
  if (list === undefined) index.set(word, [placed]);
  else list.push(placed);
}

/** Conditions mostly ask about the newest few events: look from the end, and stop at the condition's position. */
function newestMatch(item: QueryItem, candidates: readonly PlacedEvent[], after: number): number | null {
  for (let at = candidates.length - 1; at >= 0; at--) {
    const candidate = candidates[at];
    if (candidate === undefined || candidate.position <= after) return null;
    const { type, tags } = candidate.event;
    const typeFits = item.types.length === 0 || item.types.includes(type);
    if (typeFits && item.tags.every((tag) => tags.includes(tag))) return candidate.position;
  }
  return null;
}
