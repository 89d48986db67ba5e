/**
 * Finds out that this member was removed while nobody could tell it: those who remain stop sending to it as soon as they apply its
 * removal, which is mostly before it has heard that this is committed.
 *
 * A member that has known no leader for a while asks the others who they are. When a majority of the voters it knows belongs to its
 * cluster and does not know it, twice in a row, it was removed. A member that was just added has a leader, and asks nobody.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Configuration } from './configuration.ts';
import { memberIds } from './configuration.ts';
import type { Introduction } from './member.ts';

/** Election timeouts without a leader after which a member asks whether it still is one. */
export const REMOVAL_TIMEOUTS = 5;

export interface RemovalWatchParts {
  readonly clock: Clock;
  readonly intervalMillis: number;
  readonly id: number;
  readonly leaderKnown: () => boolean;
  readonly configuration: () => Configuration;
  readonly introduce: (address: string, signal: AbortSignal) => Promise<Introduction>;
  /** Called once. */
  readonly removed: () => void;
  readonly signal: AbortSignal;
}

export class RemovalWatch {
  readonly #parts: RemovalWatchParts;
  #unknownInARow = 0;

  constructor(parts: RemovalWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#arm();
  }

  #arm(): void {
    const { clock, intervalMillis, signal } = this.#parts;
    const cancel = clock.setTimer(intervalMillis, () => {
      signal.removeEventListener('abort', cancel);
      void this.#look();
    });
    signal.addEventListener('abort', cancel, { once: true });
  }

  async #look(): Promise<void> {
    const { configuration, id, leaderKnown, removed, signal } = this.#parts;
    const { clusterId, confState, members } = configuration();
    const others = members.filter((member) => member.id !== id && confState.voters.includes(member.id));
    if (leaderKnown() || clusterId === null || others.length === 0 || !memberIds(confState).has(id)) {
      this.#unknownInARow = 0;
    } else {
      const answers = await Promise.all(others.map(({ peerAddress }) => this.#ask(peerAddress)));
      const strangers = answers.filter((answer) => answer?.clusterId === clusterId && !answer.knownIds.includes(id));
      const majority = Math.floor(confState.voters.length / 2) + 1;
      this.#unknownInARow = strangers.length >= Math.min(majority, others.length) ? this.#unknownInARow + 1 : 0;
      if (this.#unknownInARow >= 2 && !leaderKnown()) {
        removed();
        return;
      }
    }
    if (!signal.aborted) this.#arm();
  }

  async #ask(address: string): Promise<Introduction | null> {
    const { clock, intervalMillis, introduce, signal } = this.#parts;
    const expired = (): Error => new Error('no answer in time');
    try {
      return await withDeadline(clock, intervalMillis, signal, expired, (own) => introduce(address, own));
    } catch {
      return null;
    }
  }
}
