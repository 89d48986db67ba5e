/**
 * A client that appends without pause to a store through its Service, whatever happens to the store, and knows what was
 * acknowledged. One event at a time for each writer; an append without an answer is sent again, with the same event id, until it
 * has one.
 */
import { randomUUID } from 'node:crypto';
import { GraveyarClient, GraveyarError } from '../../src/client/index.ts';
import type { RecordedEvent } from '../../src/client/index.ts';
import { Ledger } from './ledger.ts';
import type { Verdict } from './ledger.ts';

/** What happened since the last time it was asked. */
export interface Appended {
  readonly acknowledged: number;
  /** The longest time without an answer, until now. */
  readonly longestGapMillis: number;
}

const WRITERS = 2;
/** For one call with the tries inside the SDK; after that, the next call is of the same event. */
const DEADLINE_MILLIS = 4_000;
const READ_MILLIS = 120_000;
const STREAM_PREFIX = 'e2e-writer-';

/** Appends between {@link start} and {@link stop}. */
export class AppendingClient {
  readonly #client: GraveyarClient;
  readonly #address: string;
  readonly #ledger = new Ledger();
  #writers: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #lastAnswer = performance.now();
  #longestGap = 0;
  #acknowledgedBefore = 0;
  /** Why an append failed that may not fail; null when none did. */
  failure: Error | null = null;
  /** Why the last append had to be sent again. For a failure's report. */
  lastRetry = '';

  constructor(address: string) {
    this.#address = address;
    this.#client = new GraveyarClient(address, { deadlineMillis: DEADLINE_MILLIS });
  }

  get acknowledged(): number {
    return this.#ledger.size;
  }

  start(): void {
    this.#lastAnswer = performance.now();
    this.#writers = Promise.all(Array.from({ length: WRITERS }, (_, index) => this.#write(`${STREAM_PREFIX}${index}`)));
  }

  /** Resolves when every append that was begun has its answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writers;
    this.#client.close();
  }

  /** Does something while nothing is appended. That time does not count as one without an answer. */
  async quietly(work: () => Promise<void>): Promise<void> {
    this.#stopped = true;
    await this.#writers;
    try {
      await work();
    } finally {
      this.#stopped = false;
      this.start();
    }
  }

  /** What happened since the last call, which begins a new count. */
  take(): Appended {
    const acknowledged = this.#ledger.size - this.#acknowledgedBefore;
    this.#acknowledgedBefore = this.#ledger.size;
    const longestGapMillis = Math.round(Math.max(this.#longestGap, performance.now() - this.#lastAnswer));
    this.#longestGap = 0;
    return { acknowledged, longestGapMillis };
  }

  /** Holds all that was acknowledged so far against what the store has now, read anew. */
  async judge(): Promise<Verdict> {
    const client = new GraveyarClient(this.#address, { deadlineMillis: READ_MILLIS });
    const events: RecordedEvent[] = [];
    try {
      // What is acknowledged before this read begins, a linearizable read must give; what comes meanwhile, it may not.
      const ledger = this.#ledger.copy();
      for await (const event of client.readAll({ consistency: 'linearizable' })) {
        if (event.streamId.startsWith(STREAM_PREFIX)) events.push(event);
      }
      return ledger.judge(events);
    } finally {
      client.close();
    }
  }

  async #write(streamId: string): Promise<void> {
    while (!this.#stopped && this.failure === null) {
      try {
        await this.#append(streamId, randomUUID());
      } catch (error) {
        this.failure = error as Error;
      }
    }
  }

  async #append(streamId: string, id: string): Promise<void> {
    for (;;) {
      try {
        const event = { id, type: 'tick', data: { at: this.#ledger.size } };
        const { firstRevision, firstPosition } = await this.#client.append(streamId, [event]);
        this.#ledger.acknowledged(id, { streamId, revision: firstRevision, position: firstPosition });
        const now = performance.now();
        this.#longestGap = Math.max(this.#longestGap, now - this.#lastAnswer);
        this.#lastAnswer = now;
        return;
      } catch (error) {
        const { code } = error as Partial<GraveyarError>;
        const mayRetry = error instanceof GraveyarError && (error.retryable || code === 'DEADLINE_EXCEEDED');
        if (!mayRetry) throw error;
        this.lastRetry = error.message;
        if (this.#stopped && performance.now() - this.#lastAnswer > READ_MILLIS) throw error;
      }
    }
  }
}
