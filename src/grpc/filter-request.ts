/**
 * Filters, queries and consistency from their messages. Text and numbers are validated by whoever has the whole request;
 * here a choice that was not made is refused.
 */
import type { Filter } from '../domain/filter.ts';
import type { Query } from '../domain/query.ts';
import { validateFilter } from '../domain/validate-query.ts';
import { invalidArgument } from '../domain/validate-text.ts';
import type { ReadConsistency } from '../pipeline/event-pipeline.ts';
import type {
  Filter as FilterMessage,
  Query as QueryMessage,
  ReadConsistency as ConsistencyMessage,
} from './gen/graveyar/v1/event_store.ts';

const linearizable: ReadConsistency = { kind: 'linearizable' };

/** The query, not validated. */
export function toQuery(message: QueryMessage): Query {
  return { items: message.items };
}

/** The filter, validated; null when the field is not set. Throws INVALID_ARGUMENT; paths begin with `path`. */
export function toFilter(message: FilterMessage | undefined, path: string): Filter | null {
  if (message === undefined) return null;
  const filter = kindOf(message, path);
  validateFilter(filter, path);
  return filter;
}

function kindOf({ kind }: FilterMessage, path: string): Filter {
  switch (kind?.$case) {
    case 'streamPrefix':
      return { kind: 'stream-prefix', prefix: kind.streamPrefix };
    case 'typePrefix':
      return { kind: 'type-prefix', prefix: kind.typePrefix };
    case 'typeRegex':
      return { kind: 'type-regex', pattern: kind.typeRegex };
    case 'streamRegex':
      return { kind: 'stream-regex', pattern: kind.streamRegex };
    case 'query':
      return { kind: 'query', query: toQuery(kind.query) };
    case undefined:
      throw invalidArgument(path, 'says nothing', 'stream_prefix, type_prefix, type_regex, stream_regex or query');
  }
}

/** The consistency; linearizable when the field is not set. Throws INVALID_ARGUMENT. */
export function toConsistency(message: ConsistencyMessage | undefined): ReadConsistency {
  if (message === undefined) return linearizable;
  switch (message.kind?.$case) {
    case 'linearizable':
      return linearizable;
    case 'atLeastPosition':
      return { kind: 'at-least', position: message.kind.atLeastPosition };
    case 'local':
      return { kind: 'local' };
    case undefined:
      throw invalidArgument('consistency', 'says nothing', 'linearizable, at_least_position or local');
  }
}
