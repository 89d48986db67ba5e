/**
 * Messages that wait for one stream, bounded: when a new one does not fit, the oldest go. Raft repairs what was lost, and the
 * newest say most.
 */
import { messageSize } from './message-writer.ts';
import type { SizedMessage } from './message-writer.ts';
import type { Message } from '../../cluster/raft-message.ts';

/** How much may wait. */
export interface QueueBounds {
  readonly count: number;
  /** Of serialized messages. One message more than this may wait alone. */
  readonly bytes: number;
}

/** The queue. */
export class OutgoingQueue {
  readonly #bounds: QueueBounds;
  #messages: SizedMessage[] = [];
  #head = 0;
  #bytes = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#messages.length - this.#head;
  }

  /** Adds a message; returns how many old ones were dropped for it. */
  push(message: Message): number {
    const size = messageSize(message);
    this.#messages.push({ message, size });
    this.#bytes += size;
    let dropped = 0;
    while (this.size > 1 && (this.size > this.#bounds.count || this.#bytes > this.#bounds.bytes)) {
      this.#shift();
      dropped++;
    }
    return dropped;
  }

  /** Takes the next messages out, up to so many bytes, but at least one; empty when there is none. */
  take(maxBytes: number): SizedMessage[] {
    const taken: SizedMessage[] = [];
    let bytes = 0;
    for (let next = this.#messages[this.#head]; next !== undefined; next = this.#messages[this.#head]) {
      if (taken.length > 0 && bytes + next.size > maxBytes) break;
      taken.push(next);
      bytes += next.size;
      this.#shift();
    }
    return taken;
  }

  /** Drops everything; returns how many. */
  clear(): number {
    const dropped = this.size;
    this.#messages = [];
    this.#head = 0;
    this.#bytes = 0;
    return dropped;
  }

  #shift(): void {
    this.#bytes -= this.#messages[this.#head]?.size ?? 0;
    this.#head++;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
  }
}
