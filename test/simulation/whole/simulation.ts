/**
 * One run of whole nodes: faults first, then peace, in which every member must come to the same end; then the history is judged.
 *
 * Invariant: a seed determines everything, and the run can be stopped at any event. Composes; the parts decide.
 */
import type { Beginning } from '../../../src/cluster/replicated-node.ts';
import type { Store } from '../../../src/storage/store.ts';
import { checkHistory } from '../../chaos/checker/check-history.ts';
import type { LogEvent } from '../../chaos/checker/history.ts';
import { isolated } from '../isolation.ts';
import { SeededRandom } from '../random.ts';
import { Scheduler } from '../scheduler.ts';
import type { RunOptions, RunResult } from '../simulation.ts';
import { Trace } from '../trace.ts';
import { Violation } from '../violation.ts';
import { WholeClients } from './clients.ts';
import { Ledger } from './ledger.ts';
import { WholeMachine } from './machine.ts';
import { WholeNemesis } from './nemesis.ts';
import { type WholeProfile, wholeProfileOf } from './profile.ts';
import { Subscriber } from './subscribers.ts';
import { Wire } from './wire.ts';
import { addressOf, type WholeWorld } from './world.ts';

/** Within this time without faults everybody must be at the same end. */
const PEACE_MICROS = 20_000_000;
const PROBE_MICROS = 200_000;
const EVENTS_A_LOOK = 16;

export function runWholeSeed(options: RunOptions): Promise<RunResult> {
  return new WholeSimulation(options).run();
}

class WholeSimulation implements WholeWorld {
  readonly profile: WholeProfile;
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  readonly wire: Wire;
  readonly ledger = new Ledger();
  readonly machines = new Map<number, WholeMachine>();
  readonly #options: RunOptions;
  readonly #random: SeededRandom;
  readonly #clients: WholeClients;
  readonly #nemesis: WholeNemesis;
  readonly #subscribers: Subscriber[] = [];
  #violation: Violation | null = null;
  #peaceEnds = Infinity;
  #probed = -1;
  #probing = false;
  #judging = false;
  #done = false;

  constructor(options: RunOptions) {
    const { seed, keepLines = 0 } = options;
    this.#options = options;
    this.profile = wholeProfileOf(seed);
    this.trace = new Trace(keepLines);
    this.#random = new SeededRandom(seed, 'whole simulation');
    this.wire = new Wire(this.profile.wire, this.scheduler, this.#random.fork('wire'));
    this.#clients = new WholeClients(this, this.#random.fork('clients'));
    this.#nemesis = new WholeNemesis(this, this.#random.fork('nemesis'), () => this.#newMachine(false));
  }

  async run(): Promise<RunResult> {
    const violated = (error: unknown): void => {
      this.violated(error);
    };
    await isolated(this.scheduler, violated, () => this.#run());
    return this.#result();
  }

  async #run(): Promise<void> {
    for (let i = 0; i < this.profile.voters; i++) this.#newMachine(true);
    this.#clients.start();
    this.scheduler.after(this.profile.calmMicros, () => {
      this.#nemesis.start();
    });
    this.#subscribe();
    const limit = this.#options.maxEvents ?? Infinity;
    const over = (): boolean => this.#violation !== null || this.#done || this.scheduler.events >= limit;
    await this.scheduler.run(over, () => {
      this.#afterEvent();
    });
  }

  violated(error: unknown): void {
    if (this.#violation !== null) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#violation = error instanceof Violation ? error : new Violation('no errors', text);
  }

  #newMachine(first: boolean): WholeMachine {
    const number = this.machines.size + 1;
    const numbers = Array.from({ length: this.profile.voters }, (_, i) => i + 1);
    const beginning: Beginning =
      first && numbers.length === 1
        ? { kind: 'alone' }
        : first
          ? {
              kind: 'initial-members',
              members: numbers.map((one) => ({ name: `node-${one}`, address: addressOf(one) })),
            }
          : { kind: 'join', addresses: numbers.map(addressOf) };
    const machine = new WholeMachine(number, this, this.#random.fork(`machine ${number}`), beginning);
    this.machines.set(number, machine);
    machine.start();
    return machine;
  }

  #subscribe(): void {
    for (let i = 0; i < this.profile.subscribers; i++) {
      const stream = i % 2 === 0 ? null : 'busy-0';
      const random = this.#random.fork(`subscriber ${i}`);
      const subscriber = new Subscriber(`subscriber-${i}`, stream, this, random, this.#clients.lines);
      this.#subscribers.push(subscriber);
      subscriber.start();
    }
  }

  #afterEvent(): void {
    const { now } = this.scheduler;
    if (this.#peaceEnds === Infinity) {
      if (now >= this.profile.calmMicros + this.profile.phaseMicros) this.#makePeace();
      return;
    }
    if (this.#done || this.#judging) return;
    // Looking for the end costs about as much as an event.
    if (this.scheduler.events % EVENTS_A_LOOK !== 0 && now <= this.#peaceEnds) return;
    const waiting = this.#waitingFor();
    if (waiting === null) {
      this.#judging = true;
      this.#judge().catch((error: unknown) => {
        this.violated(error);
      });
    } else if (now > this.#peaceEnds) {
      this.violated(new Violation('a healthy quorum makes progress', `${waiting}; ${this.#describe()}`));
    }
  }

  #makePeace(): void {
    this.#peaceEnds = this.scheduler.now + PEACE_MICROS;
    this.#nemesis.stop();
    this.#clients.stop();
    this.trace.note('peace');
    this.wire.mend();
    this.wire.behaviour = { ...this.profile.wire, loss: 0, duplication: 0, straggler: 0, maxDelay: 2_000 };
    this.#heal();
    this.#probe();
  }

