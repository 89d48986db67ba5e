/**
 * The newest entries of the log, in memory: all that are not durable yet, and durable ones up to a number of bytes.
 *
 * Invariant: holds the entries [first, first + length), without a gap, up to the last one of the log. Must not know
 * where entries lie on disk.
 */
import { assert, defined } from '../../lib/assert.ts';
import type { Entry } from '../../raft/messages.ts';

/** What an entry takes besides its data, roughly. */
const ENTRY_OVERHEAD_BYTES = 128;
/** Room at the front of the array that is given back at once, so that giving back costs little an entry. */
const MAX_EMPTY_SLOTS = 1024;

export class EntryCache {
  #slots: (Entry | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  #next = 1;

  /** Index of the first entry held; `next` when there is none. */
  get first(): number {
    return this.#next - (this.#slots.length - this.#head);
  }

  /** Index that the next entry must have. */
  get next(): number {
    return this.#next;
  }

  /** Forgets everything; the next entry to come has index `next`. */
  reset(next: number): void {
    this.#slots = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#next = next;
  }

  /** Adds the entry after the last one. */
  push(entry: Entry): void {
    assert(entry.index === this.#next, `entry ${entry.index} follows ${this.#next - 1}`);
    this.#slots.push(entry);
    this.#bytes += cost(entry);
    this.#next++;
  }

  get(index: number): Entry | undefined {
    return index < this.first ? undefined : this.#slots[this.#head + index - this.first];
  }

  /** The entries [lo, hi), all of which are held. */
  slice(lo: number, hi: number): Entry[] {
    const shift = this.#head - this.first;
    return this.#slots.slice(lo + shift, hi + shift) as Entry[];
  }

  /** Forgets the entries from `index` on. */
  truncate(index: number): void {
    if (index <= this.first) {
      this.reset(index);
      return;
    }
    while (this.#next > index) {
      this.#bytes -= cost(defined(this.#slots.pop(), 'an entry'));
      this.#next--;
    }
  }

  /** Forgets the oldest entries up to `index` while there are more than `maxBytes` of entries. */
  evict(index: number, maxBytes: number): void {
    while (this.#bytes > maxBytes && this.first <= index && this.#head < this.#slots.length) {
      this.#bytes -= cost(defined(this.#slots[this.#head], 'an entry'));
      this.#slots[this.#head] = undefined;
      this.#head++;
    }
    if (this.#head < MAX_EMPTY_SLOTS || this.#head * 2 < this.#slots.length) return;
    this.#slots = this.#slots.slice(this.#head);
    this.#head = 0;
  }
}

function cost(entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + entry.data.length;
}
