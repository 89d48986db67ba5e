/**
 * Which addresses could not be connected to, and why; and whether any ever could. Knows nothing of connections.
 *
 * Invariant: what is kept is of the addresses that failed last, at most {@link kept} of them.
 */
import type { Clock } from '../lib/clock.ts';

const kept = 16;

/** Of the addresses of one client. */
export class Reachability {
  readonly #clock: Clock;
  readonly #connectMillis: number;
  /** Why, by address; the one that failed last at the end. */
  readonly #reasons = new Map<string, string>();
  #everReached = false;
  #failingSince: number | null = null;

  /** Gives up `connectMillis` after the first failure, when nothing was reached by then. */
  constructor(clock: Clock, connectMillis: number) {
    this.#clock = clock;
    this.#connectMillis = connectMillis;
  }

  /** Something answered there. */
  reached(address: string): void {
    this.#everReached = true;
    this.#reasons.delete(address);
  }

  /** There was no time left to find out: an earlier reason says more. */
  late(address: string, reason: string): void {
    if (!this.#reasons.has(address)) this.failed(address, reason);
  }

  failed(address: string, reason: string): void {
    this.#failingSince ??= this.#clock.monotonicMillis();
    this.#reasons.delete(address);
    this.#reasons.set(address, reason);
    for (const oldest of this.#reasons.keys()) {
      if (this.#reasons.size <= kept) return;
      this.#reasons.delete(oldest);
    }
  }

  get givenUp(): boolean {
    if (this.#everReached || this.#failingSince === null) return false;
    return this.#clock.monotonicMillis() - this.#failingSince >= this.#connectMillis;
  }

  /** What cannot be reached, and why. */
  get message(): string {
    const addresses = [...this.#reasons.keys()].sort();
    const [first, ...others] = new Set(this.#reasons.values());
    if (others.length === 0) return `cannot reach ${addresses.join(', ')}: ${first ?? 'no connection'}`;
    return `cannot reach ${addresses.map((address) => `${address} (${this.#reasons.get(address) ?? ''})`).join(', ')}`;
  }
}
