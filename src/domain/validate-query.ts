/**
 * Rules for the text of queries and filters. Pure. Whether a regular expression compiles is not decided here.
 */
import type { Filter } from './filter.ts';
import { unreachable } from '../lib/assert.ts';
import { limits } from './limits.ts';
import type { Query, QueryItem } from './query.ts';
import { invalidArgument, validateCount, validateText } from './validate-text.ts';

/** Throws INVALID_ARGUMENT unless the query keeps to its limits. Paths begin with `path`: `query.items[0].types[2]`. */
export function validateQuery(query: Query, path: string): void {
  validateCount(query.items.length, 1, limits.queryItems, 'items', () => `${path}.items`);
  query.items.forEach((item, index) => {
    validateItem(item, `${path}.items[${index}]`);
  });
}

function validateItem(item: QueryItem, path: string): void {
  validateCount(item.types.length, 0, limits.queryItemTypes, 'types', () => `${path}.types`);
  validateCount(item.tags.length, 0, limits.queryItemTags, 'tags', () => `${path}.tags`);
  if (item.types.length === 0 && item.tags.length === 0) {
    throw invalidArgument(path, 'matches everything', 'at least one type or tag');
  }
  item.types.forEach((type, at) => {
    validateText(type, 1, limits.eventTypeBytes, () => `${path}.types[${at}]`);
  });
  item.tags.forEach((tag, at) => {
    validateText(tag, 1, limits.tagBytes, () => `${path}.tags[${at}]`);
  });
}

/** Throws INVALID_ARGUMENT unless the filter's text keeps to its limits. Paths begin with `path`: `filter.type_regex`. */
export function validateFilter(filter: Filter, path: string): void {
  switch (filter.kind) {
    case 'stream-prefix':
      validateText(filter.prefix, 1, limits.streamIdBytes, () => `${path}.stream_prefix`);
      return;
    case 'type-prefix':
      validateText(filter.prefix, 1, limits.eventTypeBytes, () => `${path}.type_prefix`);
      return;
    case 'type-regex':
      validateText(filter.pattern, 1, limits.regexBytes, () => `${path}.type_regex`);
      return;
    case 'stream-regex':
      validateText(filter.pattern, 1, limits.regexBytes, () => `${path}.stream_regex`);
      return;
    case 'query':
      validateQuery(filter.query, `${path}.query`);
      return;
    default:
      unreachable(filter, 'filter kind');
  }
}
