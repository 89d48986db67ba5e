/**
 * The checks on every output of one run of a process, before it has an effect: against the run's own past, against what its
 * disk holds, and against the history of the cluster.
 *
 * Invariant: each Ready is of one input, so that role, term and commit index in it belong together. Must not know the
 * process, only what it puts out.
 */
import type { HardState } from '../../src/raft/messages.ts';
import { type AppendTask, type ReadState, type Ready, type SoftState, StateType } from '../../src/raft/ready.ts';
import type { Witness } from './history.ts';
import { clock } from './network.ts';
import { type ApplicationState, type StateMachine, stateOf } from './state-machine.ts';
import { ensure } from './violation.ts';
import type { World } from './world.ts';

/** The machine whose process is checked. */
export interface CheckedMachine extends Witness {
  readonly world: World;
  readonly state: StateMachine;
}

export class OutputChecks {
  /** Whether the process leads, by its last output. */
  leading = false;
  readonly #machine: CheckedMachine;
  readonly #world: World;
  #term: number;
  #commit: number;

  /** @param hardState what the core began with */
  constructor(machine: CheckedMachine, { term, commit }: HardState) {
    this.#machine = machine;
    this.#world = machine.world;
    this.#term = term;
    this.#commit = commit;
  }

  /** Before anything of the Ready is acted on. */
  readied(ready: Ready, { state }: SoftState): void {
    const { history } = this.#world;
    const { mirror } = this.#machine;
    const { append } = ready;
    if (append !== null) this.#issued(append);
    if (ready.softState !== null) this.#tell(ready.softState);
    this.leading = state === StateType.Leader;
    if (this.leading) {
      history.leads(this.#machine, this.#term);
      const { voters, votersOutgoing } = this.#machine.state.current.confState;
      ensure(
        voters.includes(this.#machine.id) || votersOutgoing.includes(this.#machine.id),
        'leaders are voters',
        () => {
          return `node ${this.#machine.id} leads term ${this.#term}, and its configuration has it as no voter`;
        },
      );
    }
    const commit = append?.hardState?.commit ?? this.#commit;
    if (commit > this.#commit) {
      this.#commit = commit;
      const { confState } = this.#machine.state.current;
      if (this.leading) history.leaderCommitted(this.#machine, this.#term, commit, confState, this.#world.witnesses());
      else history.followerCommitted(this.#machine, commit);
    }
    ensure(mirror.issued.lastIndex >= this.#commit, 'committed entries are kept', () => {
      return `node ${this.#machine.id} has a log up to ${mirror.issued.lastIndex} and a commit index of ${this.#commit}`;
    });
  }

  #issued(task: AppendTask): void {
    const { mirror, id } = this.#machine;
    const { hardState, entries, snapshot } = task;
    if (hardState !== null) {
      const { term, commit } = hardState;
      ensure(term >= this.#term && commit >= this.#commit, 'monotone hard state', () => {
        return `node ${id}: ${JSON.stringify(hardState)} after term ${this.#term}, commit ${this.#commit}`;
      });
      this.#term = term;
    }
    const first = entries[0];
    if (first !== undefined) {
      ensure(first.index > this.#commit, 'committed entries are kept', () => {
        return `node ${id} replaces its log from ${first.index}, and ${this.#commit} is committed`;
      });
      this.#world.history.appended(entries, mirror.issued.termAt(first.index - 1));
    }
    if (snapshot !== null) {
      ensure(snapshot.index > this.#commit, 'a snapshot never goes back', () => {
        return `node ${id} takes a snapshot of ${snapshot.index}, and ${this.#commit} is committed`;
      });
      this.#world.history.applied(stateOf(snapshot));
    }
    mirror.issue(task);
  }

  /** A task is durable; its responses have not left. */
  durable(task: AppendTask): void {
    this.#machine.mirror.settle(task);
    this.#world.trace.note('durable', this.#machine.id, task.entries.at(-1)?.index ?? 0, task.hardState?.term ?? 0);
    for (const message of task.responses) {
      if (message.to === this.#machine.id) this.#world.history.sent(this.#machine, message);
    }
  }

  /** The application has reached a state. */
  applied(state: ApplicationState): void {
    const { mirror, id } = this.#machine;
    const { index, term } = state;
    ensure(index <= this.#commit, 'only committed entries are applied', () => {
      return `node ${id} applies ${index} with a commit index of ${this.#commit}`;
    });
    ensure(mirror.durable.termAt(index) === term || mirror.durable.base >= index, 'applied entries are durable', () => {
      return `node ${id} applies ${index}/${term} with term ${mirror.durable.termAt(index) ?? 'none'} on disk`;
    });
    this.#world.history.applied(state);
    this.#world.trace.note('applied', id, index, term, state.hash);
  }

  /** A read may be served. */
  readable(read: ReadState): void {
    const key = new TextDecoder().decode(read.context);
    this.#world.trace.note('read', this.#machine.id, read.index);
    this.#world.history.readServed(key, read.index);
  }

  #tell({ state, leader }: SoftState): void {
    const { trace, scheduler } = this.#world;
    trace.note('role', this.#machine.id, state, leader, this.#term);
    if (!trace.verbose) return;
    const name = Object.entries(StateType).find(([, value]) => value === state)?.[0] ?? '';
    trace.line(`${clock(scheduler)} machine ${this.#machine.run} is ${name} in term ${this.#term}, leader ${leader}`);
  }
}
