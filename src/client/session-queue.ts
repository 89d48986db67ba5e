/**
 * The appends of a session that have not been answered, in order: first those in flight, then those that wait. Knows nothing of
 * calls.
 *
 * Invariant: correlation ids grow by one from append to append, so that an answer can be held against the oldest append.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { AppendResult } from '../domain/append.ts';

/** One append. Settled at most once; may be settled (expired) before it is answered. */
export class PendingAppend {
  readonly expiresAt: number;
  correlationId = 0;
  /** A serialized AppendSessionRequest, once it is in a queue. */
  message: Buffer = Buffer.alloc(0);
  settled = false;
  readonly append: Uint8Array;
  readonly #resolve: (result: AppendResult) => void;
  readonly #reject: (error: Error) => void;

  /** `append` is a serialized AppendEventRequest. */
  constructor(
    append: Uint8Array,
    expiresAt: number,
    resolve: (result: AppendResult) => void,
    reject: (error: Error) => void,
  ) {
    this.append = append;
    this.expiresAt = expiresAt;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  succeed(result: AppendResult): void {
    this.settled = true;
    this.#resolve(result);
  }

  fail(error: Error): void {
    this.settled = true;
    this.#reject(error);
  }
}

/** Bytes in flight, beyond which the window is full whatever the count. */
const windowBytes = 32 * 1024 * 1024;

/** The queue. */
export class SessionQueue {
  readonly #window: number;
  readonly #capacity: number;
  /** From `#head` on; what is before has been answered. */
  #appends: PendingAppend[] = [];
  #head = 0;
  #sent = 0;
  #sentBytes = 0;
  #nextId = 1;

  /** At most `window` in flight and `waiting` more. */
  constructor(window: number, waiting: number) {
    this.#window = window;
    this.#capacity = window + waiting;
  }

  /** Appends that are not answered. */
  get size(): number {
    return this.#appends.length - this.#head;
  }

  get full(): boolean {
    return this.size >= this.#capacity;
  }

  /** True when an append would be sent at once. */
  get hasRoom(): boolean {
    return this.size < this.#window && this.#sentBytes < windowBytes;
  }

  get oldest(): PendingAppend | null {
    return this.#appends[this.#head] ?? null;
  }

  push(append: PendingAppend): void {
    append.correlationId = this.#nextId++;
    append.message = encodeRequest(append.correlationId, append.append);
    this.#appends.push(append);
  }

  /** The next append to send, which counts as in flight from now on; null when the window is full or nothing waits. */
  nextToSend(): PendingAppend | null {
    if (this.#sent >= this.#window || this.#sentBytes >= windowBytes) return null;
    const next = this.#appends[this.#head + this.#sent];
    if (next === undefined) return null;
    this.#sent++;
    this.#sentBytes += next.message.length;
    return next;
  }

  /** Takes the oldest append out; null when there is none. */
  shift(): PendingAppend | null {
    const oldest = this.oldest;
    if (oldest === null) return null;
    this.#head++;
    if (this.#sent > 0) {
      this.#sent--;
      this.#sentBytes -= oldest.message.length;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#appends.length) {
      this.#appends = this.#appends.slice(this.#head);
      this.#head = 0;
    }
    return oldest;
  }

  /** The call is gone: nothing is in flight, and what has been settled meanwhile need not be sent again. */
  rewind(): void {
    this.#appends = this.#appends.slice(this.#head).filter((append) => !append.settled);
    this.#head = 0;
    this.#sent = 0;
    this.#sentBytes = 0;
  }

  /** Settles the appends whose time has passed. Those that were sent keep their place until they are answered. */
  expire(now: number, error: () => Error): void {
    for (let at = this.#head; at < this.#appends.length; at++) {
      const append = this.#appends[at];
      if (append === undefined || append.expiresAt > now) break;
      if (!append.settled) append.fail(error());
    }
    if (this.#sent === 0) this.rewind();
  }
}

function encodeRequest(correlationId: number, append: Uint8Array): Buffer {
  const bytes = new BinaryWriter().uint32(8).uint64(correlationId).uint32(18).bytes(append).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
