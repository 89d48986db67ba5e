/**
 * Events for tests: short to write, deterministic, valid. Knows only the domain.
 */
import type { Append, AppendCondition, ExpectedVersion, StreamAppend } from '../../src/domain/append.ts';
import type { EventId, ProposedEvent } from '../../src/domain/event.ts';

/** The canonical UUID that stands for a number, the same each time. */
export function eventId(n: number): EventId {
  const high = Math.floor(n / 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  return `${high}-0000-4000-8000-0000${(n % 2 ** 32).toString(16).padStart(8, '0')}`;
}

/** An event with the id of `n`; everything else may be overridden. */
export function proposed(n: number, overrides: Partial<ProposedEvent> = {}): ProposedEvent {
  return {
    id: eventId(n),
    type: 'tested',
    data: new TextEncoder().encode(`{"n":${n}}`),
    contentType: 'application/json',
    metadata: new Uint8Array(0),
    tags: [],
    ...overrides,
  };
}

export const ANY: ExpectedVersion = { kind: 'any' };
export const NO_STREAM: ExpectedVersion = { kind: 'no-stream' };
export const STREAM_EXISTS: ExpectedVersion = { kind: 'stream-exists' };

/** Exactly this revision. */
export function at(revision: number): ExpectedVersion {
  return { kind: 'revision', revision };
}

/** One stream's part, with the events of these numbers. */
export function part(streamId: string, ids: readonly number[], expectedVersion: ExpectedVersion = ANY): StreamAppend {
  return { streamId, events: ids.map((n) => proposed(n)), expectedVersion };
}

/** An append to one stream. */
export function append(streamId: string, ids: readonly number[], expectedVersion: ExpectedVersion = ANY): Append {
  return { streams: [part(streamId, ids, expectedVersion)], condition: null };
}

/** An append to several streams, perhaps with a condition. */
export function transaction(streams: readonly StreamAppend[], condition: AppendCondition | null = null): Append {
  return { streams, condition };
}
