/**
 * One machine: a disk, the engine's disk, a clock, an address, and at most one running node.
 *
 * Invariants: when a process has ended nothing that it began goes on; a paused one does nothing, and later does all it has
 * missed; an empty disk makes another member at the same address. Must not know the other machines.
 */
import type { Beginning } from '../../../src/cluster/replicated-node.ts';
import { StoreError } from '../../../src/domain/errors.ts';
import type { Identity } from '../../../src/storage/identity.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { Disk } from '../disk.ts';
import { clock } from '../network.ts';
import { hashBytes, type SeededRandom } from '../random.ts';
import { Violation } from '../violation.ts';
import { NodeProcess } from './node-process.ts';
import { StateDisk } from './state-disk.ts';
import { addressOf, type WholeWorld } from './world.ts';

export class WholeMachine {
  readonly number: number;
  readonly world: WholeWorld;
  readonly random: SeededRandom;
  readonly disk = new Disk();
  readonly state = new StateDisk();
  readonly #firstBeginning: Beginning;
  /** Its clock: how fast it runs, and how far it is off. */
  readonly speed: number;
  readonly skewMicros: number;
  process: NodeProcess | null = null;
  /** Events until it crashes; below 0 for never. */
  fuse = -1;
  #generation = 0;
  #memberId: number | null = null;
  #runs = 0;
  #held: (() => void)[] | null = null;
  readonly #ends = new Set<() => void>();

  constructor(number: number, world: WholeWorld, random: SeededRandom, beginning: Beginning) {
    this.number = number;
    this.world = world;
    this.random = random;
    this.#firstBeginning = beginning;
    this.speed = random.between(980, 1020) / 1000;
    this.skewMicros = random.between(0, world.profile.skewMicros);
  }

  /** How its node begins. With an empty disk in place of that of the first member, whoever looks after it lets it join the others. */
  get beginning(): Beginning {
    if (this.#firstBeginning.kind !== 'alone' || this.#generation === 0) return this.#firstBeginning;
    const others = [...this.world.machines.keys()].filter((number) => number !== this.number);
    return { kind: 'join', addresses: others.map(addressOf) };
  }

  get name(): string {
    return `node-${this.number}`;
  }

  get run(): string {
    return `${this.number}.${this.#runs}`;
  }

  get address(): string {
    return addressOf(this.number);
  }

  get clientAddress(): string {
    return this.address;
  }

  /** Of the member on its disk; null before there was one. */
  get memberId(): number | null {
    return this.#memberId;
  }

  get up(): boolean {
    return this.process !== null;
  }

  get paused(): boolean {
    return this.#held !== null;
  }

  /** Takes input now. */
  get serving(): boolean {
    return this.process?.pipeline != null && !this.paused;
  }

  /** Leads, and may decide. */
  get leads(): boolean {
    return this.process?.node?.admin.leader().self === true;
  }

  newIdentity(): Identity {
    const id = this.#generation * 100 + this.number;
    return { memberId: id, logId: id, clusterId: this.beginning.kind === 'alone' ? 'cluster' : null };
  }

  identified(memberId: number): void {
    this.#memberId = memberId;
  }

  start(): void {
    if (this.up) return;
    this.#runs++;
    this.note('start');
    this.process = new NodeProcess(this);
    this.process.start();
  }

  /** Power off: everything volatile is gone, and the disks keep what they happen to keep. */
  crash(): void {
    if (!this.up) return;
    this.#end();
    const mode = this.disk.crash(this.random);
    const { unflushed } = this.state;
    this.state.crash(this.random);
    this.note('crash', `${mode}, ${unflushed} batches of the state not flushed`);
  }

  /** The process has found that it cannot go on. */
  ended(error: unknown): void {
    this.note('ended', error instanceof Error ? error.message : String(error));
    const { process } = this;
    if (process === null) return;
    if (!(error instanceof StoreError && error.code === 'STORAGE_IO' && process.behaviour.failed)) {
      this.world.violated(error instanceof Violation ? error : new Violation('processes go on', describe(error)));
    }
    this.crash();
  }

  /** Stops in the proper way, and starts again. A process that cannot is crashed by somebody else in time. */
  restart(): void {
    const { process } = this;
    if (process?.node == null) return;
    this.note('restart');
    process.shutDown().then(
      () => {
        if (this.process !== process) return;
        this.note('closed');
        this.#end();
        this.start();
      },
      (error: unknown) => {
        if (this.process === process) this.ended(error);
      },
    );
  }

  /** The disks are replaced by empty ones. */
  wipe(): void {
    this.crash();
    this.disk.wipe();
    this.state.wipe();
    this.#generation++;
    this.#memberId = null;
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
  perform(process: NodeProcess, action: () => void): void {
    if (this.process !== process) return;
    if (this.#held !== null) {
      this.#held.push(() => {
        this.perform(process, action);
      });
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

  /** Calls `listener` when the process that runs now has ended. Returns how to stop that. */
  onEnd(listener: () => void): () => void {
    this.#ends.add(listener);
    return () => {
      this.#ends.delete(listener);
    };
  }

  noteApplied(position: number, bytes: Uint8Array): void {
    this.world.trace.note('applied', this.number, position, hashBytes(bytes));
  }

  /** Takes an event of this machine into the trace. */
  note(what: string, detail = ''): void {
    const { trace, scheduler } = this.world;
    trace.note(what, this.number, this.#runs, scheduler.now);
    if (trace.verbose) trace.line(`${clock(scheduler)} machine ${this.run} ${what} ${detail}`);
  }

  get logger(): Logger {
    const line = (level: string, message: string, fields: object = {}): void => {
      const { trace, scheduler } = this.world;
      trace.line(`${clock(scheduler)} machine ${this.run} ${level} ${message} ${JSON.stringify(fields)}`);
    };
    const logger: Logger = {
      fatal: (message, fields) => {
        line('fatal', message, fields);
      },
      error: (message, fields) => {
        line('error', message, fields);
      },
      warn: (message, fields) => {
        line('warn', message, fields);
      },
      info: (message, fields) => {
        line('info', message, fields);
      },
      debug: () => undefined,
      child: () => logger,
    };
    return logger;
  }

  #end(): void {
    this.process = null;
    this.#held = null;
    this.fuse = -1;
    const listeners = [...this.#ends];
    this.#ends.clear();
    for (const listener of listeners) listener();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
