/**
 * Writes the history as it happens: a line for each operation when it ends, or when it is given up. Keeps all lines for the
 * checker. Owns the clock of the history.
 */
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import type { HistoryLine } from './checker/history.ts';

/** One history in one file. */
export class Recorder {
  readonly lines: HistoryLine[] = [];
  readonly #file: WriteStream;
  #clients = 0;
  /** Moment of the last append that was acknowledged; null before the first. */
  #lastAppend: number | null = null;
  /** The longest time between two acknowledged appends, in microseconds. */
  longestPause = 0;

  constructor(path: string) {
    this.#file = createWriteStream(path, { flags: 'wx' });
  }

  /** Whole microseconds since some moment; never goes back. */
  now(): number {
    return Math.floor(performance.now() * 1000);
  }

  /** A name for a client that has no operation going on: an operation without an outcome ends the name it had. */
  newClient(): number {
    return ++this.#clients;
  }

  add(line: HistoryLine): void {
    this.lines.push(line);
    this.#file.write(`${JSON.stringify(line)}\n`);
    const appended = line.op === 'append' || line.op === 'transaction';
    if (!appended || line.result !== 'ok' || line.ret === undefined) return;
    this.longestPause = Math.max(this.longestPause, line.ret - (this.#lastAppend ?? line.ret));
    this.#lastAppend = line.ret;
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#file.once('error', reject);
      this.#file.end(resolve);
    });
  }
}
