/**
 * A pipeline whose every answer is chosen by the test: for what the real one does only by chance (being slow, failing, answering
 * out of order). What is not given throws.
 */
import type { Append, AppendResult } from '../../src/domain/append.ts';
import type { EventBatch, EventPipeline } from '../../src/pipeline/event-pipeline.ts';
import { ReadResponse } from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import { eventId } from './events.ts';

function notExpected(): never {
  throw new Error('not expected by the test');
}

/** The given functions; every other is not expected to be called. */
export function scriptedPipeline(given: Partial<EventPipeline>): EventPipeline {
  return {
    append: notExpected,
    readStream: notExpected,
    readAll: notExpected,
    subscribe: notExpected,
    listStreams: notExpected,
    stop: () => Promise.resolve(),
    ...given,
  };
}

/** An append that waits for the test. */
export interface HeldAppend {
  readonly append: Append;
  readonly signal: AbortSignal;
  /** Answers with this position for the first event. */
  succeed(position: number): void;
  fail(error: Error): void;
}

/** A pipeline that holds every append until the test answers it; `held` has them in the order of arrival. */
export function holdingPipeline(): { readonly pipeline: EventPipeline; readonly held: HeldAppend[] } {
  const held: HeldAppend[] = [];
  const append = (asked: Append, signal: AbortSignal): Promise<readonly AppendResult[]> =>
    new Promise((resolve, reject) => {
      const succeed = (position: number): void => resolve([resultAt(position)]);
      held.push({ append: asked, signal, succeed, fail: reject });
    });
  return { pipeline: scriptedPipeline({ append }), held };
}

/** The result of an append of one event. */
export function resultAt(position: number): AppendResult {
  return {
    firstRevision: position,
    lastRevision: position,
    firstPosition: position,
    lastPosition: position,
    duplicate: false,
  };
}

/** A batch of one event of `bytes` data bytes at a position. */
export function batchAt(position: number, bytes: number): EventBatch {
  const wire = ReadResponse.encode({
    events: [
      {
        id: eventId(position),
        type: 't',
        data: Buffer.alloc(bytes),
        contentType: '',
        metadata: Buffer.alloc(0),
        tags: [],
        streamId: 's',
        revision: position,
        position,
        createdAt: 1,
      },
    ],
  }).finish();
  return { wire, count: 1, lastRevision: position, lastPosition: position };
}
