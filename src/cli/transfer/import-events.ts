/**
 * Imports events from lines, in windows: the events of a window are gathered by stream, so that streams that alternate line
 * by line still get batches, and sent while the next window is read. Within a stream the order of the lines is kept.
 *
 * How a file is cut into appends depends on its content alone, and event ids make appends idempotent: an import that was
 * interrupted is simply run again. Where ids are there already in another cut, the events are sent one by one.
 */
import type { ProposedEvent } from '../../domain/event.ts';
import { EventLineError, parseEventLine } from '../event-line.ts';
import { interruptionCode } from '../exit-code.ts';
import { CommandFailure, describeFailure } from '../failure.ts';
import type { LineBatch } from './line-source.ts';

/** Where the events go: one atomic append; durable when it resolves. Rejects with an error that has a `code`. */
export type AppendBatch = (
  stream: string,
  events: readonly ProposedEvent[],
) => Promise<{ readonly duplicate: boolean }>;

/** How far an import has come. */
export interface ImportProgress {
  /** Events that are in the store now. */
  readonly events: number;
  /** Those of them that were there before. */
  readonly duplicates: number;
  /** Bytes of the source behind them, about. */
  readonly bytes: number;
}

export interface ImportOptions {
  readonly append: AppendBatch;
  readonly onProgress: (progress: ImportProgress) => void;
  /** Stops between two windows. */
  readonly interrupted: AbortSignal;
  readonly windowEvents?: number;
}

const WINDOW_EVENTS = 200_000;
const WINDOW_CHARACTERS = 64 * 1024 * 1024;
const APPEND_EVENTS = 1000;
const APPEND_BYTES = 1024 * 1024;
const APPENDS_IN_FLIGHT = 256;

/** Events of a window by stream, in the order of their lines. */
type Window = Map<string, ProposedEvent[]>;

/** Imports all lines. Rejects when a line or an append fails; the message says what is in the store by then. */
export async function importEvents(source: AsyncIterable<LineBatch>, options: ImportOptions): Promise<ImportProgress> {
  return new Import(options).run(source);
}

class Import {
  readonly #options: ImportOptions;
  readonly #windowEvents: number;
  #window: Window = new Map();
  #events = 0;
  #characters = 0;
  #lineNumber = 0;
  #bytesRead = 0;
  /** Of the window on its way. */
  #bytesPerEvent = 0;
  #sending: Promise<void> = Promise.resolve();
  #done = { events: 0, duplicates: 0, bytes: 0 };

  constructor(options: ImportOptions) {
    this.#options = options;
    this.#windowEvents = options.windowEvents ?? WINDOW_EVENTS;
  }

  async run(source: AsyncIterable<LineBatch>): Promise<ImportProgress> {
    try {
      for await (const { lines, bytesRead } of source) {
        for (const line of lines) {
          this.#add(line);
          if (this.#events >= this.#windowEvents || this.#characters >= WINDOW_CHARACTERS) await this.#flush(bytesRead);
        }
        this.#bytesRead = bytesRead;
      }
      await this.#flush(this.#bytesRead);
      await this.#sending;
      this.#done.bytes = this.#bytesRead;
    } catch (error) {
      // What is on its way decides how much the message can promise.
      await this.#sending.catch(() => undefined);
      throw this.#explained(error);
    }
    return this.#done;
  }

  #add(line: string): void {
    this.#lineNumber++;
    if (line.trim() === '') return;
    const { stream, event } = this.#parse(line);
    const events = this.#window.get(stream);
    if (events === undefined) this.#window.set(stream, [event]);
    else events.push(event);
    this.#events++;
    this.#characters += line.length;
  }

  #parse(line: string): ReturnType<typeof parseEventLine> {
    try {
      return parseEventLine(line, this.#lineNumber);
    } catch (error) {
      if (error instanceof EventLineError) throw new CommandFailure(`line ${this.#lineNumber}: ${error.message}`);
      throw error;
    }
  }

  /** Waits for the window on its way, then sends the one that was gathered. */
  async #flush(bytesRead: number): Promise<void> {
    await this.#sending;
    const { interrupted } = this.#options;
    if (interrupted.aborted) throw new CommandFailure('interrupted', interruptionCode(interrupted.reason));
    const window = this.#window;
    this.#bytesPerEvent = (bytesRead - this.#done.bytes) / Math.max(1, this.#events);
    this.#window = new Map();
    this.#events = 0;
    this.#characters = 0;
    this.#sending = this.#send(window);
    this.#sending.catch(() => undefined);
  }

  /** Several streams at a time; one append of a stream at a time, so that its order holds whatever fails. */
  async #send(window: Window): Promise<void> {
    const streams = window.entries();
    const worker = async (): Promise<void> => {
      for (const [stream, events] of streams) {
        for (const batch of batches(events)) await this.#append(stream, batch);
      }
    };
    await Promise.all(Array.from({ length: Math.min(APPENDS_IN_FLIGHT, window.size) }, worker));
  }

  async #append(stream: string, events: readonly ProposedEvent[]): Promise<void> {
    try {
      const { duplicate } = await this.#options.append(stream, events);
      this.#count(events.length, duplicate);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EVENT_ID_CONFLICT' || events.length === 1) throw error;
      for (const event of events) await this.#append(stream, [event]);
    }
  }

  #count(events: number, duplicate: boolean): void {
    this.#done.events += events;
    this.#done.bytes += events * this.#bytesPerEvent;
    if (duplicate) this.#done.duplicates += events;
    this.#options.onProgress(this.#done);
  }

  #explained(error: unknown): CommandFailure {
    const { lines, exitCode } = describeFailure(error);
    const { events } = this.#done;
    const state = `${events} events are in the store; importing the same file again goes on where this stopped`;
    return new CommandFailure(`${lines.join('\n')}\n${state}`, exitCode, { cause: error });
  }
}

/** The events in pieces within the bounds of an append. */
function* batches(events: readonly ProposedEvent[]): Generator<readonly ProposedEvent[], void, undefined> {
  let start = 0;
  let bytes = 0;
  for (const [at, event] of events.entries()) {
    const size = event.data.length + event.metadata.length;
    if (at > start && (at - start >= APPEND_EVENTS || bytes + size > APPEND_BYTES)) {
      yield events.slice(start, at);
      start = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < events.length) yield events.slice(start);
}
