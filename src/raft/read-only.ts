/**
 * Reads waiting for proof that their leader still leads (Raft dissertation, section 6.4).
 *
 * A queue in order of arrival. A quorum that acknowledged a heartbeat sent after a read confirms that read and all before
 * it. Must not know roles or messages on the wire.
 */
import { defined } from '../lib/assert.ts';
import type { Message } from './messages.ts';

/** A read request and the commit index at its arrival. */
export interface PendingRead {
  readonly request: Message;
  readonly index: number;
  /** Who has confirmed; the value is always true. */
  readonly acks: Map<number, boolean>;
}

/** The context of a read request, which identifies it. */
export function readContext(request: Message): Uint8Array {
  return defined(request.entries[0], 'the entry of a read request that holds its context').data;
}

/** A context as a map key: one character a byte. */
function keyOf(context: Uint8Array): string {
  let key = '';
  for (const byte of context) key += String.fromCharCode(byte);
  return key;
}

export class ReadOnly {
  // Insertion order is the order of arrival.
  readonly #pending = new Map<string, PendingRead>();
  #lastContext: Uint8Array | null = null;

  /** Reads waiting. */
  get size(): number {
    return this.#pending.size;
  }

  /** Queues a request; one whose context is queued already is the same request, sent again. */
  add(index: number, request: Message): void {
    const context = readContext(request);
    const key = keyOf(context);
    if (this.#pending.has(key)) return;
    this.#pending.set(key, { request, index, acks: new Map() });
    this.#lastContext = context;
  }

  /** Notes that `id` confirmed the leader for the read of this context; all who did, or null when it does not wait. */
  acknowledge(id: number, context: Uint8Array): ReadonlyMap<number, boolean> | null {
    const read = this.#pending.get(keyOf(context));
    if (read === undefined) return null;
    read.acks.set(id, true);
    return read.acks;
  }

  /** Removes and answers the read of this context and all before it, in order of arrival; none when it does not wait. */
  advance(context: Uint8Array): readonly PendingRead[] {
    const target = keyOf(context);
    if (!this.#pending.has(target)) return [];
    const released: PendingRead[] = [];
    for (const [key, read] of this.#pending) {
      released.push(read);
      this.#pending.delete(key);
      if (key === target) break;
    }
    if (this.#pending.size === 0) this.#lastContext = null;
    return released;
  }

  /** Context of the latest read that waits, for the next heartbeat to carry; null when none waits. */
  get lastContext(): Uint8Array | null {
    return this.#lastContext;
  }
}
