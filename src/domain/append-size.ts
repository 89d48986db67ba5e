/**
 * How much an append weighs, for bounding queues and groups. Pure.
 */
import type { Append } from './append.ts';

/** Memory that an event takes besides its bytes and text: objects, headers of strings and buffers. An estimate. */
const EVENT_OVERHEAD = 256;

/** Events of all streams of the append. */
export function appendEvents(append: Append): number {
  let events = 0;
  for (const part of append.streams) events += part.events.length;
  return events;
}

/** About the bytes of memory that the append holds: data, metadata and text, and a fixed part for each event. */
export function appendMemory(append: Append): number {
  let bytes = 0;
  for (const part of append.streams) {
    bytes += part.streamId.length;
    for (const event of part.events) {
      bytes +=
        EVENT_OVERHEAD + event.data.length + event.metadata.length + event.type.length + event.contentType.length;
      for (const tag of event.tags) bytes += tag.length;
    }
  }
  return bytes;
}
