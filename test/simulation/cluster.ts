/**
 * All machines of a run and what is known about them together: who leads, which configurations are in use, and which
 * members can be lost for ever without losing the data.
 *
 * Must not know faults or clients.
 */
import type { ConfState } from '../../src/raft/messages.ts';
import type { History } from './history.ts';
import type { Machine } from './machine.ts';

/** Whether `present` has a majority of both halves. */
export function hasQuorum(configuration: ConfState, present: (id: number) => boolean): boolean {
  return [configuration.voters, configuration.votersOutgoing].every((half) => {
    return half.length === 0 || half.filter(present).length > half.length / 2;
  });
}

/** All ids of a configuration. */
export function memberIds(configuration: ConfState): number[] {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].sort((a, b) => a - b);
}

export class Cluster {
  readonly machines = new Map<number, Machine>();
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  get all(): Machine[] {
    return [...this.machines.values()];
  }

  get up(): Machine[] {
    return this.all.filter((machine) => machine.up);
  }

  /** Machines whose process takes input now. */
  get serving(): Machine[] {
    return this.all.filter((machine) => machine.process?.driver != null && !machine.paused);
  }

  /** Machines that believe that they lead. */
  get leaders(): Machine[] {
    return this.serving.filter((machine) => machine.process?.leading === true);
  }

  isLost(id: number): boolean {
    const machine = this.machines.get(id);
    return machine === undefined || machine.lost || machine.retired;
  }

  /** The configurations that machines which are not lost act by, and the newest one. */
  configurations(): ConfState[] {
    const held = this.all.filter(({ id }) => !this.isLost(id)).map((machine) => machine.state.current.confState);
    return [this.#history.latestConfiguration, ...held.filter((configuration) => configuration.voters.length > 0)];
  }

  /** Whether the machine's disk may be lost for ever and every configuration in use keeps a quorum. */
  mayLose(machine: Machine): boolean {
    if (this.isLost(machine.id) || this.#history.changePending) return false;
    const survives = (id: number): boolean => id !== machine.id && !this.isLost(id);
    return this.configurations().every((configuration) => hasQuorum(configuration, survives));
  }

  /** Whether nobody acts by a configuration that has this machine in it. */
  isForgotten(machine: Machine): boolean {
    if (this.#history.changePending) return false;
    return this.configurations().every((configuration) => !memberIds(configuration).includes(machine.id));
  }
}
