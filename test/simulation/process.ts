/**
 * One run of a server process on a simulated machine: it recovers, drives the core, and shows all it does to the checks.
 *
 * Invariants: begins with what the disk holds and nothing else; every output is checked before it has an effect. Must not
 * know why it is crashed or paused.
 */
import { EMPTY_CONF_STATE, type Message, type Snapshot } from '../../src/raft/messages.ts';
import { type AppendTask, type ReadState, type Ready, type SoftState, StateType } from '../../src/raft/ready.ts';
import { SNAPSHOT_TEMPORARILY_UNAVAILABLE } from '../../src/raft/storage.ts';
import { RaftLog } from '../../src/storage/raft-log/raft-log.ts';
import type { Disk } from './disk.ts';
import { type DiskBehaviour, type DiskProcess, SimulatedFileSystem } from './disk-file-system.ts';
import { Driver, type DriverHost } from './driver.ts';
import type { LogMirror } from './log-mirror.ts';
import { clock } from './network.ts';
import type { SeededRandom } from './random.ts';
import { type ApplicationState, type StateMachine, stateOf } from './state-machine.ts';
import { ensure } from './violation.ts';
import type { World } from './world.ts';

const LOG_DIRECTORY = 'log';
const IDENTITY_FILE = 'identity/member';

/** The machine, as its process sees it. */
export interface ProcessHost {
  readonly id: number;
  /** Tells the runs of one machine apart. */
  readonly run: string;
  readonly world: World;
  readonly random: SeededRandom;
  readonly disk: Disk;
  readonly state: StateMachine;
  readonly mirror: LogMirror;
  /** The snapshot that a first member begins with; null for one that joins later. */
  readonly genesis: Snapshot | null;
  /** It has run before under this identity, so that an empty disk is a lost one. */
  readonly expectsIdentity: boolean;
  /** The process that runs now. */
  readonly process: Process | null;
  /** The disk holds the identity now. */
  identified(): void;
  /** The log has been found as it was left. */
  recovered(): void;
  perform(process: Process, action: () => void): void;
  /** The process has found that it cannot go on. */
  ended(error: unknown): void;
  note(what: string, detail?: string): void;
}

/** The disk does not hold the identity that the machine is to take part under. */
export class IdentityRefused extends Error {
  override readonly name = 'IdentityRefused';
}

export class Process implements DriverHost, DiskProcess {
  readonly behaviour: DiskBehaviour;
  driver: Driver | null = null;
  readonly #machine: ProcessHost;
  readonly #world: World;
  readonly #fileSystem: SimulatedFileSystem;
  readonly #tickMicros: number;
  #term = 0;
  #commit = 0;
  #leading = false;

  constructor(machine: ProcessHost) {
    this.#machine = machine;
    this.#world = machine.world;
    const { profile, scheduler } = machine.world;
    // Clocks run at slightly different speeds.
    this.#tickMicros = machine.random.between(profile.tickMicros * 0.9, profile.tickMicros * 1.1);
    this.behaviour = {
      writeMicros: profile.writeMicros,
      syncMicros: profile.syncMicros,
      stalledUntil: 0,
      failAfter: -1,
      failed: false,
      now: () => scheduler.now,
    };
    this.#fileSystem = new SimulatedFileSystem(this, this.behaviour);
  }

  get disk(): Disk {
    return this.#machine.disk;
  }

  get random(): SeededRandom {
    return this.#machine.random;
  }

  get leading(): boolean {
    return this.#leading;
  }

  alive(): boolean {
    return this.#machine.process === this;
  }

  later(delay: number, action: () => void): void {
    this.#world.scheduler.after(delay, () => this.#machine.perform(this, action));
  }

  start(): void {
    this.#recover().catch((error: unknown) => this.fail(error));
  }

