/**
 * The window of MsgApps sent to one follower and not acknowledged, bounded in messages and bytes.
 *
 * A ring of the last index and the bytes of each message. Indexes go up. The bound on bytes is soft: the message that
 * reaches it is let through, so that one larger than the bound can be sent at all. Knows nothing of the follower.
 */
import { assert } from '../lib/assert.ts';

/** First capacity of the ring; it doubles up to the bound, as most windows stay nearly empty. */
const INITIAL_CAPACITY = 4;

export class Inflights {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #indexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  /** @param maxMessages at least 1; @param maxBytes Infinity for no limit */
  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** Messages in flight. */
  get count(): number {
    return this.#count;
  }

  /** Bytes in flight. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether no further message may be sent now. */
  get full(): boolean {
    return this.#count === this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  /** Notes a message whose last entry is at `index`. Only while not {@link full}. */
  add(index: number, bytes: number): void {
    assert(!this.full, () => `added a message to a full window of ${this.#count} messages, ${this.#bytes} bytes`);
    if (this.#count === this.#indexes.length) this.#grow();
    const slot = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[slot] = index;
    this.#sizes[slot] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Frees every message whose last entry is at or below `index`. */
  freeUpTo(index: number): void {
    while (this.#count > 0 && (this.#indexes[this.#start] as number) <= index) {
      this.#bytes -= this.#sizes[this.#start] as number;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
  }

  /** Frees every message. */
  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const capacity = Math.min(Math.max(INITIAL_CAPACITY, this.#indexes.length * 2), this.#maxMessages);
    const indexes = new Array<number>(capacity).fill(0);
    const sizes = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const slot = (this.#start + i) % this.#indexes.length;
      indexes[i] = this.#indexes[slot] as number;
      sizes[i] = this.#sizes[slot] as number;
    }
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
