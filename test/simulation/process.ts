/**
 * One run of a server process on a simulated machine: it recovers, drives the core, and shows all it does to the checks.
 *
 * Invariants: begins with what the disk holds and nothing else; every output is checked before it has an effect. Must not
 * know why it is crashed or paused.
 */
import { EMPTY_CONF_STATE, type Message, type Snapshot } from '../../src/raft/messages.ts';
import type { AppendTask, ReadState, Ready, SoftState } from '../../src/raft/ready.ts';
import { SNAPSHOT_TEMPORARILY_UNAVAILABLE } from '../../src/raft/storage.ts';
import { RaftLog } from '../../src/storage/raft-log/raft-log.ts';
import type { Disk } from './disk.ts';
import { type DiskBehaviour, type DiskProcess, SimulatedFileSystem } from './disk-file-system.ts';
import { Driver, type DriverHost } from './driver.ts';
import { identify } from './member-identity.ts';
import { type CheckedMachine, OutputChecks } from './output-checks.ts';
import type { SeededRandom } from './random.ts';
import type { ApplicationState } from './state-machine.ts';
import type { World } from './world.ts';

const LOG_DIRECTORY = 'log';

/** The machine, as its process sees it. */
export interface ProcessHost extends CheckedMachine {
  readonly random: SeededRandom;
  readonly disk: Disk;
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

export class Process implements DriverHost, DiskProcess {
  readonly behaviour: DiskBehaviour;
  driver: Driver | null = null;
  readonly #machine: ProcessHost;
  readonly #world: World;
  readonly #fileSystem: SimulatedFileSystem;
  readonly #tickMicros: number;
  #checks: OutputChecks | null = null;

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
    return this.#checks?.leading === true;
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
    await this.#fileSystem.makeDirectory(LOG_DIRECTORY);
    await identify(this.#fileSystem, this.#machine.id, this.#machine.expectsIdentity);
    this.#machine.identified();
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
    this.#checks = new OutputChecks(this.#machine, log.initialState().hardState);
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

  readied(ready: Ready, softState: SoftState): void {
    this.#checks?.readied(ready, softState);
  }

  durable(task: AppendTask): void {
    this.#checks?.durable(task);
  }

  applied(state: ApplicationState, skipped: string | null): void {
    this.#checks?.applied(state);
    if (skipped !== null) this.#machine.note('skipped', `change ${state.index}: ${skipped}`);
  }

  readable(read: ReadState): void {
    this.#checks?.readable(read);
  }
}
