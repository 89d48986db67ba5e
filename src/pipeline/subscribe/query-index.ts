/**
 * Finds the query filters that an event might match, by one of its tags or by its type. Each item of a query is filed once:
 * under the tag of it that has the fewest routes so far, or, without tags, under each of its types. An event that matches the
 * item has that tag, or one of those types.
 */
import type { QueryFilter } from '../../domain/compiled-filter.ts';
import type { EventFacts } from '../../domain/event.ts';
import type { Route } from './route.ts';

/** Where a route was filed, to take it out again. */
interface Filing {
  readonly tags: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
}

export class QueryIndex {
  readonly #byTag = new Map<string, Map<Route, QueryFilter>>();
  readonly #byType = new Map<string, Map<Route, QueryFilter>>();
  readonly #filings = new Map<Route, Filing>();

  get size(): number {
    return this.#filings.size;
  }

  add(filter: QueryFilter, route: Route): void {
    const tags = new Set<string>();
    const types = new Set<string>();
    for (const item of filter.query.items) {
      const tag = this.#rarest(item.tags);
      if (tag !== null) tags.add(tag);
      else for (const type of item.types) types.add(type);
    }
    this.#filings.set(route, { tags, types });
    for (const tag of tags) file(this.#byTag, tag, route, filter);
    for (const type of types) file(this.#byType, type, route, filter);
  }

  delete(route: Route): void {
    const filing = this.#filings.get(route);
    if (filing === undefined) return;
    this.#filings.delete(route);
    for (const tag of filing.tags) unfile(this.#byTag, tag, route);
    for (const type of filing.types) unfile(this.#byType, type, route);
  }

  /** Calls `candidate` for every route that might match; for some more than once. */
  matching(event: EventFacts, candidate: (route: Route, filter: QueryFilter) => void): void {
    if (this.#byTag.size > 0) {
      for (const tag of event.tags) this.#byTag.get(tag)?.forEach((filter, route) => candidate(route, filter));
    }
    if (this.#byType.size > 0) {
      this.#byType.get(event.type)?.forEach((filter, route) => candidate(route, filter));
    }
  }

  #rarest(tags: readonly string[]): string | null {
    let best: string | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    for (const tag of tags) {
      const count = this.#byTag.get(tag)?.size ?? 0;
      if (count < fewest) {
        best = tag;
        fewest = count;
      }
    }
    return best;
  }
}

function file(index: Map<string, Map<Route, QueryFilter>>, key: string, route: Route, filter: QueryFilter): void {
  const routes = index.get(key);
  if (routes === undefined) index.set(key, new Map([[route, filter]]));
  else routes.set(route, filter);
}

function unfile(index: Map<string, Map<Route, QueryFilter>>, key: string, route: Route): void {
  const routes = index.get(key);
  routes?.delete(route);
  if (routes?.size === 0) index.delete(key);
}
