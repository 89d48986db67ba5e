/**
 * A first-in, first-out queue whose items carry the links themselves: any item leaves in constant time, and nothing is
 * allocated for an item. Knows the size of its items in bytes, so that its owner can bound it; the owner does the bounding.
 */
import { assert } from './assert.ts';

/** What an item must have. Only the queue writes the links. */
export interface QueueItem<T extends QueueItem<T>> {
  /** Bytes of memory that the item stands for. Does not change while it is in a queue. */
  readonly bytes: number;
  previous: T | null;
  next: T | null;
  /** The queue it is in, null when in none. */
  queue: LinkedQueue<T> | null;
}

/** The queue. An item is in at most one queue, once. */
export class LinkedQueue<T extends QueueItem<T>> {
  /** Items, and their bytes in all. */
  count = 0;
  bytes = 0;
  #first: T | null = null;
  #last: T | null = null;

  /** The item that leaves next, null when the queue is empty. */
  get first(): T | null {
    return this.#first;
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.#enter(item);
    item.previous = this.#last;
    if (this.#last === null) this.#first = item;
    else this.#last.next = item;
    this.#last = item;
  }

  /** Adds an item at the front: it leaves before all others. */
  putBack(item: T): void {
    this.#enter(item);
    item.next = this.#first;
    if (this.#first === null) this.#last = item;
    else this.#first.previous = item;
    this.#first = item;
  }

  /** Takes the first item, null when the queue is empty. */
  shift(): T | null {
    const item = this.#first;
    if (item !== null) this.remove(item);
    return item;
  }

  /** Whether the item is in this queue. */
  has(item: T): boolean {
    return item.queue === this;
  }

  /** Takes an item out from wherever it is. It must be in this queue. */
  remove(item: T): void {
    assert(this.has(item), 'an item can leave only the queue it is in');
    if (item.previous === null) this.#first = item.next;
    else item.previous.next = item.next;
    if (item.next === null) this.#last = item.previous;
    else item.next.previous = item.previous;
    item.previous = null;
    item.next = null;
    item.queue = null;
    this.count -= 1;
    this.bytes -= item.bytes;
  }

  #enter(item: T): void {
    assert(item.queue === null, 'an item can enter only one queue');
    item.queue = this;
    this.count += 1;
    this.bytes += item.bytes;
  }
}
