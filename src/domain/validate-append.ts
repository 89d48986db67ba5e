/**
 * Rules for appends: every limit of limits.ts that an append can break. Pure, and fast: it runs for every event, so paths
 * of fields are made only when something is wrong.
 */
import type { Append, AppendCondition, ExpectedVersion, StreamAppend } from './append.ts';
import type { ProposedEvent } from './event.ts';
import { limits } from './limits.ts';
import { validateQuery } from './validate-query.ts';
import {
  countText,
  invalidArgument,
  validateCount,
  validateEventId,
  validateInteger,
  validateStreamId,
  validateText,
} from './validate-text.ts';

/** Where an append's parts are in its request; `prefix` is empty, or ends with a dot. */
interface Place {
  readonly prefix: string;
  events: number;
  bytes: number;
}

/**
 * The append of an AppendEventRequest (one stream, no condition) with its ids in canonical form. Returns the same object
 * where they are already. Paths: `stream_id`, `events[3].id`, `expected_version`. Throws INVALID_ARGUMENT.
 * @param prefix Goes before each path, for requests that carry the append in a field: `append.` in a session.
 */
export function validateStreamAppend(append: StreamAppend, prefix = ''): StreamAppend {
  return validatePart(append, { prefix, events: 0, bytes: 0 });
}

/**
 * The append of an AppendTransactionRequest likewise. Each stream at most once; together within the limits of one append.
 * Paths: `appends[1].stream_id`, `condition.query.items[0].types[2]`. Throws INVALID_ARGUMENT.
 */
export function validateTransaction(append: Append): Append {
  validateCount(append.streams.length, 1, limits.streamsPerTransaction, 'streams', () => 'appends');
  const streamIds = new Set<string>();
  let events = 0;
  let bytes = 0;
  const streams = append.streams.map((part, index) => {
    const place: Place = { prefix: `appends[${index}].`, events, bytes };
    const validated = validatePart(part, place);
    ({ events, bytes } = place);
    if (streamIds.has(part.streamId)) {
      throw invalidArgument(`${place.prefix}stream_id`, 'is in the transaction already', 'each stream at most once');
    }
    streamIds.add(part.streamId);
    return validated;
  });
  if (append.condition !== null) validateCondition(append.condition);
  return { streams, condition: append.condition };
}

/** Throws INVALID_ARGUMENT. Paths: `condition.query…`, `condition.after_position`. */
export function validateCondition(condition: AppendCondition): void {
  validateQuery(condition.query, 'condition.query');
  if (condition.afterPosition !== null) {
    validateInteger(condition.afterPosition, 0, () => 'condition.after_position');
  }
}

/** Throws INVALID_ARGUMENT. */
export function validateExpectedVersion(version: ExpectedVersion, field: () => string): void {
  if (version.kind === 'revision') validateInteger(version.revision, 0, field);
}

/** Validates one stream's part, and adds its events and bytes to the counts of `place`. */
function validatePart(part: StreamAppend, place: Place): StreamAppend {
  const { prefix } = place;
  validateStreamId(part.streamId, () => `${prefix}stream_id`);
  validateExpectedVersion(part.expectedVersion, () => `${prefix}expected_version.revision`);
  const count = part.events.length;
  validateCount(count, 1, limits.eventsPerAppend, 'events', () => `${prefix}events`);
  place.events += count;
  validateCount(place.events, 1, limits.eventsPerAppend, 'events in all', () => `${prefix}events`);
  const canonical: ProposedEvent[] = [];
  let copied = false;
  for (const [index, event] of part.events.entries()) {
    const id = validateEventId(event.id, () => `${prefix}events[${index}].id`);
    place.bytes += validateEvent(event, prefix, index);
    if (place.bytes > limits.appendBytes) throw tooLarge(prefix);
    copied ||= id !== event.id;
    canonical.push(id === event.id ? event : { ...event, id });
  }
  if (count > 1) refuseRepeatedIds(canonical, prefix);
  return copied ? { ...part, events: canonical } : part;
}

function tooLarge(prefix: string): Error {
  const limit = `${countText(limits.appendBytes)} bytes of data, metadata, types, content types and tags`;
  return invalidArgument(`${prefix}events`, 'are too large in all', limit);
}

/** Everything of an event but its id. Returns the bytes it counts for. */
function validateEvent(event: ProposedEvent, prefix: string, index: number): number {
  let bytes = validateText(event.type, 1, limits.eventTypeBytes, () => `${prefix}events[${index}].type`);
  bytes += validateText(event.contentType, 0, limits.contentTypeBytes, () => `${prefix}events[${index}].content_type`);
  if (event.metadata.length > limits.metadataBytes) {
    throw invalidArgument(
      `${prefix}events[${index}].metadata`,
      `has ${countText(event.metadata.length)} bytes`,
      `at most ${countText(limits.metadataBytes)} bytes`,
    );
  }
  const payload = event.data.length + event.metadata.length;
  if (payload > limits.eventBytes) {
    throw invalidArgument(
      `${prefix}events[${index}].data`,
      `has ${countText(payload)} bytes together with metadata`,
      `at most ${countText(limits.eventBytes)} bytes of data and metadata`,
    );
  }
  if (event.tags.length > 0) bytes += validateTags(event.tags, prefix, index);
  return bytes + payload;
}

function validateTags(tags: readonly string[], prefix: string, index: number): number {
  validateCount(tags.length, 0, limits.tagsPerEvent, 'tags', () => `${prefix}events[${index}].tags`);
  let bytes = 0;
  for (const [at, tag] of tags.entries()) {
    bytes += validateText(tag, 1, limits.tagBytes, () => `${prefix}events[${index}].tags[${at}]`);
    // At most 32 tags: looking back is cheaper than a set.
    if (tags.indexOf(tag) !== at) {
      throw invalidArgument(`${prefix}events[${index}].tags[${at}]`, 'is there already', 'no tag twice');
    }
  }
  return bytes;
}

function refuseRepeatedIds(events: readonly ProposedEvent[], prefix: string): void {
  const ids = new Set<string>();
  for (const [index, event] of events.entries()) {
    if (ids.size === ids.add(event.id).size) {
      throw invalidArgument(`${prefix}events[${index}].id`, 'is in this append already', 'no event id twice');
    }
  }
}
