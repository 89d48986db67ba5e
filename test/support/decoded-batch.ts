/**
 * What is in the bytes that readers get, by the generated protobuf code: the pipeline itself never decodes them.
 */
import { expect } from 'vitest';
import { ReadResponse, type RecordedEvent } from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import type { EventBatch } from '../../src/pipeline/event-pipeline.ts';

/** The events of a batch, having checked what the batch says about itself. */
export function decodeBatch(batch: EventBatch): readonly RecordedEvent[] {
  const { events } = ReadResponse.decode(batch.wire);
  expect(events.length).toBe(batch.count);
  expect(events.length).toBeGreaterThan(0);
  expect(events.at(-1)).toMatchObject({ revision: batch.lastRevision, position: batch.lastPosition });
  return events;
}

/** All events of a read. */
export async function collectEvents(batches: AsyncIterable<EventBatch>): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const batch of batches) events.push(...decodeBatch(batch));
  return events;
}
