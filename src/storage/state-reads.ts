/**
 * The reads of a store, which are those of its event state. What is visible, and who may decide, is up to the store.
 */
import type { Query } from '../domain/query.ts';
import type { EventState } from './event-state/event-state.ts';
import type { ReadDirection, StreamSummary } from './store.ts';
import type { StoredAppend } from './stored-append.ts';

/** What every store over an event state has in common. Contracts: `Store` (`store.ts`). */
export abstract class StateReads {
  protected readonly state: EventState;

  protected constructor(state: EventState) {
    this.state = state;
  }

  stream(streamId: string): Promise<StreamSummary | null> {
    return this.state.stream(streamId);
  }

  positionOf(streamId: string, revision: number): Promise<number | null> {
    return this.state.positionOf(streamId, revision);
  }

  readAll(from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]> {
    return this.state.readAll(from, direction);
  }

  readStream(streamId: string, from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]> {
    return this.state.readStream(streamId, from, direction);
  }

  readQuery(query: Query, from: number, direction: ReadDirection): AsyncIterable<readonly StoredAppend[]> {
    return this.state.readQuery(query, from, direction);
  }

  positionAtTime(micros: number): Promise<number> {
    return this.state.positionAtTime(micros);
  }

  listStreams(prefix: string, after: string | null, limit: number): Promise<readonly StreamSummary[]> {
    return this.state.listStreams(prefix, after, limit);
  }
}
