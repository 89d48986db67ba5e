/**
 * Filters: which events of the whole store a read or subscription wants. Pure. Regular expressions run in linear time
 * (RE2), so that no pattern can stop the server.
 */
import type { Query } from './query.ts';

/** What a caller asks for. Text within `limits.ts`; patterns are RE2 syntax and match anywhere unless anchored. */
export type Filter =
  | { readonly kind: 'stream-prefix'; readonly prefix: string }
  | { readonly kind: 'type-prefix'; readonly prefix: string }
  | { readonly kind: 'type-regex'; readonly pattern: string }
  | { readonly kind: 'stream-regex'; readonly pattern: string }
  | { readonly kind: 'query'; readonly query: Query };
