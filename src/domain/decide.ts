/**
 * The decision: whether an append takes place, and where. Pure and total: the same append against the same view gets the
 * same answer, and every failure is a value.
 *
 * The order of the rules is part of the contract: idempotency comes first, in every expected-version mode, so that an
 * append that is sent again succeeds however its streams, or the events its condition asks for, have grown since.
 * Must not know where the view's facts come from, or what becomes of the decision.
 */
import type { Append, AppendCondition, DecidedAppend, ExpectedVersion, StreamAppend, StreamHead } from './append.ts';
import type { EventId } from './event.ts';
import { StoreError } from './errors.ts';
import { defined, unreachable } from '../lib/assert.ts';

/** A stream that exists, as the decision sees it. */
export interface StreamView {
  readonly head: StreamHead;
  /** The revision of the stream's event with this id, undefined when there is none. */
  revisionOf(eventId: EventId): number | undefined;
}

/** The state that an append is decided against: everything decided before it, whether applied or not. */
export interface DecisionView {
  /** The stream, undefined when it has no events. */
  stream(streamId: string): StreamView | undefined;
  /** The position of an event that the condition's query matches after its position, or null. */
  conditionMatch(condition: AppendCondition): number | null;
}

/** What an accepted append gets. */
export interface DecisionPlace {
  /** Position of its first event. */
  readonly nextPosition: number;
  /** Microseconds since the epoch, at least the time of the append before. */
  readonly createdAt: number;
}

/** Where a repeated append's events are, for one stream. Inclusive. */
export interface DuplicatePart {
  readonly streamId: string;
  readonly firstRevision: number;
  readonly lastRevision: number;
}

export type Decision =
  /** One part for each stream, in the order of the append; positions follow one another from the place's. */
  | { readonly kind: 'accepted'; readonly parts: readonly DecidedAppend[] }
  /** Everything is there already. */
  | { readonly kind: 'duplicate'; readonly parts: readonly DuplicatePart[] }
  /** EVENT_ID_CONFLICT, WRONG_EXPECTED_VERSION or APPEND_CONDITION_FAILED. */
  | { readonly kind: 'rejected'; readonly error: StoreError };

/**
 * Decides one append, which keeps to the rules of validate-append.ts.
 *
 * 1. Per stream: all ids there, contiguous and in this order: a repetition; none there: new; else EVENT_ID_CONFLICT.
 * 2. All streams repeated: success with the original revisions. Some: EVENT_ID_CONFLICT, as an append is atomic.
 * 3. Every stream at its expected version, else WRONG_EXPECTED_VERSION for the first that is not.
 * 4. No event matches the condition, else APPEND_CONDITION_FAILED.
 */
export function decide(append: Append, view: DecisionView, place: DecisionPlace): Decision {
  const duplicates: DuplicatePart[] = [];
  let fresh: StreamAppend | null = null;
  const streams = append.streams.map((part) => view.stream(part.streamId));
  for (const [index, part] of append.streams.entries()) {
    const found = findRepetition(part, streams[index]);
    if (found instanceof StoreError) return { kind: 'rejected', error: found };
    if (found === null) fresh ??= part;
    else duplicates.push(found);
  }
  const repeated = duplicates[0];
  if (repeated !== undefined) {
    if (fresh === null) return { kind: 'duplicate', parts: duplicates };
    return { kind: 'rejected', error: partlyRepeated(append, repeated, fresh) };
  }
  for (const [index, part] of append.streams.entries()) {
    const error = checkVersion(part, streams[index]);
    if (error !== null) return { kind: 'rejected', error };
  }
  if (append.condition !== null) {
    const position = view.conditionMatch(append.condition);
    if (position !== null) return { kind: 'rejected', error: conditionFailed(append.condition, position) };
  }
  return { kind: 'accepted', parts: accept(append, streams, place) };
}

