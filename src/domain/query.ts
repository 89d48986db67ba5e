/**
 * Queries over event types and tags, used by append conditions and by filters. Pure.
 */
import type { EventFacts } from './event.ts';

/** Matches an event that has one of the types (every type, when none is given) and all of the tags. Never both empty. */
export interface QueryItem {
  readonly types: readonly string[];
  readonly tags: readonly string[];
}

/** Matches an event that at least one item matches. At least one item. */
export interface Query {
  readonly items: readonly QueryItem[];
}

/** Whether the event matches. */
export function matchesQuery(query: Query, event: EventFacts): boolean {
  return query.items.some(
    (item) =>
      (item.types.length === 0 || item.types.includes(event.type)) &&
      item.tags.every((tag) => event.tags.includes(tag)),
  );
}
