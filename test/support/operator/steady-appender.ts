/**
 * A client that appends all the time, and knows what it was told: nothing that was acknowledged may be lost or be there twice.
 */
import { GraveyarClient } from '../../../src/client/graveyar-client.ts';

const STREAM = 'steady';

/** One event after the other. */
export class SteadyAppender {
  readonly #client: GraveyarClient;
  readonly #ended = new AbortController();
  readonly #appending: Promise<void>;
  #acknowledged = 0;
  #longestGapMillis = 0;
  #failures = 0;

  constructor(addresses: readonly string[]) {
    this.#client = new GraveyarClient(addresses, { deadlineMillis: 120_000 });
    this.#appending = this.#append();
  }

  /** Appends that were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The longest time from one acknowledgement to the next. */
  get longestGapMillis(): number {
    return this.#longestGapMillis;
  }

  /** Appends that failed for good. */
  get failures(): number {
    return this.#failures;
  }

  /** Ends it, and compares what is there with what was acknowledged. */
  async stop(): Promise<{ readonly lost: number; readonly duplicated: number }> {
    this.#ended.abort();
    await this.#appending;
    const seen = new Map<string, number>();
    for await (const event of this.#client.readStream(STREAM)) seen.set(event.type, (seen.get(event.type) ?? 0) + 1);
    this.#client.close();
    const lost = Array.from({ length: this.#acknowledged }, (_, at) => `n${at}`).filter((type) => !seen.has(type));
    return { lost: lost.length, duplicated: [...seen.values()].filter((times) => times > 1).length };
  }

  async #append(): Promise<void> {
    let before = performance.now();
    while (!this.#ended.signal.aborted) {
      try {
        await this.#client.append(STREAM, [{ type: `n${this.#acknowledged}` }]);
        this.#acknowledged++;
        this.#longestGapMillis = Math.max(this.#longestGapMillis, performance.now() - before);
        before = performance.now();
      } catch {
        this.#failures++;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
