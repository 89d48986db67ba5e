/**
 * Finds all the prefixes of a text in a set of prefixes: one lookup for each distinct length, however many there are.
 */
export class PrefixIndex<T> {
  readonly #values = new Map<string, T>();
  /** How many prefixes have each length, in code units. */
  readonly #lengths = new Map<number, number>();

  get size(): number {
    return this.#values.size;
  }

  set(prefix: string, value: T): void {
    if (!this.#values.has(prefix)) this.#count(prefix.length, 1);
    this.#values.set(prefix, value);
  }

  delete(prefix: string): void {
    if (this.#values.delete(prefix)) this.#count(prefix.length, -1);
  }

  /** The values of all prefixes that `text` begins with. */
  prefixesOf(text: string): T[] {
    const found: T[] = [];
    for (const length of this.#lengths.keys()) {
      if (length > text.length) continue;
      const value = this.#values.get(text.slice(0, length));
      if (value !== undefined) found.push(value);
    }
    return found;
  }

  #count(length: number, change: number): void {
    const count = (this.#lengths.get(length) ?? 0) + change;
    if (count === 0) this.#lengths.delete(length);
    else this.#lengths.set(length, count);
  }
}
