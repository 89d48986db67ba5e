/**
 * Reads as they come in: events one by one or in batches, going on by themselves after the last event when the server
 * went away in between.
 */
import type { Caller } from './caller.ts';
import { decodeEvents } from './recorded-event.ts';
import type { RecordedEvent } from './recorded-event.ts';
import { ReadTimer } from './read-limits.ts';
import type { ReadLimits } from './read-limits.ts';
import { Backoff, pause } from './retry.ts';

/** How far a read has come. */
export interface ReadProgress {
  /** The last event that was read, null before the first. */
  readonly last: RecordedEvent | null;
  readonly count: number;
}

/** What a read asks for, given how far it has come; null when it has come to its end. */
export type ReadRequest = (progress: ReadProgress) => Uint8Array | null;

/** The events of a read. Iterate it once; ending the iteration ends the read. */
export class EventStream implements AsyncIterable<RecordedEvent> {
  readonly #caller: Caller;
  readonly #path: string;
  readonly #request: ReadRequest;
  readonly #limits: ReadLimits;

  constructor(caller: Caller, path: string, request: ReadRequest, limits: ReadLimits) {
    this.#caller = caller;
    this.#path = path;
    this.#request = request;
    this.#limits = limits;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const batch of this.batches()) yield* batch;
  }

  /** The events as they come in: quicker than one by one, when there are many. No batch is empty. */
  async *batches(): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    const { settings } = this.#caller;
    const time = new ReadTimer(settings, this.#limits);
    const { signal } = time;
    const backoff = new Backoff(settings);
    let last: RecordedEvent | null = null;
    let count = 0;
    try {
      for (;;) {
        const request = this.#request({ last, count });
        if (request === null) return;
        try {
          for await (const message of this.#caller.stream(this.#path, request, { signal })) {
            time.answered();
            const events = decodeEvents(message);
            last = events.at(-1) ?? last;
            count += events.length;
            backoff.reset();
            yield events;
            time.waitsAgain();
          }
          return;
        } catch (error) {
          const millis = backoff.next();
          if (!this.#caller.mayTryAgain(error) || !time.allowsRetry(error as Error, millis)) throw error;
          await pause(settings.clock, millis, signal);
        }
      }
    } finally {
      time.end();
    }
  }

  /** All events. For reads that are known to be small. */
  async toArray(): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const batch of this.batches()) events.push(...batch);
    return events;
  }
}
