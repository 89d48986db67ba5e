/**
 * Keeps the log short: when it has grown enough, the state is made durable, and the log forgets what the state has, but for a
 * tail that slow followers may still need. So a restart reads a bounded log, however much is stored. One cut at a time, off the
 * way of the appends.
 */
import type { EventState } from '../storage/event-state/event-state.ts';
import type { RaftLog } from '../storage/raft-log/raft-log.ts';
import type { DriverSettings } from './driver-settings.ts';

/** How far the log was when so many bytes had been appended. */
interface Mark {
  readonly index: number;
  readonly bytes: number;
}

const MARK_BYTES = 1024 * 1024;

export interface LogCompactorParts {
  readonly log: RaftLog;
  readonly state: EventState;
  readonly settings: DriverSettings;
  /** Bytes of entries appended since the start. */
  readonly appendedBytes: () => number;
  /** Whether there are followers, for whom a tail is kept. */
  readonly hasFollowers: () => boolean;
  /** A flush or cut failed, which is final. */
  readonly failed: (error: unknown) => void;
}

export class LogCompactor {
  readonly #parts: LogCompactorParts;
  readonly #marks: Mark[] = [];
  #grown: number;
  #running: Promise<void> | null = null;
  #stopped = false;

  /** The log as it was found counts as grown. */
  constructor(parts: LogCompactorParts) {
    this.#parts = parts;
    const { log } = parts;
    this.#grown = log.lastIndex() < log.firstIndex() ? 0 : -log.status().bytes;
  }

  /** To be called whenever something was applied. Costs next to nothing while there is nothing to do. */
  notice(): void {
    const { appendedBytes, settings, log } = this.#parts;
    const bytes = appendedBytes();
    if (bytes - (this.#marks.at(-1)?.bytes ?? 0) >= MARK_BYTES) this.#marks.push({ index: log.lastIndex(), bytes });
    if (this.#stopped || this.#running !== null || bytes - this.#grown < settings.trimBytes) return;
    this.#grown = bytes;
    this.#running = this.compact().then(
      () => {
        this.#running = null;
      },
      (error: unknown) => {
        this.#stopped = true;
        this.#parts.failed(error);
      },
    );
  }

  /** Makes what is applied durable, and lets the log forget it. */
  async compact(): Promise<void> {
    const { log, state } = this.#parts;
    // What was applied before the flush began is what the flush makes durable.
    const index = Math.min(state.appliedIndex, this.#keepFrom() - 1);
    await state.flush();
    if (index >= log.firstIndex()) await log.compact(index);
  }

  /** Begins no more cuts. Resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** The first entry that followers may still need. */
  #keepFrom(): number {
    const { appendedBytes, hasFollowers, settings, state } = this.#parts;
    if (!hasFollowers()) return Infinity;
    const least = appendedBytes() - settings.keepBytes;
    while (this.#marks.length > 1 && (this.#marks[1]?.bytes ?? 0) <= least) this.#marks.shift();
    const [oldest] = this.#marks;
    const byBytes = oldest === undefined || oldest.bytes > least ? 0 : oldest.index;
    return Math.max(byBytes, state.appliedIndex - settings.keepEntries) + 1;
  }
}