/** The part if all of its events are there as one run, null if none is, else the conflict. */
function findRepetition(part: StreamAppend, stream: StreamView | undefined): DuplicatePart | StoreError | null {
  if (stream === undefined) return null;
  let firstRevision: number | undefined;
  for (const [index, event] of part.events.entries()) {
    const revision = stream.revisionOf(event.id);
    if (index === 0) {
      firstRevision = revision;
    } else if (firstRevision === undefined) {
      if (revision !== undefined) return conflict(part, index, revision, 'events before it are not in the stream');
    } else if (revision === undefined) {
      return conflict(part, 0, firstRevision, `event ${event.id} of the same append is not in the stream`);
    } else if (revision !== firstRevision + index) {
      return conflict(part, index, revision, 'the events are in the stream, but not together and in this order');
    }
  }
  if (firstRevision === undefined) return null;
  return { streamId: part.streamId, firstRevision, lastRevision: firstRevision + part.events.length - 1 };
}

function conflict(part: StreamAppend, index: number, revision: number, reason: string): StoreError {
  const eventId = part.events[index]?.id ?? '';
  return new StoreError(
    'EVENT_ID_CONFLICT',
    `event id ${eventId} is in stream "${part.streamId}" already, at revision ${revision}: ${reason}`,
    { streamId: part.streamId, eventId, revision, reason },
  );
}

function partlyRepeated(append: Append, repeated: DuplicatePart, fresh: StreamAppend): StoreError {
  const part = defined(
    append.streams.find((candidate) => candidate.streamId === repeated.streamId),
    'the repeated part to be one of the append',
  );
  return conflict(part, 0, repeated.firstRevision, `the append's events for stream "${fresh.streamId}" are not there`);
}

function checkVersion(part: StreamAppend, stream: StreamView | undefined): StoreError | null {
  const actual = stream?.head.lastRevision ?? null;
  if (versionHolds(part.expectedVersion, actual)) return null;
  const expected = describeVersion(part.expectedVersion);
  const found = actual === null ? 'the stream does not exist' : `it is at revision ${actual}`;
  return new StoreError(
    'WRONG_EXPECTED_VERSION',
    `stream "${part.streamId}" is not at the expected version: expected ${expected}, but ${found}`,
    { streamId: part.streamId, expected, actualRevision: actual },
  );
}

/** Whether a stream whose last revision is `actual` (null: it does not exist) is as expected. */
export function versionHolds(expected: ExpectedVersion, actual: number | null): boolean {
  switch (expected.kind) {
    case 'any':
      return true;
    case 'no-stream':
      return actual === null;
    case 'stream-exists':
      return actual !== null;
    case 'revision':
      return actual === expected.revision;
    default:
      return unreachable(expected, 'expected version');
  }
}

/** The expected version in words: `any`, `no stream`, `stream exists` or the revision. */
export function describeVersion(expected: ExpectedVersion): string {
  switch (expected.kind) {
    case 'any':
      return 'any';
    case 'no-stream':
      return 'no stream';
    case 'stream-exists':
      return 'stream exists';
    case 'revision':
      return String(expected.revision);
    default:
      return unreachable(expected, 'expected version');
  }
}

function conditionFailed(condition: AppendCondition, position: number): StoreError {
  const after = condition.afterPosition === null ? '' : ` after position ${condition.afterPosition}`;
  return new StoreError(
    'APPEND_CONDITION_FAILED',
    `an event that matches the condition's query exists${after}, at position ${position}`,
    { position, afterPosition: condition.afterPosition },
  );
}

function accept(append: Append, streams: readonly (StreamView | undefined)[], place: DecisionPlace): DecidedAppend[] {
  let position = place.nextPosition;
  return append.streams.map((part, index) => {
    const head = streams[index]?.head;
    const decided: DecidedAppend = {
      streamId: part.streamId,
      streamNumber: head?.streamNumber ?? position,
      firstRevision: head === undefined ? 0 : head.lastRevision + 1,
      firstPosition: position,
      createdAt: place.createdAt,
      events: part.events,
      ...(index + 1 < append.streams.length ? { continues: true } : {}),
    };
    position += part.events.length;
    return decided;
  });
}
