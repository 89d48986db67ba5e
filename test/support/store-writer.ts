/**
 * Writes decided appends straight into a store, without the append pipeline, and remembers all it wrote: the log that reads and
 * subscriptions are compared with.
 */
import type { DecidedAppend } from '../../src/domain/append.ts';
import type { ProposedEvent, RecordedEvent } from '../../src/domain/event.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { Store } from '../../src/storage/store.ts';
import { proposed } from './events.ts';

/** What a test asks to be appended: a stream, and its events by type and tags. */
export interface Written {
  readonly streamId: string;
  readonly events: readonly Partial<ProposedEvent>[];
}

export class StoreWriter {
  /** Everything written, by position. */
  readonly log: RecordedEvent[] = [];
  readonly #store: Store;
  #epoch: number | null = null;
  readonly #heads = new Map<string, { streamNumber: number; next: number }>();
  /** Microseconds that the next group gets; grows by itself. */
  createdAt = 1_000_000;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Commits one group, and resolves when it is visible and everybody was told. */
  async write(...appends: readonly Written[]): Promise<void> {
    this.createdAt += 10;
    const decided = appends.map((append) => this.#decide(append));
    this.#epoch ??= (await this.#store.grant(AbortSignal.timeout(30_000))).epoch;
    await this.#store.commit(encodeGroup(decided), this.#epoch);
    await this.#store.waitForApplied(this.log.length, AbortSignal.timeout(30_000));
  }

  #decide({ streamId, events }: Written): DecidedAppend {
    const firstPosition = this.log.length;
    const head = this.#heads.get(streamId) ?? { streamNumber: firstPosition, next: 0 };
    const firstRevision = head.next;
    const full = events.map((event, ordinal) => proposed(firstPosition + ordinal, event));
    const { createdAt } = this;
    full.forEach((event, ordinal) => {
      this.log.push({
        ...event,
        streamId,
        createdAt,
        revision: firstRevision + ordinal,
        position: firstPosition + ordinal,
      });
    });
    this.#heads.set(streamId, { ...head, next: firstRevision + events.length });
    return { streamId, streamNumber: head.streamNumber, firstRevision, firstPosition, createdAt, events: full };
  }
}
