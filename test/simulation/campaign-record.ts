/**
 * The record of a campaign: a file with one JSON line for each seed that begins, ends or fails, written at once, so that whatever
 * happens to the campaign, what it found and where it was is there. Must not know how seeds are run.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

import type { SeedReport } from './seed-worker.ts';

/** A promise that was broken, or a seed that did not end in the way it should. */
export interface SeedFailure {
  readonly seed: number;
  readonly events: number;
  readonly hash: string;
  readonly message: string;
  /** The end of the trace: words, or the last events. */
  readonly trace: readonly string[];
}

export class CampaignRecord {
  readonly path: string;
  readonly #file: number;

  /** Goes on behind what the file has. */
  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, 'a');
  }

  /** What is about to be run. */
  opened(what: object): void {
    this.#write({ campaign: what, at: new Date().toISOString() });
  }

  begins(seed: number, processId: number): void {
    this.#write({ seed, begins: true, process: processId });
  }

  ended({ seed, events, hash, heapBytes, violation }: SeedReport): void {
    this.#write({ seed, events, hash, heapBytes, ...(violation === null ? {} : { violation: true }) });
  }

  /** Durable when this returns. */
  failed(failure: SeedFailure): void {
    this.#write({ failure });
    fsyncSync(this.#file);
  }

  /** The sums at the end. */
  closed(summary: string): void {
    this.#write({ summary, at: new Date().toISOString() });
    fsyncSync(this.#file);
    closeSync(this.#file);
  }

  #write(line: object): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}
