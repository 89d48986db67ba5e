/**
 * First stage: takes an append in, or refuses it at once. Owns the queue of what waits to be decided.
 *
 * Invariants: the queue holds at most `maxAppends` appends of at most `maxBytes` bytes (one append of any legal size is
 * taken when the queue is empty); nothing waits in it longer than `maxWaitMillis`; an abandoned append leaves it at once.
 * Must not know what happens to an append once it is taken.
 */
import { StoreError } from '../../domain/errors.ts';
import type { CancelTimer, Clock } from '../../lib/clock.ts';
import { LinkedQueue } from '../../lib/linked-queue.ts';
import type { PendingAppend } from './pending-append.ts';

export interface AdmissionLimits {
  readonly maxAppends: number;
  /** Bytes of memory, by `appendMemory`. */
  readonly maxBytes: number;
  readonly maxWaitMillis: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #queue = new LinkedQueue<PendingAppend>();
  #cancelTimer: CancelTimer | null = null;
  #closed: StoreError | null = null;

  constructor(limits: AdmissionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Appends that wait, and their bytes. */
  get count(): number {
    return this.#queue.count;
  }

  get bytes(): number {
    return this.#queue.bytes;
  }

  /** Puts the append at the end of the queue, or fails it: OVERLOADED when the queue is full, else as {@link close} says. */
  admit(pending: PendingAppend): boolean {
    const refusal = this.#closed ?? this.#overload(pending);
    if (refusal !== null) {
      pending.fail(refusal);
      return false;
    }
    this.#queue.push(pending);
    if (this.#cancelTimer === null) this.#arm(this.#limits.maxWaitMillis);
    return true;
  }

  /** The append that has waited longest, without taking it; null when none waits. */
  peek(): PendingAppend | null {
    return this.#queue.first;
  }

  /** Takes the append that has waited longest. */
  take(): PendingAppend | null {
    return this.#queue.shift();
  }

  /** Puts taken appends back in front, in their order, to be decided again. Those already answered are left out. */
  putBack(appends: readonly PendingAppend[]): void {
    for (const pending of appends.toReversed()) {
      if (!pending.answered) this.#queue.putBack(pending);
    }
    if (this.#queue.count > 0 && this.#cancelTimer === null) this.#arm(this.#limits.maxWaitMillis);
  }

  /** From now on every append is refused with `error`. What waits stays. */
  close(error: StoreError): void {
    this.#closed = error;
  }

  /** Fails everything that waits. */
  failAll(error: StoreError): void {
    for (let pending = this.take(); pending !== null; pending = this.take()) pending.fail(error);
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #overload(pending: PendingAppend): StoreError | null {
    const { maxAppends, maxBytes } = this.#limits;
    if (this.#queue.count >= maxAppends) return overloaded('appends', maxAppends);
    if (this.#queue.count > 0 && this.#queue.bytes + pending.bytes > maxBytes) return overloaded('bytes', maxBytes);
    return null;
  }

  /** One timer for the whole queue: it looks at the oldest, and is set again while anything waits. */
  #arm(millis: number): void {
    this.#cancelTimer = this.#clock.setTimer(millis, () => {
      this.#cancelTimer = null;
      this.#expire();
    });
  }

  #expire(): void {
    const { maxWaitMillis } = this.#limits;
    const now = this.#clock.monotonicMillis();
    for (let oldest = this.peek(); oldest !== null; oldest = this.peek()) {
      const left = oldest.admittedAt + maxWaitMillis - now;
      if (left > 0) {
        this.#arm(left);
        return;
      }
      const reason = `the append waited ${maxWaitMillis} ms without being decided`;
      oldest.fail(new StoreError('DEADLINE_EXCEEDED', `${reason}; nothing was done`, { reason }));
    }
  }
}

function overloaded(unit: string, limit: number): StoreError {
  const message = `too many appends are waiting: the queue takes ${limit} ${unit}; nothing was done, try again later`;
  return new StoreError('OVERLOADED', message, { queue: `appends waiting to be decided, in ${unit}`, limit });
}