  async #recover(): Promise<void> {
    await this.#identify();
    let log = await this.#open();
    const { state, mirror, genesis } = this.#machine;
    mirror.recovered(log, log.hardState);
    const beginning = genesis !== null && log.lastIndex() === 0 ? genesis : null;
    if (beginning !== null) {
      const task = { hardState: { term: 1, vote: 0, commit: 1 }, entries: [], snapshot: beginning };
      mirror.issue({ ...task, mustSync: true, responses: [] });
      await log.persist(task);
      mirror.recovered(log, log.hardState);
    }
    const pending = beginning ?? log.pendingSnapshot;
    if (pending !== null) {
      state.install(pending);
      await log.close();
      log = await this.#open();
    }
    if (!this.alive()) return;
    this.#machine.recovered();
    this.#drive(log);
  }

  async #identify(): Promise<void> {
    const fileSystem = this.#fileSystem;
    await fileSystem.makeDirectory('identity');
    await fileSystem.makeDirectory(LOG_DIRECTORY);
    if (await fileSystem.exists(IDENTITY_FILE)) {
      // It may have been written and not synced by a process that was killed.
      await fileSystem.syncDirectory('identity');
      this.#machine.identified();
      return;
    }
    if (this.#machine.expectsIdentity) throw new IdentityRefused('the disk is not that of this member');
    const file = await fileSystem.open(IDENTITY_FILE, 'create');
    await file.close();
    await fileSystem.syncDirectory('identity');
    this.#machine.identified();
  }

  #open(): Promise<RaftLog> {
    const { id, state } = this.#machine;
    const { index, confState } = state.current;
    return RaftLog.open({
      fileSystem: this.#fileSystem,
      directory: LOG_DIRECTORY,
      logId: id,
      applied: { index, confState: index === 0 ? EMPTY_CONF_STATE : confState },
      latestSnapshot: () => this.#snapshot(),
      ...this.#world.profile.log,
    });
  }

  #snapshot(): Snapshot | typeof SNAPSHOT_TEMPORARILY_UNAVAILABLE {
    return this.random.chance(0.2) ? SNAPSHOT_TEMPORARILY_UNAVAILABLE : this.#machine.state.snapshot();
  }

  #drive(log: RaftLog): void {
    const { id, state } = this.#machine;
    const { core } = this.#world.profile;
    const { hardState } = log.initialState();
    this.#term = hardState.term;
    this.#commit = hardState.commit;
    const config = {
      ...core,
      id,
      storage: log,
      applied: state.current.index,
      randomizedElectionTimeout: (ticks: number) => ticks + this.random.below(ticks),
    };
    this.driver = new Driver(config, log, state, this, core.electionTick * this.#tickMicros);
    if (state.current.index > 0) this.#world.history.applied(state.current);
    this.#machine.note('ready');
    this.later(this.random.between(1, this.#tickMicros), () => this.#tick());
  }

  #tick(): void {
    this.driver?.tick();
    this.later(this.#tickMicros, () => this.#tick());
  }

  // What the driver asks for.

  send(message: Message): void {
    this.#world.history.sent(this.#machine, message);
    this.#world.send(message);
  }

  applyLater(work: () => void): void {
    this.later(this.random.between(0, this.#world.profile.applyMicros), work);
  }

  fail(error: unknown): void {
    if (this.alive()) this.#machine.ended(error);
  }

  nowMicros(): number {
    return this.#world.scheduler.now;
  }

  // What the driver shows.

  readied(ready: Ready, { state }: SoftState): void {
    const { history } = this.#world;
    const { mirror } = this.#machine;
    const { append } = ready;
    if (append !== null) this.#issued(append);
    if (ready.softState !== null) this.#tell(ready.softState);
    this.#leading = state === StateType.Leader;
    if (this.#leading) {
      history.leads(this.#machine, this.#term);
      const { voters, votersOutgoing } = this.#machine.state.current.confState;
      ensure(voters.includes(this.#machine.id) || votersOutgoing.includes(this.#machine.id), 'leaders are voters', () => {
        return `node ${this.#machine.id} leads term ${this.#term}, and its configuration has it as no voter`;
      });
    }
    const commit = append?.hardState?.commit ?? this.#commit;
    if (commit > this.#commit) {
      this.#commit = commit;
      const { confState } = this.#machine.state.current;
      if (this.#leading) history.leaderCommitted(this.#machine, this.#term, commit, confState, this.#world.witnesses());
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

  durable(task: AppendTask): void {
    this.#machine.mirror.settle(task);
    this.#world.trace.note('durable', this.#machine.id, task.entries.at(-1)?.index ?? 0, task.hardState?.term ?? 0);
    for (const message of task.responses) {
      if (message.to === this.#machine.id) this.#world.history.sent(this.#machine, message);
    }
  }

  applied(state: ApplicationState, skipped: string | null): void {
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
    if (skipped !== null) this.#machine.note('skipped', `change ${index}: ${skipped}`);
  }

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
