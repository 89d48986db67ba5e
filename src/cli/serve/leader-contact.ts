/**
 * Since when a member knows no leader, and what that means: the one place that says when it has lost its cluster. A cut-off member
 * and one whose whole quorum is gone see the same. Knows nothing of who is told.
 */
import type { CancelTimer, Clock } from '../../lib/clock.ts';
import type { Contact, ContactState } from '../../pipeline/contact.ts';

/** No leader for so many election timeouts: an ordinary election is over by then. */
const DOUBTFUL_TIMEOUTS = 2;
/** Several elections, and no less than the time below, so that short timeouts do not send clients away at every stall. */
const LOST_TIMEOUTS = 5;
const LEAST_LOST_MILLIS = 5_000;

export class LeaderContact implements Contact {
  readonly #clock: Clock;
  readonly #doubtfulMillis: number;
  readonly #lostMillis: number;
  readonly #listeners = new Set<() => void>();
  #state: ContactState = 'in-touch';
  /** Of the changes that come if no leader is found; empty while one is known. */
  #timers: CancelTimer[] = [];

  /** No leader is known yet, which counts from now on. `electionMillis`: the member's election timeout. */
  constructor(clock: Clock, electionMillis: number) {
    this.#clock = clock;
    this.#doubtfulMillis = DOUBTFUL_TIMEOUTS * electionMillis;
    this.#lostMillis = Math.max(LEAST_LOST_MILLIS, LOST_TIMEOUTS * electionMillis);
    this.look(false);
  }

  get state(): ContactState {
    return this.#state;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Whether a leader is known now. */
  look(leaderKnown: boolean): void {
    if (leaderKnown) {
      this.stop();
      this.#become('in-touch');
    } else if (this.#timers.length === 0) {
      this.#timers = [this.#later('doubtful', this.#doubtfulMillis), this.#later('lost', this.#lostMillis)];
    }
  }

  /** Nothing changes by the passing of time alone any more. */
  stop(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers = [];
  }

  #later(state: ContactState, millis: number): CancelTimer {
    return this.#clock.setTimer(millis, () => {
      this.#become(state);
    });
  }

  #become(state: ContactState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}
