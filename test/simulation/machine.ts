/**
 * One machine of a simulated cluster: a disk, an application, and at most one running process at a time.
 *
 * Invariants: when a process has ended, nothing that it began goes on; a paused one does nothing, and later does all it
 * has missed; a machine takes part only under the identity that its disk holds. Must not know the other machines.
 */
import { StoreError } from '../../src/domain/errors.ts';
import type { Message, Snapshot } from '../../src/raft/messages.ts';
import { Disk } from './disk.ts';
import { LogMirror } from './log-mirror.ts';
import { IdentityRefused } from './member-identity.ts';
import { clock } from './network.ts';
import { Process, type ProcessHost } from './process.ts';
import type { SeededRandom } from './random.ts';
import { StateMachine } from './state-machine.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

export class Machine implements ProcessHost {
  readonly id: number;
  readonly world: World;
  readonly random: SeededRandom;
  readonly disk = new Disk();
  readonly state = new StateMachine();
  readonly mirror = new LogMirror();
  /** The snapshot that a first member begins with; null for one that joins later. */
  readonly genesis: Snapshot | null;
  process: Process | null = null;
  /** Its disk is gone or damaged, so that nobody may count on it; a damaged one may turn out to be whole. */
  lost = false;
  /** It is to stay down: refused to start, or taken out of service. */
  retired = false;
  /** Why the last process ended by itself. */
  ending: unknown = null;
  /** Events until it crashes; below 0 for never. */
  fuse = -1;
  /** Under this identity it has run before, so that an empty disk is a lost one. */
  #known = false;
  #runs = 0;
  #held: (() => void)[] | null = null;

  constructor(id: number, world: World, random: SeededRandom, genesis: Snapshot | null) {
    this.id = id;
    this.world = world;
    this.random = random;
    this.genesis = genesis;
  }

  get run(): string {
    return `${this.id}.${this.#runs}`;
  }

  get up(): boolean {
    return this.process !== null;
  }

  get paused(): boolean {
    return this.#held !== null;
  }

  get expectsIdentity(): boolean {
    return this.#known;
  }

  identified(): void {
    this.#known = true;
  }

  recovered(): void {
    this.lost = false;
  }

  start(): void {
    if (this.up || this.retired) return;
    this.#runs++;
    this.ending = null;
    this.note('start');
    const process = new Process(this);
    this.process = process;
    process.start();
  }

  /** Power off: everything volatile is gone, and the disk keeps what it happens to keep. */
  crash(): void {
    if (!this.up) return;
    this.#end();
    const mode = this.disk.crash(this.random);
    this.state.crash(this.random);
    this.note('crash', mode);
  }

  /** The process has found that it cannot go on. */
  ended(error: unknown): void {
    this.ending = error;
    this.note('ended', error instanceof Error ? error.message : String(error));
    const { disk } = this;
    const process = this.process;
    if (process === null) return;
    if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT' && disk.damaged) this.retired = true;
    else if (error instanceof IdentityRefused) this.retired = true;
    else if (!(error instanceof StoreError && error.code === 'STORAGE_IO' && process.behaviour.failed)) {
      this.world.violated(error instanceof Violation ? error : new Violation('processes go on', describe(error)));
    }
    this.crash();
  }

  /** Flips bits of the disk. The log must be refused, or be found exactly as it was. */
  flipBits(count: number): void {
    this.crash();
    this.disk.flipBits(this.random, count);
    this.lost = true;
    this.note('flip');
  }

  /**
   * The disk is replaced by an empty one; the identity stays in the machine's settings. What it had acknowledged still
   * counts, as others may have counted on it; so the mirror stays.
   */
  wipe(): void {
    this.crash();
    this.disk.wipe();
    this.state.wipe();
    this.lost = true;
    this.note('wipe');
  }

  pause(): void {
    if (!this.up || this.paused) return;
    this.#held = [];
    this.note('pause');
  }

  resume(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.note('resume');
    for (const action of held) this.world.scheduler.after(0, action);
  }

  /** Runs an action of a process now, or when it goes on; drops it when the process has ended. */
  perform(process: Process, action: () => void): void {
    if (this.process !== process) return;
    if (this.#held !== null) {
      this.#held.push(() => this.perform(process, action));
      return;
    }
    if (this.fuse === 0) {
      this.fuse = -1;
      this.crash();
      return;
    }
    if (this.fuse > 0) this.fuse--;
    action();
  }

  receive(message: Message): void {
    const { process } = this;
    if (process !== null) this.perform(process, () => process.driver?.receive(message));
  }

  /** Takes an event of this machine into the trace. */
  note(what: string, detail = ''): void {
    const { trace, scheduler } = this.world;
    trace.note(what, this.id, this.#runs, scheduler.events);
    if (trace.verbose) trace.line(`${clock(scheduler)} machine ${this.run} ${what} ${detail}`);
  }

  #end(): void {
    this.process = null;
    this.#held = null;
    this.fuse = -1;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
