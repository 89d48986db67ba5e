/**
 * The filters that subscriptions use: compiled once for all that ask the same, and bounded in what all regular expressions
 * together may cost an event.
 */
import { type CompiledFilter, compileFilter } from '../../domain/compiled-filter.ts';
import { StoreError } from '../../domain/errors.ts';
import type { Filter } from '../../domain/filter.ts';

interface Use {
  readonly filter: CompiledFilter;
  users: number;
}

export class FilterRegistry {
  readonly #maxCost: number;
  readonly #uses = new Map<string, Use>();
  #cost = 0;

  /** `maxCost` in instructions of regular expressions. */
  constructor(maxCost: number) {
    this.#maxCost = maxCost;
  }

  /** Distinct filters in use. */
  get size(): number {
    return this.#uses.size;
  }

  /** INVALID_ARGUMENT when it cannot be compiled, OVERLOADED when all in use would cost too much. */
  acquire(filter: Filter): CompiledFilter {
    const compiled = compileFilter(filter);
    const use = this.#uses.get(compiled.key);
    if (use !== undefined) {
      use.users += 1;
      return use.filter;
    }
    if (this.#cost + compiled.cost > this.#maxCost) {
      const message = `the regular expressions of all subscriptions may have ${this.#maxCost} instructions together`;
      throw new StoreError('OVERLOADED', message, { queue: 'regular expressions', limit: this.#maxCost });
    }
    this.#cost += compiled.cost;
    this.#uses.set(compiled.key, { filter: compiled, users: 1 });
    return compiled;
  }

  /** Gives back what `acquire` answered, once. */
  release(filter: CompiledFilter): void {
    const use = this.#uses.get(filter.key);
    if (use === undefined) return;
    use.users -= 1;
    if (use.users > 0) return;
    this.#uses.delete(filter.key);
    this.#cost -= filter.cost;
  }
}
