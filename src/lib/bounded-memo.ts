/**
 * A memo of a pure function that stays small: two generations, of which the older is dropped when the younger is full. What
 * was asked for in the last `capacity` distinct keys is kept; at most twice that is. Knows nothing of what it remembers.
 */
export class BoundedMemo<K, V> {
  readonly #capacity: number;
  readonly #compute: (key: K) => V;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** `capacity` is at least 1; `compute` is called again for a key that was forgotten. */
  constructor(capacity: number, compute: (key: K) => V) {
    this.#capacity = capacity;
    this.#compute = compute;
  }

  /** How many results are held: at most twice the capacity. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V {
    const hit = this.#young.get(key);
    if (hit !== undefined) return hit;
    const older = this.#old.get(key);
    const value = older ?? this.#compute(key);
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
    return value;
  }

  /** Forgets everything: what `compute` depends on has changed. */
  clear(): void {
    if (this.#young.size > 0) this.#young = new Map();
    if (this.#old.size > 0) this.#old = new Map();
  }
}
