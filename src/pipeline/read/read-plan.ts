/**
 * Where a read begins and what it goes over: from the request to a scan plan. Everything that needs to be looked up before the
 * first event is looked up here.
 */
import { type CompiledFilter, compileFilter } from '../../domain/compiled-filter.ts';
import { StoreError } from '../../domain/errors.ts';
import type { Store } from '../../storage/store.ts';
import type { AllRead, StreamRead } from '../event-pipeline.ts';
import { type ScanPlan, wholeScan } from './scan.ts';

/** Null: there is nothing to read. Rejects with STREAM_NOT_FOUND when the stream has no events. */
export async function planStreamRead(store: Store, read: StreamRead): Promise<ScanPlan | null> {
  const { streamId, direction, limit } = read;
  const summary = await store.stream(streamId);
  if (summary === null) {
    throw new StoreError('STREAM_NOT_FOUND', `stream ${JSON.stringify(streamId)} does not exist`, { streamId });
  }
  const { lastRevision } = summary;
  const backwards = direction === 'backwards';
  const from = backwards ? Math.min(read.fromRevision ?? lastRevision, lastRevision) : (read.fromRevision ?? 0);
  if (from > lastRevision) return null;
  return {
    ...wholeScan,
    open: () => store.readStream(streamId, from, direction),
    direction,
    by: 'revision',
    from,
    limit,
  };
}

/** Null: there is nothing to read. Rejects with INVALID_ARGUMENT when the filter cannot be compiled. */
export async function planAllRead(store: Store, read: AllRead): Promise<ScanPlan | null> {
  const { direction, limit } = read;
  const filter = read.filter === null ? null : compileFilter(read.filter);
  const end = store.appliedEnd;
  const from = await startPosition(store, read, end);
  // Also when it is what is applied meanwhile: that may be older than a time to come that was asked for.
  if (from < 0 || from >= end) return null;
  return { ...wholeScan, open: openAll(store, filter, from, direction), direction, from, limit, filter };
}

/** Opens a pass over the whole store: through the indexes when the filter is a query, which they answer. */
export function openAll(
  store: Store,
  filter: CompiledFilter | null,
  from: number,
  direction: ScanPlan['direction'],
): ScanPlan['open'] {
  if (filter?.scope === 'query') return () => store.readQuery(filter.query, from, direction);
  return () => store.readAll(from, direction);
}

/** The first position wanted; below 0 or at `end` when there is none. */
async function startPosition(store: Store, read: AllRead, end: number): Promise<number> {
  const backwards = read.direction === 'backwards';
  if (read.from === null) return backwards ? end - 1 : 0;
  if (read.from.kind === 'position') return backwards ? Math.min(read.from.position, end - 1) : read.from.position;
  if (!backwards) return store.positionAtTime(read.from.micros);
  const after = Math.min(read.from.micros + 1, Number.MAX_SAFE_INTEGER);
  return Math.min(await store.positionAtTime(after), end) - 1;
}
