/**
 * The network between machines and clients: loss, duplication, delay and reordering, stragglers, and links between machines
 * that are cut in one direction or both.
 *
 * Invariant: what is sent arrives as it was sent or not at all. Must not know what it carries.
 */
import type { SeededRandom } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { WireBehaviour } from './profile.ts';

export class Wire {
  behaviour: WireBehaviour;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #cut = new Set<string>();

  constructor(behaviour: WireBehaviour, scheduler: Scheduler, random: SeededRandom) {
    this.behaviour = { ...behaviour };
    this.#scheduler = scheduler;
    this.#random = random;
  }

  /** A message that may be lost, repeated or late. Whether it went on its way. */
  send(from: number, to: number, arrive: () => void): boolean {
    const { loss, duplication, straggler, stragglerMicros, minDelay, maxDelay } = this.behaviour;
    const random = this.#random;
    if (random.chance(loss) || this.isCut(from, to)) return false;
    const late = random.chance(straggler);
    const delay = late ? random.between(maxDelay, stragglerMicros) : random.between(minDelay, maxDelay);
    this.#arriveAfter(from, to, delay, arrive);
    if (random.chance(duplication)) this.#arriveAfter(from, to, random.between(minDelay, 4 * maxDelay), arrive);
    return true;
  }

  /** One way of a call over a connection: arrives once, or not at all. */
  call(from: number, to: number, arrive: () => void): void {
    const { loss, minDelay, maxDelay } = this.behaviour;
    if (this.#random.chance(loss / 2) || this.isCut(from, to)) return;
    this.#arriveAfter(from, to, this.#random.between(minDelay, maxDelay), arrive);
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from} ${to}`);
  }

  mend(): void {
    this.#cut.clear();
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from} ${to}`);
  }

  #arriveAfter(from: number, to: number, delay: number, arrive: () => void): void {
    this.#scheduler.after(delay, () => {
      if (!this.isCut(from, to)) arrive();
    });
  }
}
