/**
 * Filters made ready to run: compiled once, asked for every event. Pure.
 *
 * A filter looks at one thing only: the stream id, the type, or type and tags together; its `scope` says which, so that a
 * caller need not decode what the filter does not look at. Prefixes are compared by code units, which for well-formed text (the
 * validators let no other in) is the same as by bytes of UTF-8.
 */
import { BoundedMemo } from '../lib/bounded-memo.ts';
import type { EventFacts } from './event.ts';
import type { Filter } from './filter.ts';
import { compilePattern } from './pattern.ts';
import { type Query, canonicalQuery, matchesQuery } from './query.ts';

interface CompiledBase {
  readonly filter: Filter;
  /** Equal for filters that match the same by their text: a subscription shares the work with others of its key. */
  readonly key: string;
  /** Instructions of its regular expression; 0 when it has none. */
  readonly cost: number;
}

/** A filter that looks at the stream id, or at the event type, alone. */
export interface TextFilter extends CompiledBase {
  readonly scope: 'stream' | 'type';
  test(text: string): boolean;
}

/** A filter that looks at type and tags. */
export interface QueryFilter extends CompiledBase {
  readonly scope: 'query';
  readonly query: Query;
  test(event: EventFacts): boolean;
}

export type CompiledFilter = TextFilter | QueryFilter;

/** Distinct texts whose answer a regular expression remembers. */
const MEMO_CAPACITY = 1024;

/**
 * Compiles a filter whose text keeps to the limits. INVALID_ARGUMENT, naming the field below `field`, for a pattern that cannot
 * be run (see {@link compilePattern}).
 */
export function compileFilter(filter: Filter, field = 'filter'): CompiledFilter {
  switch (filter.kind) {
    case 'stream-prefix':
      return prefixFilter(filter, 'stream', filter.prefix);
    case 'type-prefix':
      return prefixFilter(filter, 'type', filter.prefix);
    case 'stream-regex':
      return patternFilter(filter, 'stream', filter.pattern, `${field}.stream_regex`);
    case 'type-regex':
      return patternFilter(filter, 'type', filter.pattern, `${field}.type_regex`);
    case 'query': {
      const { query } = filter;
      const key = `query ${canonicalQuery(query)}`;
      return { filter, key, cost: 0, scope: 'query', query, test: (event) => matchesQuery(query, event) };
    }
  }
}

/** Whether the filter matches the event. */
export function matchesFilter(filter: CompiledFilter, event: EventFacts): boolean {
  if (filter.scope === 'query') return filter.test(event);
  return filter.test(filter.scope === 'stream' ? event.streamId : event.type);
}

function prefixFilter(filter: Filter, scope: TextFilter['scope'], prefix: string): TextFilter {
  return { filter, key: `${filter.kind} ${prefix}`, cost: 0, scope, test: (text) => text.startsWith(prefix) };
}

function patternFilter(filter: Filter, scope: TextFilter['scope'], text: string, field: string): TextFilter {
  const pattern = compilePattern(text, field);
  const memo = new BoundedMemo(MEMO_CAPACITY, (input: string) => pattern.test(input));
  return { filter, key: `${filter.kind} ${text}`, cost: pattern.cost, scope, test: (input) => memo.get(input) };
}
