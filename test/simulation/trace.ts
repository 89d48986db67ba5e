/**
 * What happened in a run: a hash of everything, its last events, and on demand the last lines in words.
 *
 * Invariant: the hash depends on what happened alone, never on whether lines are kept. Must not know the simulation.
 */
import { hashText, mix } from './random.ts';

/** The events that are always kept, so that a violation which does not show again has left something. */
const NOTES = 64;

export class Trace {
  /** Whether lines are wanted; callers build texts only then. */
  readonly verbose: boolean;
  #high = 1;
  #low = 2;
  readonly #keep: number;
  readonly #lines: string[] = [];
  readonly #kinds: string[] = [];
  readonly #numbers = new Float64Array(4 * NOTES);
  #notes = 0;

  /** @param keep lines to keep: 0 for none, Infinity for all */
  constructor(keep = 0) {
    this.verbose = keep > 0;
    this.#keep = keep;
  }

  /** Takes an event into the hash. */
  note(kind: string, a = 0, b = 0, c = 0, d = 0): void {
    const at = this.#notes % NOTES;
    this.#kinds[at] = kind;
    this.#numbers[4 * at] = a;
    this.#numbers[4 * at + 1] = b;
    this.#numbers[4 * at + 2] = c;
    this.#numbers[4 * at + 3] = d;
    this.#notes++;
    this.#low = mix(mix(mix(this.#low, hashText(kind)), a), b);
    this.#high = mix(mix(mix(this.#high, this.#low), c), d);
  }

  /** Keeps a line, dropping the oldest ones. Only when {@link verbose}. */
  line(text: string): void {
    this.#lines.push(text);
    if (this.#lines.length > 2 * this.#keep) this.#lines.splice(0, this.#lines.length - this.#keep);
  }

  /** The last lines. */
  tail(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }

  /** The last events as they went into the hash. */
  get notes(): readonly string[] {
    const first = Math.max(0, this.#notes - NOTES);
    return Array.from({ length: this.#notes - first }, (_, i) => {
      const at = (first + i) % NOTES;
      return `${this.#kinds[at] ?? ''} ${this.#numbers.subarray(4 * at, 4 * at + 4).join(' ')}`;
    });
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return this.#high.toString(16).padStart(8, '0') + this.#low.toString(16).padStart(8, '0');
  }
}
