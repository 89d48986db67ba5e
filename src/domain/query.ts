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
export function matchesQuery(query: Query, event: Pick<EventFacts, 'type' | 'tags'>): boolean {
  for (const item of query.items) {
    if (item.types.length > 0 && !item.types.includes(event.type)) continue;
    if (hasAll(event.tags, item.tags)) return true;
  }
  return false;
}

function hasAll(tags: readonly string[], wanted: readonly string[]): boolean {
  for (const tag of wanted) if (!tags.includes(tag)) return false;
  return true;
}

/** A text that is equal for queries that differ only in the order or repetition of items, types and tags. */
export function canonicalQuery(query: Query): string {
  const items = query.items.map((item) => JSON.stringify([sortedSet(item.types), sortedSet(item.tags)]));
  return `[${sortedSet(items).join(',')}]`;
}

function sortedSet(texts: readonly string[]): string[] {
  // By code unit: the order only has to be the same each time.
  return [...new Set(texts)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
