/**
 * What a member does that has known no leader for a while: it asks the others who they are, where the configuration has them and at the
 * addresses it was started with. So it finds those who have moved; and it finds out that it was removed while nobody could tell it, as
 * those who remain stop sending to it when they apply its removal, mostly before it has heard that this is committed.
 *
 * When a majority of the voters it knows belongs to its cluster and does not know it, twice in a row, it was removed. A member that was
 * just added has a leader, and asks nobody.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Configuration } from './configuration.ts';
import type { Introduction, MemberInfo } from './member.ts';

/** Election timeouts without a leader after which a member asks whether it still is one. */
export const REMOVAL_TIMEOUTS = 5;

export interface RemovalWatchParts {
  readonly clock: Clock;
  readonly intervalMillis: number;
  readonly id: number;
  readonly leaderKnown: () => boolean;
  readonly configuration: () => Configuration;
  /** Where else others may be. */
  readonly addresses: readonly string[];
  readonly introduce: (address: string, signal: AbortSignal) => Promise<Introduction>;
  /** A member of the configuration answered: where it is. */
  readonly met: (member: MemberInfo) => void;
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
    if (leaderKnown() || clusterId === null || others.length === 0) {
      this.#unknownInARow = 0;
    } else {
      const answers = await this.#askAll(clusterId, others);
      const strangers = answers.filter(({ knownIds }) => !knownIds.includes(id));
      const majority = Math.floor(confState.voters.length / 2) + 1;
      this.#unknownInARow = strangers.length >= Math.min(majority, others.length) ? this.#unknownInARow + 1 : 0;
      if (this.#unknownInARow >= 2 && !leaderKnown()) {
        removed();
        return;
      }
    }
    if (!signal.aborted) this.#arm();
  }

  /** Who of the cluster is at the places of the others, or is one of them elsewhere. */
  async #askAll(clusterId: string, others: readonly MemberInfo[]): Promise<readonly Introduction[]> {
    const { addresses, met } = this.#parts;
    const places = new Set(others.map(({ peerAddress }) => peerAddress));
    const ids = new Set(others.map((member) => member.id));
    const asked = [...new Set([...places, ...addresses])];
    const answers = await Promise.all(asked.map((address) => this.#ask(address)));
    const found = new Map<number, Introduction>();
    for (const [i, answer] of answers.entries()) {
      if (answer?.clusterId !== clusterId) continue;
      const { member } = answer;
      if (ids.has(member.id)) met(member);
      if (ids.has(member.id) || places.has(asked[i] ?? '')) found.set(member.id, answer);
    }
    return [...found.values()];
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
