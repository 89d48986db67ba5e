/**
 * The live events that wait for one consumer: bounded in appends and in bytes.
 *
 * Bytes are those kept from being freed: an append's record is a view into the bytes of its group, so that one small record
 * keeps all of them; what is counted is each group once. The events themselves are shared between consumers.
 */
import { assert, defined } from '../../lib/assert.ts';
import type { StoredAppend } from '../../storage/stored-append.ts';
import type { BatchBuilder } from '../read/batch-builder.ts';
import type { LiveEvents } from './live-consumer.ts';

export interface LiveQueueBounds {
  /** Appends that may wait. */
  readonly appends: number;
  /** Bytes that may wait. One group more is taken when the queue is empty. */
  readonly bytes: number;
}

interface Entry {
  readonly events: LiveEvents;
  /** Bytes freed when this entry leaves: those of its group on the last entry of the group, else 0. */
  bytes: number;
}

export class LiveQueue {
  readonly #bounds: LiveQueueBounds;
  #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  /** Within the first entry: the run that is next, and in it the first ordinal that was not taken yet. */
  #pair = 0;
  #ordinal = 0;

  constructor(bounds: LiveQueueBounds) {
    this.#bounds = bounds;
  }

  /** Appends that wait. */
  get length(): number {
    return this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): LiveEvents | null {
    return this.#entries[this.#head]?.events ?? null;
  }

  /** Adds events of a later append than all before. False: there is no room, and nothing was added. */
  offer(events: LiveEvents): boolean {
    const { buffer } = events.append.bytes;
    const last = this.length > 0 ? this.#entries[this.#entries.length - 1] : undefined;
    const shared = last !== undefined && last.events.append.bytes.buffer === buffer;
    if (this.length >= this.#bounds.appends) return false;
    if (!shared && last !== undefined && this.#bytes + buffer.byteLength > this.#bounds.bytes) return false;
    const entry: Entry = { events, bytes: buffer.byteLength };
    if (shared) last.bytes = 0;
    else this.#bytes += entry.bytes;
    this.#entries.push(entry);
    return true;
  }

  /** Moves events into the batch until it is full or none wait. Skips ordinals of an append below what `lowest` answers for it. */
  moveTo(builder: BatchBuilder, lowest: (append: StoredAppend) => number): void {
    while (this.length > 0 && !builder.isFull()) {
      const { events } = defined(this.#entries[this.#head], 'the first entry');
      const { append, runs } = events;
      const skip = Math.max(this.#ordinal, lowest(append));
      while (this.#pair < runs.length && !builder.isFull()) {
        const to = defined(runs[this.#pair + 1], 'the end of a run');
        const from = Math.max(defined(runs[this.#pair], 'the start of a run'), this.#ordinal, skip);
        this.#ordinal = from < to ? builder.add(append, from, to) : to;
        if (this.#ordinal >= to) this.#pair += 2;
      }
      if (this.#pair >= runs.length) this.#shift();
    }
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#pair = 0;
    this.#ordinal = 0;
  }

  #shift(): void {
    const entry = defined(this.#entries[this.#head], 'the first entry');
    this.#bytes -= entry.bytes;
    this.#head += 1;
    this.#pair = 0;
    this.#ordinal = 0;
    assert(this.#bytes >= 0, () => `a live queue has ${this.#bytes} bytes`);
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
      assert(this.#bytes === 0, () => `an empty live queue has ${this.#bytes} bytes`);
    } else if (this.#head >= 64 && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
