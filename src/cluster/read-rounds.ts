/**
 * Linearizable reads: one round of ReadIndex (Raft dissertation, section 6.4) for all who wait when it begins.
 *
 * Invariants: whoever waits is answered only by a round that began after it came; one round is under way at a time; a round that
 * was not answered for some ticks, or whose leader changed, begins anew (messages get lost). Bounded by the callers' deadlines and by
 * `MAX_READERS`. Must not know what is read.
 */
import { StoreError } from '../domain/errors.ts';
import type { ReadState } from '../raft/ready.ts';

interface Reader {
  readonly resolve: (index: number) => void;
  readonly reject: (error: Error) => void;
}

const MAX_READERS = 65_536;
/** Ticks after which a round counts as lost. */
const ROUND_TICKS = 3;

export class ReadRounds {
  readonly #id: number;
  readonly #begin: (context: Uint8Array) => void;
  #waiting = new Set<Reader>();
  #reading = new Set<Reader>();
  /** Of the round under way; 0 when none is. */
  #round = 0;
  #rounds: number;
  #ticks = 0;
  #failure: Error | null = null;

  /**
   * @param begin Hands a context to the core. Its answer may come before this returns.
   * @param salt Number that makes contexts of this run differ from those of the run before.
   */
  constructor(id: number, salt: number, begin: (context: Uint8Array) => void) {
    this.#id = id;
    this.#rounds = salt;
    this.#begin = begin;
  }

  /** Resolves with an index at or above all that was acknowledged before the call. Rejects with the signal's reason, OVERLOADED, or as {@link fail} says. */
  read(signal: AbortSignal): Promise<number> {
    const refusal = this.#failure ?? (signal.aborted ? (signal.reason as Error) : null);
    if (refusal !== null) return Promise.reject(refusal);
    if (this.#waiting.size >= MAX_READERS) {
      const details = { queue: 'linearizable reads', limit: MAX_READERS };
      return Promise.reject(new StoreError('OVERLOADED', `${MAX_READERS} linearizable reads are waiting`, details));
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(reader);
        this.#reading.delete(reader);
        reject(signal.reason as Error);
      };
      const reader: Reader = {
        resolve: (index) => {
          signal.removeEventListener('abort', abort);
          resolve(index);
        },
        reject: (error) => {
          signal.removeEventListener('abort', abort);
          reject(error);
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.add(reader);
      if (this.#round === 0) this.#next();
    });
  }

  /** The core's answer. */
  answered({ index, context }: ReadState): void {
    if (this.#round === 0 || this.#roundOf(context) !== this.#round) return;
    const readers = this.#reading;
    this.#reading = new Set();
    this.#round = 0;
    for (const reader of readers) reader.resolve(index);
    if (this.#waiting.size > 0) this.#next();
  }

  tick(): void {
    if (this.#round === 0) return;
    this.#ticks += 1;
    if (this.#ticks >= ROUND_TICKS) this.again();
  }

  /** The round under way, if there is one, begins anew: who answers it may have changed. */
  again(): void {
    if (this.#round !== 0) this.#next();
  }

  /** Whoever reads gets `error`, now and later. */
  fail(error: Error): void {
    this.#failure = error;
    for (const reader of [...this.#reading, ...this.#waiting]) reader.reject(error);
    this.#reading.clear();
    this.#waiting.clear();
    this.#round = 0;
  }

  #next(): void {
    for (const reader of this.#waiting) this.#reading.add(reader);
    this.#waiting = new Set();
    this.#ticks = 0;
    if (this.#reading.size === 0) {
      this.#round = 0;
      return;
    }
    this.#rounds += 1;
    this.#round = this.#rounds;
    const context = new Uint8Array(16);
    const view = new DataView(context.buffer);
    view.setFloat64(0, this.#id);
    view.setFloat64(8, this.#round);
    this.#begin(context);
  }

  #roundOf(context: Uint8Array): number {
    if (context.length !== 16) return 0;
    const view = new DataView(context.buffer, context.byteOffset, 16);
    return view.getFloat64(0) === this.#id ? view.getFloat64(8) : 0;
  }
}
