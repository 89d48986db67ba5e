/**
 * Who may decide, as those who wait for it see it: waits until this member may, or until another leader is known.
 *
 * Invariants: a wait ends by an answer, its deadline or an abort. Must not know what is decided.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Configuration } from './configuration.ts';
import type { LeaderHint } from './cluster-admin.ts';

/** What is known of who leads. */
export interface LeadershipView {
  readonly id: number;
  readonly leaderId: number;
  readonly leading: boolean;
  readonly deciding: boolean;
  readonly configuration: Configuration;
}

export class Leadership {
  readonly #view: LeadershipView;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  /** The looks of those who wait in {@link until}. */
  readonly #waiting = new Set<() => void>();
  /** The member that leadership is being handed to: nothing is decided until that has an end. */
  #handingTo: number | null = null;

  constructor(view: LeadershipView, clock: Clock) {
    this.#view = view;
    this.#clock = clock;
  }

  /** The leader, as far as known. */
  get hint(): LeaderHint {
    const { id, leaderId, deciding, configuration } = this.#view;
    const leader = configuration.members.find((member) => member.id === leaderId);
    return {
      leaderId: leaderId === 0 ? null : leaderId,
      endpoint: leader === undefined || leader.clientAddress === '' ? null : leader.clientAddress,
      self: leaderId === id && deciding && this.#handingTo === null,
    };
  }

  /** From now on until `null`, this member decides nothing new. */
  set handingTo(id: number | null) {
    this.#handingTo = id;
    this.changed();
  }

  /** Something that this is about may have changed. */
  changed(): void {
    for (const listener of [...this.#listeners]) listener();
    this.progressed();
  }

  /** Entries were applied, so that what somebody waits for may be true. Comes with every append: watchers do not hear of it. */
  progressed(): void {
    if (this.#waiting.size === 0) return;
    for (const look of [...this.#waiting]) look();
  }

  /** Calls `listener` when who leads, or the members, may have changed. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Resolves once `check` gives something else than null, which is looked at now and at every change. Rejects with the signal's reason. */
  until<T>(check: () => T | null, signal: AbortSignal): Promise<T> {
    const now = check();
    if (now !== null) return Promise.resolve(now);
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(look);
        signal.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        end();
        reject(signal.reason as Error);
      };
      const look = (): void => {
        try {
          const found = check();
          if (found === null) return;
          end();
          resolve(found);
        } catch (error) {
          end();
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      this.#waiting.add(look);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** The leader once one is known: this member only when it may decide. */
  known(signal: AbortSignal): Promise<LeaderHint> {
    return this.until(() => {
      const { hint } = this;
      const { leading } = this.#view;
      return hint.self || (hint.leaderId !== null && !leading) ? hint : null;
    }, signal);
  }

  /** The same within `millis`; after that, what is known then. */
  async knownWithin(millis: number, signal: AbortSignal): Promise<LeaderHint> {
    const expired = new Error('no leader is known');
    try {
      return await withDeadline(
        this.#clock,
        millis,
        signal,
        () => expired,
        (own) => this.known(own),
      );
    } catch (error) {
      if (error === expired) return this.hint;
      throw error;
    }
  }
}
