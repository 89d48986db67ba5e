/**
 * How many entries to ask for at a time, so that a chunk has about a mebibyte, whatever the entries' size. Begins small, as
 * most reads want little, and never grows far beyond what the last chunk justified.
 */

const TARGET_BYTES = 1024 * 1024;
const FIRST = 16;
const MOST = 256;
const GROWTH = 4;

export class ChunkSize {
  #limit = FIRST;

  get limit(): number {
    return this.#limit;
  }

  /** Learns from a chunk: `entries` (at least 1) took `bytes`. */
  learn(entries: number, bytes: number): void {
    const fitting = Math.floor((TARGET_BYTES * entries) / Math.max(bytes, 1));
    this.#limit = Math.max(1, Math.min(fitting, this.#limit * GROWTH, MOST));
  }
}
