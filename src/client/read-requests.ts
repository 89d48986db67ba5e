/**
 * What can be read, as callers say it, and as it goes on the wire, again from where a read was interrupted.
 */
import type { Filter } from '../domain/filter.ts';
import { Direction, ReadAllRequest, ReadStreamRequest } from '../grpc/gen/graveyar/v1/event_store.ts';
import type {
  Filter as FilterMessage,
  ReadConsistency as ConsistencyMessage,
} from '../grpc/gen/graveyar/v1/event_store.ts';
import type { ReadProgress, ReadRequest } from './event-stream.ts';
import type { ReadLimits } from './read-limits.ts';

/** How fresh a read must be: all that was acknowledged before it (default), all up to a position, or what is there. */
export type Consistency = 'linearizable' | 'local' | { readonly atLeastPosition: number };

/** What every read takes. Its deadline, when given, is that of the whole read, to the last event. */
export interface ReadOptions extends ReadLimits {
  /** Default: forwards, old to new. */
  readonly direction?: 'forwards' | 'backwards';
  /** At most so many events. Default: no limit. */
  readonly limit?: number;
  readonly consistency?: Consistency;
}

/** Reading one stream. */
export interface ReadStreamOptions extends ReadOptions {
  /** The first revision to read. Default: the stream's first (forwards) or last (backwards) event. */
  readonly from?: number;
}

/** A time; `createdAt` as events have it, in microseconds, where milliseconds are too coarse. */
export type ReadTime = Date | { readonly createdAt: number };

/** Reading the whole store. */
export interface ReadAllOptions extends ReadOptions {
  /** The first position to read, or a time. Default: the store's first (forwards) or last (backwards) event. */
  readonly from?: number | ReadTime;
  /** Default: every event. */
  readonly filter?: Filter;
}

/** The ReadStreamRequest messages of a read. */
export function readStreamRequests(streamId: string, options: ReadStreamOptions): ReadRequest {
  return (progress) => {
    const limit = remaining(options, progress);
    const fromRevision = continued(options, progress.last?.revision) ?? options.from;
    if (limit === null || isDone(fromRevision)) return null;
    return ReadStreamRequest.encode({
      streamId,
      direction: directionOf(options),
      fromRevision,
      limit,
      consistency: consistencyMessage(options.consistency),
    }).finish();
  };
}

/** The ReadAllRequest messages of a read. */
export function readAllRequests(options: ReadAllOptions): ReadRequest {
  return (progress) => {
    const limit = remaining(options, progress);
    const from = continued(options, progress.last?.position) ?? options.from;
    if (limit === null || isDone(from)) return null;
    return ReadAllRequest.encode({
      direction: directionOf(options),
      from: fromMessage(from),
      limit,
      filter: filterMessage(options.filter),
      consistency: consistencyMessage(options.consistency),
    }).finish();
  };
}

/** Backwards, nothing comes after the first event. */
function isDone(from: number | ReadTime | undefined): boolean {
  return from === -1;
}

function continued({ direction }: ReadOptions, last: number | undefined): number | undefined {
  if (last === undefined) return undefined;
  return direction === 'backwards' ? last - 1 : last + 1;
}

/** What is left of the limit, 0 meaning no limit; null when nothing is left. */
function remaining({ limit }: ReadOptions, { count }: ReadProgress): number | null {
  if (limit === undefined) return 0;
  return limit > count ? limit - count : null;
}

function directionOf({ direction }: ReadOptions): Direction {
  return direction === 'backwards' ? Direction.DIRECTION_BACKWARDS : Direction.DIRECTION_FORWARDS;
}

function fromMessage(from: number | ReadTime | undefined): ReadAllRequest['from'] {
  if (from === undefined) return undefined;
  if (typeof from === 'number') return { $case: 'fromPosition', fromPosition: from };
  const micros = from instanceof Date ? from.getTime() * 1000 : from.createdAt;
  const seconds = Math.floor(micros / 1_000_000);
  return { $case: 'fromTime', fromTime: { seconds, nanos: (micros - seconds * 1_000_000) * 1000 } };
}

/** The message of a filter. */
export function filterMessage(filter: Filter | undefined): FilterMessage | undefined {
  switch (filter?.kind) {
    case undefined:
      return undefined;
    case 'stream-prefix':
      return { kind: { $case: 'streamPrefix', streamPrefix: filter.prefix } };
    case 'type-prefix':
      return { kind: { $case: 'typePrefix', typePrefix: filter.prefix } };
    case 'type-regex':
      return { kind: { $case: 'typeRegex', typeRegex: filter.pattern } };
    case 'stream-regex':
      return { kind: { $case: 'streamRegex', streamRegex: filter.pattern } };
    case 'query':
      return { kind: { $case: 'query', query: queryMessage(filter.query) } };
  }
}

/** The message of a query. */
export function queryMessage(query: { readonly items: readonly QueryItemLike[] }): {
  items: { types: string[]; tags: string[] }[];
} {
  return { items: query.items.map(({ types = [], tags = [] }) => ({ types: [...types], tags: [...tags] })) };
}

interface QueryItemLike {
  readonly types?: readonly string[];
  readonly tags?: readonly string[];
}

/** The message of a consistency. */
export function consistencyMessage(consistency: Consistency | undefined): ConsistencyMessage | undefined {
  switch (consistency) {
    case undefined:
      return undefined;
    case 'linearizable':
      return { kind: { $case: 'linearizable', linearizable: {} } };
    case 'local':
      return { kind: { $case: 'local', local: {} } };
    default:
      return { kind: { $case: 'atLeastPosition', atLeastPosition: consistency.atLeastPosition } };
  }
}