  #heal(): void {
    for (const machine of this.machines.values()) {
      machine.fuse = -1;
      machine.resume();
      if (machine.process !== null) {
        machine.process.behaviour.stalledUntil = 0;
        machine.process.behaviour.failAfter = -1;
      }
      machine.start();
    }
  }

  /** Again and again, until an append is acknowledged that began in peace. */
  #probe(): void {
    if (this.#done || this.#judging) return;
    this.#heal();
    if (!this.#probing && this.#probed < 0 && this.#clients.busy === 0) {
      this.#probing = true;
      this.#clients.probe().then(
        (acknowledged) => {
          this.#probing = false;
          if (acknowledged) this.#probed = this.ledger.end;
        },
        (error: unknown) => {
          this.violated(error);
        },
      );
    }
    this.scheduler.after(PROBE_MICROS, () => {
      this.#probe();
    });
  }

  /** What is missing to the end, or null. */
  #waitingFor(): string | null {
    if (this.#clients.busy > 0) return 'clients have not ended';
    if (this.#probed < 0) return 'no append is acknowledged';
    const leader = [...this.machines.values()].find(({ leads }) => leads);
    const status = leader?.process?.node?.admin.status();
    if (status === undefined) return 'nobody leads';
    for (const machine of this.#members()) {
      const own = machine.process?.node?.admin.status();
      if (own === undefined || own.appliedIndex < status.lastIndex || own.appliedEnd !== this.ledger.end) {
        return `${machine.run} is behind`;
      }
    }
    const late = this.#subscribers.find(({ stream, next }) => stream === null && next < this.ledger.end);
    return late === undefined ? null : `${late.name} is at ${late.next} of ${this.ledger.end}`;
  }

  /** Machines whose member is in the leader's configuration. */
  #members(): WholeMachine[] {
    const all = [...this.machines.values()];
    const members = all.find(({ leads }) => leads)?.process?.node?.admin.status().members ?? [];
    return all.filter(({ memberId }) => members.some(({ id }) => id === memberId));
  }

  async #judge(): Promise<void> {
    const logs = new Map<string, readonly LogEvent[]>();
    for (const machine of this.#members()) {
      const store = machine.process?.node?.store;
      if (store !== undefined) logs.set(machine.name, await logOf(store));
    }
    const found = checkHistory(this.#clients.lines, logs);
    for (const { kind, message } of found.slice(0, 1)) this.violated(new Violation(kind, message));
    this.#done = true;
  }

  #describe(): string {
    return [...this.machines.values()]
      .map((machine) => {
        const status = machine.process?.node?.admin.status();
        if (status === undefined) return `${machine.run}: ${machine.up ? 'opening' : 'down'}`;
        const { role, term, leaderId, lastIndex, commitIndex, appliedIndex, appliedEnd } = status;
        const place = `last ${lastIndex} commit ${commitIndex} applied ${appliedIndex} end ${appliedEnd}`;
        return `${machine.run} (member ${machine.memberId ?? 0}): ${role} term ${term} leader ${leaderId ?? 0} ${place}`;
      })
      .join('; ');
  }

  #result(): RunResult {
    const terms = [...this.machines.values()].map(({ process: one }) => one?.node?.admin.status().term ?? 0);
    return {
      seed: this.#options.seed,
      events: this.scheduler.events,
      micros: this.scheduler.now,
      hash: this.trace.hash,
      leaderTerms: Math.max(0, ...terms),
      committed: this.#clients.acknowledged,
      orphaned: false,
      violation: this.#violation,
      lines: this.trace.tail(Infinity),
      notes: this.#violation === null ? [] : this.trace.notes,
    };
  }
}

async function logOf(store: Store): Promise<LogEvent[]> {
  const log: LogEvent[] = [];
  for await (const appends of store.readAll(0, 'forwards')) {
    for (const append of appends) {
      for (let ordinal = 0; ordinal < append.count; ordinal++) {
        const { position, streamId, revision, id, createdAt, tags } = append.event(ordinal);
        log.push({ position, stream: streamId, revision, id, createdAt, tags });
      }
    }
  }
  return log;
}
