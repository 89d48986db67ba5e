/**
 * The heads of the streams that were appended to lately, in memory: a decision about such a stream needs no read of the engine.
 *
 * Invariants: a head held here is that of the applied state, because only {@link RecentHeads.take} adds any, with each write of
 * the state; what is not here is unknown, not missing. Two generations, of which the older is dropped when the younger is full, bound
 * it by count and by the length of ids. Must not know keys or the engine.
 */
import type { StreamHead } from '../../domain/append.ts';

/** Of one generation. An entry takes some 200 bytes besides its id. */
const MOST_HEADS = 32_768;
const MOST_ID_CHARACTERS = 4 << 20;

/** Bounds of one generation. */
export interface HeadBounds {
  readonly heads: number;
  /** UTF-16 units of all ids. */
  readonly characters: number;
}

export class RecentHeads {
  readonly #bounds: HeadBounds;
  #young = new Map<string, StreamHead>();
  #old: ReadonlyMap<string, StreamHead> = new Map();
  #characters = 0;

  constructor(bounds: HeadBounds = { heads: MOST_HEADS, characters: MOST_ID_CHARACTERS }) {
    this.#bounds = bounds;
  }

  /** How many are held. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The head of the stream, when it is known. */
  get(streamId: string): StreamHead | undefined {
    return this.#young.get(streamId) ?? this.#old.get(streamId);
  }

  /** These heads are applied from now on: all that one write has changed. */
  take(heads: ReadonlyMap<string, StreamHead>): void {
    for (const [streamId, head] of heads) {
      if (!this.#young.has(streamId)) this.#characters += streamId.length;
      this.#young.set(streamId, head);
      if (this.#young.size < this.#bounds.heads && this.#characters < this.#bounds.characters) continue;
      this.#old = this.#young;
      this.#young = new Map();
      this.#characters = 0;
    }
  }
}
