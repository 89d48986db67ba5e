/**
 * Keeps the journal short: when it has grown enough, the state is made durable, and the journal forgets what the state has.
 * So a restart reads a bounded log, however much is stored. One trim at a time, off the way of the appends.
 */
import type { EventState } from '../storage/event-state/event-state.ts';
import type { Journal } from './journal.ts';

export class LogTrimmer {
  readonly #state: EventState;
  readonly #journal: Journal;
  readonly #trimBytes: number;
  readonly #onFailed: (error: unknown) => void;
  #running: Promise<void> | null = null;
  #stopped = false;

  /**
   * @param trimBytes Growth of the journal that is worth a flush of the state.
   * @param onFailed Called with the error of a flush or compaction that failed, which is final.
   */
  constructor(state: EventState, journal: Journal, trimBytes: number, onFailed: (error: unknown) => void) {
    this.#state = state;
    this.#journal = journal;
    this.#trimBytes = trimBytes;
    this.#onFailed = onFailed;
  }

  /** To be called whenever something was applied. Costs nothing while there is nothing to do. */
  notice(): void {
    if (this.#stopped || this.#running !== null || this.#journal.bytesSinceCompaction < this.#trimBytes) return;
    this.#running = this.trim().then(
      () => {
        this.#running = null;
      },
      (error: unknown) => {
        this.#stopped = true;
        this.#onFailed(error);
      },
    );
  }

  /** Makes what is applied durable, and lets the journal forget it. */
  async trim(): Promise<void> {
    // What was applied before the flush began is what the flush makes durable.
    const index = this.#state.appliedIndex;
    await this.#state.flush();
    await this.#journal.compact(index);
  }

  /** Begins no more trims. Resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}
