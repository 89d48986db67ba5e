/**
 * The pipeline's interface over the SDK: what makes the suites that are written against the pipeline run over gRPC, through
 * client, wire and server. Errors of the SDK become the store's again, batches are encoded again.
 */
import type {
  GraveyarClient,
  NewEvent,
  RecordedEvent,
  SubscriptionTarget as ClientTarget,
} from '../../src/client/index.ts';
import {
  AppendConditionFailedError,
  EventIdConflictError,
  GraveyarError,
  InvalidArgumentError,
  OverloadedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '../../src/client/index.ts';
import { expectedOf } from '../../src/client/new-event.ts';
import type { Append, AppendResult } from '../../src/domain/append.ts';
import { StoreError } from '../../src/domain/errors.ts';
import { ReadResponse } from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import type {
  AllRead,
  EventBatch,
  EventPipeline,
  ReadConsistency,
  StreamRead,
  SubscriptionMessage,
  SubscriptionTarget,
} from '../../src/pipeline/event-pipeline.ts';

/** A pipeline that is on the other side of the client's connection. `stop` is `stopServer`. */
export function pipelineOver(client: GraveyarClient, stopServer: () => Promise<void>): EventPipeline {
  return {
    append: (append, signal) => translated(runAppend(client, append, signal), signal),
    readStream: (read, signal) =>
      batches(client.readStream(read.streamId, { ...readOptions(read), ...from(read.fromRevision), signal }).batches()),
    readAll: (read, signal) => batches(client.readAll({ ...allOptions(read), signal }).batches()),
    subscribe: (target, signal) => messages(client.subscribe(clientTarget(target), { signal }).messages()),
    listStreams: async (query, signal) => {
      // Tokens are opaque to clients; the first page that goes beyond `after` is what the pipeline would answer.
      const consistency = clientConsistency(query.consistency);
      const streams = [];
      for await (const stream of client.listStreams({ prefix: query.prefix, consistency, pageSize: 1000, signal })) {
        if (query.after !== null && Buffer.compare(Buffer.from(stream.streamId), Buffer.from(query.after)) <= 0)
          continue;
        if (streams.length === query.limit) return { streams, next: streams.at(-1)?.streamId ?? null };
        streams.push(stream);
      }
      return { streams, next: null };
    },
    stop: stopServer,
  };
}

function runAppend(client: GraveyarClient, append: Append, signal: AbortSignal): Promise<readonly AppendResult[]> {
  const [only] = append.streams;
  if (only !== undefined && append.streams.length === 1 && append.condition === null) {
    const options = { expectedVersion: expectedOf(only.expectedVersion), signal };
    return client.append(only.streamId, only.events.map(newEvent), options).then((result) => [result]);
  }
  const parts = append.streams.map((part) => ({
    streamId: part.streamId,
    events: part.events.map(newEvent),
    expectedVersion: expectedOf(part.expectedVersion),
  }));
  if (append.condition === null) return client.transaction(parts, { signal });
  const { query, afterPosition } = append.condition;
  const condition = afterPosition === null ? { query } : { query, afterPosition };
  return client.transaction(parts, { condition, signal });
}

function newEvent(event: NewEvent): NewEvent {
  return event;
}

function readOptions(read: StreamRead | AllRead): {
  direction: 'forwards' | 'backwards';
  consistency: ReturnType<typeof clientConsistency>;
  limit?: number;
} {
  const { direction, limit } = read;
  return { direction, consistency: clientConsistency(read.consistency), ...(limit === null ? {} : { limit }) };
}

function from(value: number | null): { from?: number } {
  return value === null ? {} : { from: value };
}

function allOptions(read: AllRead): Parameters<GraveyarClient['readAll']>[0] & object {
  const filter = read.filter === null ? {} : { filter: read.filter };
  if (read.from?.kind === 'time') return { ...readOptions(read), ...filter, from: { createdAt: read.from.micros } };
  return { ...readOptions(read), ...filter, ...from(read.from?.position ?? null) };
}

function clientConsistency(
  consistency: ReadConsistency,
): 'linearizable' | 'local' | { readonly atLeastPosition: number } {
  return consistency.kind === 'at-least' ? { atLeastPosition: consistency.position } : consistency.kind;
}

function clientTarget(target: SubscriptionTarget): ClientTarget {
  const { start } = target;
  const after = start.kind === 'beginning' ? {} : { after: start.kind === 'end' ? ('end' as const) : start.value };
  if (target.kind === 'stream') return { stream: target.streamId, ...after };
  return target.filter === null ? after : { filter: target.filter, ...after };
}

function batchOf(events: readonly RecordedEvent[]): EventBatch {
  const wire = ReadResponse.encode({
    events: events.map((event) => {
      const { id, type, contentType, streamId, revision, position, createdAt } = event;
      const [data, metadata] = [Buffer.from(event.data), Buffer.from(event.metadata)];
      return { id, type, data, contentType, metadata, tags: [...event.tags], streamId, revision, position, createdAt };
    }),
  }).finish();
  const last = events.at(-1);
  if (last === undefined) throw new Error('a batch has events');
  return { wire, count: events.length, lastRevision: last.revision, lastPosition: last.position };
}

async function* batches(source: AsyncIterable<readonly RecordedEvent[]>): AsyncGenerator<EventBatch> {
  try {
    for await (const events of source) yield batchOf(events);
  } catch (error) {
    throw storeError(error);
  }
}

async function* messages(
  source: ReturnType<ReturnType<GraveyarClient['subscribe']>['messages']>,
): AsyncGenerator<SubscriptionMessage> {
  try {
    for await (const message of source) {
      yield message.kind === 'events' ? { kind: 'events', batch: batchOf(message.events) } : message;
    }
  } catch (error) {
    throw storeError(error);
  }
}

async function translated<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await call;
  } catch (error) {
    // The SDK rejects with the signal's reason, as the platform does; the pipeline has a code for it.
    if (signal.aborted) throw new StoreError('CANCELLED', 'aborted', { reason: 'the signal' }, { cause: error });
    throw storeError(error);
  }
}

function storeError(error: unknown): unknown {
  if (!(error instanceof GraveyarError)) return error;
  const { message } = error;
  if (error instanceof InvalidArgumentError) {
    return new StoreError('INVALID_ARGUMENT', message, { field: error.field, limit: error.limit });
  }
  if (error instanceof WrongExpectedVersionError) {
    const { streamId, expected, actualRevision } = error;
    return new StoreError('WRONG_EXPECTED_VERSION', message, { streamId, expected, actualRevision });
  }
  if (error instanceof EventIdConflictError) {
    const { streamId, eventId, revision, reason } = error;
    return new StoreError('EVENT_ID_CONFLICT', message, { streamId, eventId, revision, reason });
  }
  if (error instanceof AppendConditionFailedError) {
    const { position, afterPosition } = error;
    return new StoreError('APPEND_CONDITION_FAILED', message, { position, afterPosition });
  }
  if (error instanceof StreamNotFoundError) {
    return new StoreError('STREAM_NOT_FOUND', message, { streamId: error.streamId });
  }
  if (error instanceof OverloadedError) {
    return new StoreError('OVERLOADED', message, { queue: error.queue, limit: error.limit });
  }
  if (error.code === 'UNAVAILABLE' || error.code === 'NOT_SERVING') {
    return new StoreError('NOT_SERVING', message, { reason: message });
  }
  return new StoreError('OUTCOME_UNKNOWN', message, { reason: message });
}
