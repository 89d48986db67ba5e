/**
 * Which sets of voters may be in force, as far as an outside observer can know, so that faults never take what no store could
 * survive: a majority's disks. Must not know faults.
 */
import type { WholeMachine } from './machine.ts';

type Voters = readonly number[];

export class PossibleVoters {
  #sets: readonly Voters[] = [];
  /** A change is under way, or its outcome is unknown and only a leader of a later term can tell. */
  #changing = false;
  #unknownSince = 0;
  /** Of the newest leader that was heard of. One of an older term may still take itself for the leader, of voters of the past. */
  #newestTerm = 0;
  readonly #machines: () => readonly WholeMachine[];

  constructor(machines: () => readonly WholeMachine[]) {
    this.#machines = machines;
  }

  /** Nothing is known before there was a leader. */
  get settled(): boolean {
    this.#refresh();
    return !this.#changing && this.#unknownSince === 0 && this.#sets.length > 0;
  }

  /** Whether a majority of each possible set has its disks, without those of `lost`. */
  survives(lost: number | null, sets: readonly Voters[] = this.#sets): boolean {
    this.#refresh();
    const there = new Set(this.#machines().flatMap(({ memberId }) => (memberId === null ? [] : [memberId])));
    if (lost !== null) there.delete(lost);
    return sets.length > 0 && sets.every((set) => set.filter((id) => there.has(id)).length > set.length / 2);
  }

  /** A change begins that may lead to `voters`. */
  changing(voters: Voters): void {
    this.#sets = [...this.#sets, voters];
    this.#changing = true;
  }

  /** The change of a leader in `term` has ended; `known`: what is in force can be read from it. */
  changed(term: number, known: boolean): void {
    this.#changing = false;
    this.#newestTerm = Math.max(this.#newestTerm, term);
    if (!known) this.#unknownSince = term;
  }

  #refresh(): void {
    if (this.#changing) return;
    for (const machine of this.#machines()) {
      const status = machine.process?.node?.admin.status();
      if (status === undefined || !machine.leads || status.term <= this.#unknownSince || status.changing) continue;
      if (status.term < this.#newestTerm) continue;
      this.#newestTerm = status.term;
      this.#sets = [status.members.filter(({ role }) => role !== 'learner').map(({ id }) => id)];
      this.#unknownSince = 0;
    }
  }
}
