/**
 * Seeded randomness (Chris Doty-Humphrey's sfc32): equal seeds give equal numbers on every machine.
 *
 * Invariant: a stream is used by one part of the simulation only, so that a change in one part leaves the draws of the
 * others as they were; {@link SeededRandom.fork} makes such streams. Must not know what is drawn for.
 */

export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any safe integer >= 0; @param label names the stream */
  constructor(seed: number, label = '') {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 2 ** 32) >>> 0;
    this.#c = hashText(label);
    for (let i = 0; i < 12; i++) this.next();
  }

  /** The next 32 bits, as an unsigned integer. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** An integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + (this.next() % (high - low + 1));
  }

  /** An integer in [0, count). `count` is at least 1. */
  below(count: number): number {
    return this.next() % count;
  }

  /** True with this probability. Draws even when the answer is certain, so that streams stay aligned. */
  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32;
  }

  /** One of the items, or undefined when there are none. */
  pick<T>(items: readonly T[]): T | undefined {
    const at = this.next();
    return items.length === 0 ? undefined : items[at % items.length];
  }

  /** One of the names, by weight. At least one weight is above 0. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const names = Object.keys(weights) as K[];
    let total = 0;
    for (const name of names) total += weights[name];
    let at = (this.next() / 2 ** 32) * total;
    for (const name of names) {
      at -= weights[name];
      if (at < 0) return name;
    }
    return names[names.length - 1] as K;
  }

  /** The items in random order, in a new array. */
  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j] as T, result[i] as T];
    }
    return result;
  }

  /** A stream of its own that depends on this one's state and the label. */
  fork(label: string): SeededRandom {
    return new SeededRandom(this.next() + (this.next() & 0xfffff) * 2 ** 32, label);
  }
}

/** FNV-1a of a text: labels of streams, and hashes of small payloads. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** FNV-1a of bytes. */
export function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash >>> 0;
}

/** Mixes a number into a running hash; both are unsigned 32-bit integers. */
export function mix(hash: number, value: number): number {
  let x = Math.imul(hash ^ (value | 0), 0x9e3779b1);
  x ^= x >>> 15;
  return Math.imul(x ^ Math.floor(value / 2 ** 32), 0x85ebca6b) >>> 0;
}
