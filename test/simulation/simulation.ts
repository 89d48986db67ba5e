/**
 * One run: a whole cluster of the production core and log on simulated machines, all of it determined by a seed.
 *
 * Invariant: nothing outside the seed and the limit of events has an influence. Must not know how runs are chosen or shown.
 */
import type { Message } from '../../src/raft/messages.ts';
import { MessageType } from '../../src/raft/messages.ts';
import { Clients } from './clients.ts';
import { Cluster } from './cluster.ts';
import { History, type Witness } from './history.ts';
import { isolated } from './isolation.ts';
import { Machine } from './machine.ts';
import { Nemesis } from './nemesis.ts';
import { Network } from './network.ts';
import { type Profile, profileOf } from './profile.ts';
import { SeededRandom } from './random.ts';
import { RecoveryPhase } from './recovery-phase.ts';
import { Scheduler } from './scheduler.ts';
import { genesisSnapshot } from './state-machine.ts';
import { Trace } from './trace.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  /** Stops after this many events, without the phase of recovery if that has not begun. Default: none. */
  readonly maxEvents?: number;
  /** Lines of the trace to keep. Default 0. */
  readonly keepLines?: number;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  /** Virtual time, microseconds. */
  readonly micros: number;
  readonly hash: string;
  /** Elections won, and the highest committed index: that something happened. */
  readonly leaderTerms: number;
  readonly committed: number;
  /** The run ended in the one known way without progress (recovery-phase.ts). */
  readonly orphaned: boolean;
  readonly violation: Violation | null;
  readonly lines: readonly string[];
  /** The last events, when there was a violation. */
  readonly notes: readonly string[];
}

/** Runs a seed to its end, to `maxEvents`, or to the first violation. */
export function runSeed(options: RunOptions): Promise<RunResult> {
  return new Simulation(options).run();
}

class Simulation implements World {
  readonly profile: Profile;
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  readonly history = new History();
  readonly #options: RunOptions;
  readonly #random: SeededRandom;
  readonly #cluster = new Cluster(this.history);
  readonly #network: Network;
  readonly #clients: Clients;
  readonly #nemesis: Nemesis;
  readonly #recovery: RecoveryPhase;
  #recovering = false;
  #violation: Violation | null = null;

  constructor(options: RunOptions) {
    const { seed, keepLines = 0 } = options;
    this.#options = options;
    this.profile = profileOf(seed);
    this.trace = new Trace(keepLines);
    this.#random = new SeededRandom(seed, 'simulation');
    this.#network = new Network(this.profile.network, this.scheduler, this.#random.fork('network'), this.trace, {
      deliver: (message) => this.#cluster.machines.get(message.to)?.receive(message),
      outcome: (message, arrived) => this.#report(message, arrived),
    });
    this.#clients = new Clients(this, this.#cluster, this.#random.fork('clients'));
    const joins = (): Machine => this.#newMachine(false);
    this.#nemesis = new Nemesis(this, this.#cluster, this.#network, this.#random.fork('nemesis'), joins);
    const random = this.#random.fork('recovery');
    this.#recovery = new RecoveryPhase(this, this.#cluster, this.#network, this.#clients, random);
  }

  async run(): Promise<RunResult> {
    const violated = (error: unknown): void => {
      this.violated(error);
    };
    await isolated(this.scheduler, violated, () => this.#run());
    return this.#result();
  }

  async #run(): Promise<void> {
    this.history.begin(this.#genesis());
    for (let i = 0; i < this.profile.voters; i++) this.#newMachine(true);
    this.#clients.start();
    this.#nemesis.start();
    const limit = this.#options.maxEvents ?? Infinity;
    const over = (): boolean => {
      return this.#violation !== null || this.#recovery.done || this.scheduler.events >= limit;
    };
    await this.scheduler.run(over, () => this.#afterEvent());
  }

  send(message: Message): void {
    this.#network.send(message);
  }

  witnesses(): readonly Witness[] {
    return this.#cluster.all;
  }

  violated(error: unknown): void {
    this.#violation ??= error instanceof Violation ? error : new Violation('no errors', String(error));
  }

  #genesis(): ReturnType<typeof genesisSnapshot> {
    return genesisSnapshot(Array.from({ length: this.profile.voters }, (_, i) => i + 1));
  }

  #newMachine(first: boolean): Machine {
    const id = this.#cluster.machines.size + 1;
    const machine = new Machine(id, this, this.#random.fork(`machine ${id}`), first ? this.#genesis() : null);
    this.#cluster.machines.set(id, machine);
    machine.start();
    return machine;
  }

  #report(message: Message, arrived: boolean): void {
    const sender = this.#cluster.machines.get(message.from);
    const process = sender?.process ?? null;
    if (sender === undefined || process === null) return;
    sender.perform(process, () => {
      if (message.type === MessageType.MsgSnap)
        process.driver?.reportSnapshot(message.to, arrived ? 'finished' : 'failed');
      else process.driver?.reportUnreachable(message.to);
    });
  }

  #afterEvent(): void {
    try {
      if (this.#recovering) this.#recovery.check();
      else if (this.scheduler.events >= this.profile.events) {
        this.#recovering = true;
        this.#nemesis.stop();
        this.#clients.stop();
        this.#recovery.begin();
      }
    } catch (error) {
      this.violated(error);
    }
  }

  #result(): RunResult {
    return {
      seed: this.#options.seed,
      events: this.scheduler.events,
      micros: this.scheduler.now,
      hash: this.trace.hash,
      leaderTerms: this.history.leaderTerms,
      committed: this.history.committedIndex,
      orphaned: this.#recovery.orphaned,
      violation: this.#violation,
      lines: this.trace.tail(Infinity),
      notes: this.#violation === null ? [] : this.trace.notes,
    };
  }
}
