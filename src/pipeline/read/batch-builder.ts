/**
 * Puts the stored bytes of events together into messages, without decoding them. A batch has at most `maxBytes`, unless a
 * single event is larger. What lies contiguous in one append and fills a batch alone is passed on as it is stored, not copied.
 */
import { defined } from '../../lib/assert.ts';
import type { StoredAppend } from '../../storage/stored-append.ts';
import type { EventBatch } from '../event-pipeline.ts';

export class BatchBuilder {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #count = 0;
  #lastRevision = 0;
  #lastPosition = 0;
  #full = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The batch has to be taken before more can be added. */
  isFull(): boolean {
    return this.#full;
  }

  /** Events in the batch so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds the events with ordinals from <= n < to as far as there is room; the first one always, when the batch is empty.
   * Returns the first ordinal that was not added: `to` when all were. Wants from < to, and a batch that is not full.
   */
  add(append: StoredAppend, from: number, to: number): number {
    const end = this.#fitting(append, from, to);
    if (end > from) {
      this.#pieces.push(append.wire(from, end));
      this.#bytes += append.wireLength(from, end);
      this.#count += end - from;
      this.#lastRevision = append.firstRevision + end - 1;
      this.#lastPosition = append.firstPosition + end - 1;
    }
    this.#full = end < to || this.#bytes >= this.#maxBytes;
    return end;
  }

  /** Likewise from the newest on: adds the ordinals to-1, to-2, …, and returns the `to` of what is left: `from` when nothing is. */
  addReversed(append: StoredAppend, from: number, to: number): number {
    let end = to;
    while (end > from && !this.#full) {
      const added = this.add(append, end - 1, end);
      if (added === end) end -= 1;
    }
    return end;
  }

  /** The batch, and begins another; null when it has no event. */
  take(): EventBatch | null {
    if (this.#count === 0) return null;
    const batch: EventBatch = {
      wire: joined(this.#pieces, this.#bytes),
      count: this.#count,
      lastRevision: this.#lastRevision,
      lastPosition: this.#lastPosition,
    };
    this.#pieces = [];
    this.#bytes = 0;
    this.#count = 0;
    this.#full = false;
    return batch;
  }

  /** Forgets what was added. */
  clear(): void {
    this.take();
  }

  #fitting(append: StoredAppend, from: number, to: number): number {
    const room = this.#maxBytes - this.#bytes;
    if (append.wireLength(from, to) <= room) return to;
    let fits = from;
    let tooMany = to;
    while (tooMany - fits > 1) {
      const middle = (fits + tooMany) >>> 1;
      if (append.wireLength(from, middle) <= room) fits = middle;
      else tooMany = middle;
    }
    return fits === from && this.#count === 0 ? from + 1 : fits;
  }
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  if (pieces.length === 1) return defined(pieces[0], 'the piece');
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
