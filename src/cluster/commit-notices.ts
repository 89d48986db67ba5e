/**
 * Messages that only tell a follower how far the log is committed: they wait a moment for entries that tell it by the way.
 *
 * Without entries such a message costs both sides as much as one with them, and so does its answer. Raft may lose it anyway: no
 * follower needs it for a commit, and whoever reads there at the newest state asks the leader, whose answer lets it go at once.
 *
 * Invariants: what waits is the newest for its follower, and waits no longer than {@link NOTICE_MILLIS}; a follower gets its messages in the
 * order of {@link CommitNotices.pass}, less those that a later one covers. Must not know the core.
 */
import type { CancelTimer, Clock } from '../lib/clock.ts';
import type { Message } from '../raft/messages.ts';
import { MessageType } from '../raft/messages.ts';

/** Longer than a client takes that sends one append after the other; short to whoever follows what happens on a follower. */
export const NOTICE_MILLIS = 5;

export class CommitNotices {
  readonly #clock: Clock;
  readonly #send: (messages: readonly Message[]) => void;
  /** By follower. */
  readonly #waiting = new Map<number, Message>();
  /** Since when something has been waiting without a break. */
  #since = 0;
  #cancelTimer: CancelTimer | null = null;

  constructor(clock: Clock, send: (messages: readonly Message[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** What of `messages` has to go now, with what has waited long enough for them. The rest is sent later. */
  pass(messages: readonly Message[]): readonly Message[] {
    if (this.#waiting.size === 0 && !messages.some(isNotice)) return messages;
    const now: Message[] = [];
    for (const message of messages) {
      if (isNotice(message)) {
        this.#keep(message);
        continue;
      }
      const waiting = this.#waiting.get(message.to);
      if (waiting !== undefined) {
        this.#waiting.delete(message.to);
        if (message.type !== MessageType.MsgApp || message.term !== waiting.term) now.push(waiting);
      }
      now.push(message);
    }
    return now;
  }

  /** Sends everything that waits. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#waiting.size === 0) return;
    const messages = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#send(messages);
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#waiting.clear();
  }

  #keep(message: Message): void {
    if (this.#waiting.size === 0) this.#since = this.#clock.monotonicMillis();
    this.#waiting.set(message.to, message);
    if (this.#cancelTimer === null) this.#arm(NOTICE_MILLIS);
  }

  /** One timer, which looks again, rather than one that is set for each message. */
  #arm(millis: number): void {
    this.#cancelTimer = this.#clock.setTimer(millis, () => {
      this.#cancelTimer = null;
      if (this.#waiting.size === 0) return;
      const left = this.#since + NOTICE_MILLIS - this.#clock.monotonicMillis();
      if (left > 0) this.#arm(left);
      else this.flush();
    });
  }
}

function isNotice({ type, entries }: Message): boolean {
  return type === MessageType.MsgApp && entries.length === 0;
}
