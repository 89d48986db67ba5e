/**
 * What a fault is: something that is done to the store, lasts, and is undone again. Every fault ends within its time and leaves
 * the store as it found it, or running again.
 */
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { Member } from '../member.ts';
import type { StoreUnderTest } from '../store-under-test.ts';

/** What a fault has to work with. */
export interface FaultContext {
  readonly store: StoreUnderTest;
  readonly random: SeededRandom;
  /** Whom it is about: the leader half of the time, where one is known. */
  readonly target: Member;
  /** Waits for so long, at random between half and all of it; shorter when the run ends. */
  readonly hold: (millis: number) => Promise<void>;
}

export interface Fault {
  /** As in the table at the end. */
  readonly name: string;
  /** Whether it can be done to this store here. */
  possible(store: StoreUnderTest): boolean;
  /** Whom it is about, when that is always the same. */
  readonly victim?: (store: StoreUnderTest) => string;
  /** Whether a member's data are gone for good. */
  readonly losesDisk?: boolean;
  run(context: FaultContext): Promise<void>;
}

export const always = (): boolean => true;
