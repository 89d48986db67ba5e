/**
 * A store under test beside the list of all that was written to it, and how to compare what it reads with that list.
 */
import { expect } from 'vitest';
import type { ProposedEvent, RecordedEvent } from '../../src/domain/event.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { CommitOutcome, ReadDirection, Store } from '../../src/storage/store.ts';
import type { StoredAppend } from '../../src/storage/stored-append.ts';
import { Decider } from './decided.ts';

/** One append; the time is later than that of the group before unless given. */
export interface WantedAppend {
  readonly streamId: string;
  readonly events: readonly Omit<ProposedEvent, 'id'>[];
  readonly createdAt?: number;
}

export class StoreSubject {
  store: Store;
  /** Of the grant that groups are decided in. */
  epoch: number;
  readonly #decider = new Decider();
  readonly #appends: (readonly RecordedEvent[])[] = [];
  #createdAt = 1000;

  constructor(store: Store, epoch: number) {
    this.store = store;
    this.epoch = epoch;
  }

  /** Every event written, by position. */
  get log(): readonly RecordedEvent[] {
    return this.#decider.log;
  }

  /** The events of one stream, by revision. */
  of(streamId: string): readonly RecordedEvent[] {
    return this.log.filter((event) => event.streamId === streamId);
  }

  /** Begins to commit one group. */
  commit(...wanted: readonly WantedAppend[]): Promise<CommitOutcome> {
    this.#createdAt += 10;
    const decided = wanted.map((append) => {
      this.#createdAt = Math.max(this.#createdAt, append.createdAt ?? 0);
      return this.#decider.decide({ ...append, createdAt: append.createdAt ?? this.#createdAt });
    });
    for (const { firstPosition, events } of decided) {
      this.#appends.push(this.log.slice(firstPosition, firstPosition + events.length));
    }
    return this.store.commit(encodeGroup(decided), this.epoch);
  }

  /** Commits one group and waits until it is visible. */
  async write(...wanted: readonly WantedAppend[]): Promise<void> {
    expect(await this.commit(...wanted)).toBe('committed');
    await this.store.waitForApplied(this.log.length, AbortSignal.timeout(20_000));
  }

  /** What a read has to give: the appends with a wanted event, from the one at `from` on. */
  expected(
    direction: ReadDirection,
    place: 'position' | 'revision',
    from: number,
    wanted: (event: RecordedEvent) => boolean = () => true,
  ): string[] {
    const chosen = this.#appends.filter((events) => {
      const [first, last] = [events[0]?.[place] ?? 0, events.at(-1)?.[place] ?? 0];
      return events.some(wanted) && (direction === 'forwards' ? last >= from : first <= from);
    });
    const texts = chosen.map(describeEvents);
    return direction === 'forwards' ? texts : texts.reverse();
  }
}

/** Everything a read gives, an append a string. */
export async function collect(chunks: AsyncIterable<readonly StoredAppend[]>): Promise<string[]> {
  const all: string[] = [];
  for await (const chunk of chunks) {
    expect(chunk.length).toBeGreaterThan(0);
    for (const append of chunk) {
      all.push(describeEvents(Array.from({ length: append.count }, (_, ordinal) => append.event(ordinal))));
    }
  }
  return all;
}

function describeEvents(events: readonly RecordedEvent[]): string {
  const lines = events.map(({ streamId, revision, position, createdAt, id, type, contentType, tags, data, metadata }) =>
    JSON.stringify([
      streamId,
      revision,
      position,
      createdAt,
      id,
      type,
      contentType,
      tags,
      brief(data),
      brief(metadata),
    ]),
  );
  return lines.join('\n');
}

function brief(bytes: Uint8Array): string {
  if (bytes.length < 100) return Buffer.from(bytes).toString('hex');
  return `${bytes.length} bytes from ${bytes[0] ?? 0} to ${bytes.at(-1) ?? 0}`;
}
