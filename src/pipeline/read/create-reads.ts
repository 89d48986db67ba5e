/**
 * Reads, stage by stage: begin (bounded) -> consistency -> plan -> scan -> batches. A batch is read when it is asked for. When
 * the caller aborts, or the server stops, the store's iterator is released at once, asked for or not.
 */
import { StoreError } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Store } from '../../storage/store.ts';
import type { Contact } from '../contact.ts';
import { alwaysInTouch } from '../contact.ts';
import type { EventBatch, EventPipeline, ReadConsistency, StreamPage } from '../event-pipeline.ts';
import { awaitConsistency } from './consistency.ts';
import { Operations } from './operation.ts';
import { planAllRead, planStreamRead } from './read-plan.ts';
import { type ScanPlan, scan } from './scan.ts';

export interface ReadSettings {
  /** Reads in progress; beyond: OVERLOADED. Each may hold a chunk of the store and a batch, about 2 MiB. */
  readonly maxReads: number;
  /** How long a read waits for its consistency before DEADLINE_EXCEEDED. */
  readonly consistencyWaitMillis: number;
}

export const defaultReadSettings: ReadSettings = { maxReads: 1024, consistencyWaitMillis: 10_000 };

/** The reading part of {@link EventPipeline}, with the same contracts. */
export interface Reads extends Pick<EventPipeline, 'readStream' | 'readAll' | 'listStreams'> {
  /** Reads in progress. */
  readonly active: number;
  /** Ends the reads in progress, and every later one, with NOT_SERVING. */
  stop(): void;
}

/** Reads over `store`, which stays the caller's. Settings not given are {@link defaultReadSettings}. */
export function createReads(
  store: Store,
  settings: Partial<ReadSettings> = {},
  clock: Clock = systemClock,
  contact: Contact = alwaysInTouch,
): Reads {
  const { maxReads, consistencyWaitMillis } = { ...defaultReadSettings, ...settings };
  const operations = new Operations('reads', maxReads);
  const parts = { store, clock, contact, waitMillis: consistencyWaitMillis };
  const consistent = (consistency: ReadConsistency, signal: AbortSignal): Promise<void> =>
    awaitConsistency(parts, consistency, signal);

  async function* batches(
    consistency: ReadConsistency,
    makePlan: () => Promise<ScanPlan | null>,
    signal: AbortSignal,
  ): AsyncGenerator<EventBatch, void, undefined> {
    const operation = operations.begin(signal);
    try {
      await consistent(consistency, operation.signal);
      const plan = await makePlan();
      operation.signal.throwIfAborted();
      if (plan !== null) yield* scanned(plan, operation.signal);
    } finally {
      operation.end();
    }
  }

  return {
    get active() {
      return operations.active;
    },
    readStream: (read, signal) => batches(read.consistency, () => planStreamRead(store, read), signal),
    readAll: (read, signal) => batches(read.consistency, () => planAllRead(store, read), signal),
    async listStreams({ prefix, after, limit, consistency }, signal) {
      checkPageSize(limit);
      const operation = operations.begin(signal);
      try {
        await consistent(consistency, operation.signal);
        return await streamPage(store, prefix, after, limit);
      } finally {
        operation.end();
      }
    },
    stop: () => {
      operations.stop();
    },
  };
}

/** The batches of a scan. Ends with the signal's reason when it is aborted. */
async function* scanned(plan: ScanPlan, signal: AbortSignal): AsyncGenerator<EventBatch, void, undefined> {
  const steps = scan(plan);
  const release = (): void => {
    // A failure to read is final and reported by the store; this caller is gone.
    steps.return().catch(() => undefined);
  };
  signal.addEventListener('abort', release, { once: true });
  try {
    for await (const { batch } of steps) {
      signal.throwIfAborted();
      if (batch !== null) yield batch;
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', release);
  }
}

function checkPageSize(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= limits.pageSize) return;
  const rule = `1 to ${limits.pageSize}`;
  throw new StoreError('INVALID_ARGUMENT', `page_size must be ${rule}, but is ${limit}`, {
    field: 'page_size',
    limit: rule,
  });
}

/** Asks for one stream more than the page has, to know whether there is another page. */
async function streamPage(store: Store, prefix: string, after: string | null, limit: number): Promise<StreamPage> {
  const found = await store.listStreams(prefix, after, limit + 1);
  const streams = found.slice(0, limit);
  return { streams, next: found.length > limit ? (streams.at(-1)?.streamId ?? null) : null };
}
