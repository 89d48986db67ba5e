/**
 * When each member last answered this one as its leader. The core's own mark is wiped once an election timeout, at a moment when whoever
 * answered just before looks silent; together the two never call a member silent that answered within one.
 */
import type { Clock } from '../lib/clock.ts';
import type { Message } from '../raft/messages.ts';
import { MessageType } from '../raft/messages.ts';

/** More than any cluster has members; forgotten together then. */
const MAX_MEMBERS = 1000;

export class LastHeard {
  readonly #clock: Clock;
  readonly #withinMillis: number;
  readonly #at = new Map<number, number>();

  constructor(clock: Clock, withinMillis: number) {
    this.#clock = clock;
    this.#withinMillis = withinMillis;
  }

  /** A message arrived. Only answers to a leader count: who sends them has heard it. */
  note({ type, from }: Message): void {
    if (type !== MessageType.MsgAppResp && type !== MessageType.MsgHeartbeatResp) return;
    if (this.#at.size >= MAX_MEMBERS) this.#at.clear();
    this.#at.set(from, this.#clock.monotonicMillis());
  }

  /** Whether it answered within the time given, or within `millis`. */
  recently(id: number, millis: number = this.#withinMillis): boolean {
    const at = this.#at.get(id);
    return at !== undefined && this.#clock.monotonicMillis() - at <= millis;
  }
}
