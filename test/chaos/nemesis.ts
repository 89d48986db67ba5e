/**
 * Brings trouble on a store for a while: one fault after the other, at times two at once, each undone again, with proof that
 * the store serves after each. Chosen by a seed; what the machine makes of it, no seed repeats.
 */
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Fault } from './faults/fault.ts';
import { membershipFaults } from './faults/membership-faults.ts';
import { networkFaults } from './faults/network-faults.ts';
import { processFaults } from './faults/process-faults.ts';
import type { StoreUnderTest } from './store-under-test.ts';
import { pause, within } from './within.ts';

/** How often a fault was survived, and the longest time until the store served after it, in milliseconds. */
export interface FaultReport {
  readonly name: string;
  times: number;
  longestRecoveryMillis: number;
}

export interface NemesisOptions {
  readonly store: StoreUnderTest;
  readonly random: SeededRandom;
  readonly millis: number;
  /** Only faults whose name contains this. */
  readonly only: string;
  /** Told of everything that is done, for the log. */
  readonly onEvent: (text: string) => void;
}

// Wide: on a machine that is busy with other things, the start of a process alone has taken twenty seconds.
const FAULT_MILLIS = 400_000;
const RECOVERY_MILLIS = 120_000;
const REST_MILLIS = 2_000;

/** Runs for the time given, and until the last fault is undone. Rejects when the store does not serve again after a fault. */
export async function runNemesis(options: NemesisOptions): Promise<FaultReport[]> {
  const { store, random, millis, onEvent } = options;
  const faults = [...processFaults, ...networkFaults, ...membershipFaults].filter(
    (fault) => fault.name.includes(options.only) && fault.possible(store),
  );
  const reports = new Map(faults.map(({ name }) => [name, { name, times: 0, longestRecoveryMillis: 0 }]));
  const end = performance.now() + millis;
  const bag = new Bag(faults, random);
  while (performance.now() < end) {
    const chosen = bag.draw(random.integer(4) === 0 ? 2 : 1);
    await Promise.all(chosen.map((fault) => bring(fault, options, end)));
    const healed = performance.now();
    await store.heal();
    await store.waitUntilServing(RECOVERY_MILLIS);
    const recovery = Math.round(performance.now() - healed);
    onEvent(`serving ${recovery} ms after it`);
    for (const { name } of chosen) {
      const report = reports.get(name);
      if (report === undefined) continue;
      report.times++;
      report.longestRecoveryMillis = Math.max(report.longestRecoveryMillis, recovery);
    }
    await pause(Math.min(random.next() * REST_MILLIS, Math.max(0, end - performance.now())));
  }
  return [...reports.values()];
}

async function bring(fault: Fault, options: NemesisOptions, end: number): Promise<void> {
  const { store, random, onEvent } = options;
  const leader = random.integer(2) === 0 ? store.leader() : null;
  const target = leader ?? store.members[random.integer(store.members.length)];
  if (target === undefined) return;
  const about = fault.victim?.(store) ?? `${target.name}${leader === null ? '' : ' (leader)'}`;
  onEvent(`${fault.name}: ${about}`);
  const hold = (millis: number): Promise<void> => {
    const wanted = millis * (0.5 + random.next() / 2);
    return pause(Math.max(100, Math.min(wanted, end - performance.now())));
  };
  await within(FAULT_MILLIS, fault.name, fault.run({ store, random, target, hold }));
}

/** Each fault once, in random order, then all again: so that a short run has as many kinds as it can. */
class Bag {
  readonly #all: readonly Fault[];
  readonly #random: SeededRandom;
  #left: Fault[] = [];

  constructor(all: readonly Fault[], random: SeededRandom) {
    this.#all = all;
    this.#random = random;
  }

  /** At most one that loses a disk, as two could take a majority with them. */
  draw(count: number): Fault[] {
    const drawn: Fault[] = [];
    while (drawn.length < count) {
      if (this.#left.length === 0) this.#left = [...this.#all];
      const [fault] = this.#left.splice(this.#random.integer(this.#left.length), 1);
      if (fault === undefined) throw new Error('there is no fault to bring');
      if (fault.losesDisk === true && drawn.some(({ losesDisk }) => losesDisk)) continue;
      drawn.push(fault);
    }
    return drawn;
  }
}
