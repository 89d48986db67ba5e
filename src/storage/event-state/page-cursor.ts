/**
 * Cursors over positions of pages, in one direction: one type's or tag's pages, and unions and intersections of such. They
 * name pages that may hold a match; whoever reads the page decides. Memory is bounded: each holds one chunk of numbers.
 */
import { keyAfter, positionOfKey } from '../keys.ts';
import type { ReadDirection } from '../store.ts';
import type { StateView } from './state-view.ts';

export interface PageCursor {
  /**
   * The first page at or beyond `position` in the cursor's direction, null when there is none. From call to call, `position`
   * only moves in that direction.
   */
  seek(position: number): Promise<number | null>;
}

const FIRST_CHUNK = 16;
const LARGEST_CHUNK = 256;

/** The pages of one type or tag, of those that begin below the view's end. `keyOf` makes its keys. */
export class IndexCursor implements PageCursor {
  readonly #view: StateView;
  readonly #keyOf: (position: number) => Uint8Array;
  readonly #reverse: boolean;
  #positions: readonly number[] = [];
  #at = 0;
  #limit = FIRST_CHUNK;
  #exhausted = false;

  constructor(view: StateView, keyOf: (position: number) => Uint8Array, direction: ReadDirection) {
    this.#view = view;
    this.#keyOf = keyOf;
    this.#reverse = direction === 'backwards';
  }

  async seek(position: number): Promise<number | null> {
    for (;;) {
      for (; this.#at < this.#positions.length; this.#at += 1) {
        const found = this.#positions[this.#at] ?? 0;
        if (this.#reverse ? found <= position : found >= position) return found;
      }
      if (this.#exhausted) return null;
      await this.#fetch(position);
    }
  }

  async #fetch(position: number): Promise<void> {
    const range = this.#reverse
      ? { gte: this.#keyOf(0), lt: keyAfter(this.#keyOf(Math.min(position, this.#view.end - 1))) }
      : { gte: this.#keyOf(position), lt: this.#keyOf(this.#view.end) };
    const limit = this.#limit;
    const entries =
      position < 0 || (!this.#reverse && position >= this.#view.end)
        ? []
        : await this.#view.keyValue.scan(range, { limit, reverse: this.#reverse, keysOnly: true });
    this.#positions = entries.map(({ key }) => positionOfKey(key));
    this.#at = 0;
    this.#exhausted = entries.length < limit;
    this.#limit = Math.min(limit * 2, LARGEST_CHUNK);
  }
}

/** The pages of any of the cursors, of which there is at least one. */
export class UnionCursor implements PageCursor {
  readonly #cursors: readonly PageCursor[];
  readonly #reverse: boolean;

  constructor(cursors: readonly PageCursor[], direction: ReadDirection) {
    this.#cursors = cursors;
    this.#reverse = direction === 'backwards';
  }

  async seek(position: number): Promise<number | null> {
    const found = await Promise.all(this.#cursors.map((cursor) => cursor.seek(position)));
    return found.reduce((nearest, candidate) => {
      if (nearest === null || candidate === null) return nearest ?? candidate;
      return this.#reverse ? Math.max(nearest, candidate) : Math.min(nearest, candidate);
    }, null);
  }
}

/** The pages of all of the cursors, of which there is at least one. */
export class IntersectionCursor implements PageCursor {
  readonly #cursors: readonly PageCursor[];

  constructor(cursors: readonly PageCursor[]) {
    this.#cursors = cursors;
  }

  async seek(position: number): Promise<number | null> {
    let target = position;
    for (let agreeing = 0, at = 0; agreeing < this.#cursors.length; at = (at + 1) % this.#cursors.length) {
      const found = (await this.#cursors[at]?.seek(target)) ?? null;
      if (found === null) return null;
      agreeing = found === target ? agreeing + 1 : 1;
      target = found;
    }
    return target;
  }
}
