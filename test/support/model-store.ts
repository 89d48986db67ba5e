/**
 * The simplest store there can be: a list of events that is searched from end to end. What the real ones are compared
 * with. Shares no code with src but types and {@link matchesQuery}'s meaning, which it states again.
 */
import type { Append, AppendCondition, StreamAppend, StreamHead } from '../../src/domain/append.ts';
import type { EventId, ProposedEvent } from '../../src/domain/event.ts';
import type { Query } from '../../src/domain/query.ts';

export interface ModelEvent {
  readonly streamId: string;
  readonly revision: number;
  readonly position: number;
  readonly event: ProposedEvent;
}

export class ModelStore {
  /** By position. */
  readonly events: ModelEvent[] = [];

  /** The view that `decide` takes: every question is answered by looking at everything. */
  stream(streamId: string): { head: StreamHead; revisionOf: (id: EventId) => number | undefined } | undefined {
    const mine = this.events.filter((one) => one.streamId === streamId);
    const first = mine[0];
    const last = mine.at(-1);
    if (first === undefined || last === undefined) return undefined;
    return {
      head: { streamNumber: first.position, lastRevision: last.revision, lastPosition: last.position },
      revisionOf: (id) => mine.find((one) => one.event.id === id)?.revision,
    };
  }

  conditionMatch(condition: AppendCondition): number | null {
    const after = condition.afterPosition ?? -1;
    return this.events.find((one) => one.position > after && matches(condition.query, one.event))?.position ?? null;
  }

  /** What the answer to an append has to be, in outline. */
  expected(append: Append): unknown {
    const overlaps = append.streams.map((part) => this.overlap(part));
    const conflict = overlaps.find((overlap) => overlap === 'conflict');
    const known = overlaps.filter((overlap) => typeof overlap === 'object');
    if (conflict !== undefined || (known.length > 0 && known.length < overlaps.length)) {
      return expectRejected('EVENT_ID_CONFLICT');
    }
    if (known.length > 0) return { duplicate: known };
    for (const part of append.streams) {
      const last = this.stream(part.streamId)?.head.lastRevision ?? -1;
      const { expectedVersion: version } = part;
      const holds =
        version.kind === 'any' ||
        (version.kind === 'no-stream' && last === -1) ||
        (version.kind === 'stream-exists' && last >= 0) ||
        (version.kind === 'revision' && last === version.revision);
      if (!holds) return expectRejected('WRONG_EXPECTED_VERSION');
    }
    if (append.condition !== null && this.conditionMatch(append.condition) !== null) {
      return expectRejected('APPEND_CONDITION_FAILED');
    }
    let position = this.events.length;
    return {
      accepted: append.streams.map((part) => {
        const place = [part.streamId, (this.stream(part.streamId)?.head.lastRevision ?? -1) + 1, position];
        position += part.events.length;
        return place;
      }),
    };
  }

  /** Does what {@link expected} says. */
  append(append: Append): { kind: 'accepted' | 'duplicate' | 'rejected' } {
    const outline = this.expected(append) as Record<string, unknown>;
    if (outline['duplicate'] !== undefined) return { kind: 'duplicate' };
    if (outline['accepted'] === undefined) return { kind: 'rejected' };
    for (const part of append.streams) {
      for (const event of part.events) {
        const revision = (this.stream(part.streamId)?.head.lastRevision ?? -1) + 1;
        this.events.push({ streamId: part.streamId, revision, position: this.events.length, event });
      }
    }
    return { kind: 'accepted' };
  }

  private overlap(part: StreamAppend): object | 'conflict' | 'none' {
    const mine = this.events.filter((one) => one.streamId === part.streamId).map((one) => one.event.id);
    const wanted = part.events.map((event) => event.id);
    if (!wanted.some((id) => mine.includes(id))) return 'none';
    const start = mine.indexOf(wanted[0] ?? '');
    if (start < 0 || mine.slice(start, start + wanted.length).join() !== wanted.join()) return 'conflict';
    return { streamId: part.streamId, firstRevision: start, lastRevision: start + wanted.length - 1 };
  }
}

function expectRejected(code: string): unknown {
  return { rejected: code };
}

function matches(query: Query, event: ProposedEvent): boolean {
  for (const item of query.items) {
    const typeFits = item.types.length === 0 || item.types.some((type) => type === event.type);
    const tagsFit = !item.tags.some((tag) => !event.tags.some((own) => own === tag));
    if (typeFits && tagsFit) return true;
  }
  return false;
}
