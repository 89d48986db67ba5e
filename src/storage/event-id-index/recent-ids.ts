/**
 * The newest events of the event id index, in memory: a hash table over the hashes of a row of positions, which follow one
 * another without a gap. Answers which of them have a hash; whether they have the id is for the caller to verify.
 */
import { assert } from '../../lib/assert.ts';

const FIRST_CAPACITY = 1024;

export class RecentIds {
  /** Position of the first event held. */
  #first: number;
  #count = 0;
  #highs = new Uint32Array(FIRST_CAPACITY);
  #lows = new Uint32Array(FIRST_CAPACITY);
  /** Open addressing by the low half: 1 + the event's number here; 0 is free. Twice as many slots as events. */
  #slots = new Int32Array(2 * FIRST_CAPACITY);

  constructor(first: number) {
    this.#first = first;
  }

  get first(): number {
    return this.#first;
  }

  get count(): number {
    return this.#count;
  }

  /** The hashes of the events held, in the order of positions: views that the next change makes invalid. */
  get highs(): Uint32Array {
    return this.#highs.subarray(0, this.#count);
  }

  get lows(): Uint32Array {
    return this.#lows.subarray(0, this.#count);
  }

  /** Adds the event at the next position. */
  add(high: number, low: number): void {
    if (this.#count === this.#highs.length) this.#grow();
    this.#highs[this.#count] = high;
    this.#lows[this.#count] = low;
    this.#count += 1;
    this.#enter(this.#count, low);
  }

  /** Calls `visit` with the position of each event that has this hash. */
  find(high: number, low: number, visit: (position: number) => void): void {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] ?? 0;
      if (number === 0) return;
      if (this.#lows[number - 1] === low && this.#highs[number - 1] === high) visit(this.#first + number - 1);
    }
  }

  /** Forgets the first `count` events. */
  drop(count: number): void {
    assert(count <= this.#count, () => `${count} of ${this.#count} events are dropped`);
    this.#highs.copyWithin(0, count, this.#count);
    this.#lows.copyWithin(0, count, this.#count);
    this.#first += count;
    this.#count -= count;
    this.#slots.fill(0);
    for (let number = 1; number <= this.#count; number += 1) this.#enter(number, this.#lows[number - 1] ?? 0);
  }

  #enter(number: number, low: number): void {
    const mask = this.#slots.length - 1;
    let slot = low & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = number;
  }

  #grow(): void {
    const capacity = 2 * this.#highs.length;
    const highs = new Uint32Array(capacity);
    const lows = new Uint32Array(capacity);
    highs.set(this.#highs);
    lows.set(this.#lows);
    this.#highs = highs;
    this.#lows = lows;
    this.#slots = new Int32Array(2 * capacity);
    for (let number = 1; number <= this.#count; number += 1) this.#enter(number, lows[number - 1] ?? 0);
  }
}
