/**
 * The faults of a run, and the operations of somebody who looks after the cluster meanwhile. Takes nothing that no store could
 * survive. Must not know what is checked.
 */
import type { ClusterAdmin } from '../../../src/cluster/cluster-admin.ts';
import { isStoreError, StoreError } from '../../../src/domain/errors.ts';
import type { SeededRandom } from '../random.ts';
import { Violation } from '../violation.ts';
import type { WholeMachine } from './machine.ts';
import type { NodeProcess } from './node-process.ts';
import { PossibleVoters } from './possible-voters.ts';
import type { WholeFault } from './profile.ts';
import type { WholeWorld } from './world.ts';

/** Between two looks at whether a learner has caught up. */
const CATCH_UP_MICROS = 100_000;
const OPERATION_MILLIS = 1_500;

export class WholeNemesis {
  readonly #world: WholeWorld;
  readonly #random: SeededRandom;
  readonly #addMachine: () => WholeMachine;
  readonly #voters: PossibleVoters;
  #stopped = false;

  constructor(world: WholeWorld, random: SeededRandom, addMachine: () => WholeMachine) {
    this.#world = world;
    this.#random = random;
    this.#addMachine = addMachine;
    this.#voters = new PossibleVoters(() => this.#machines);
  }

  start(): void {
    const { scheduler, profile } = this.#world;
    scheduler.after(this.#random.between(1, 2 * profile.faultMicros), () => {
      if (this.#stopped) return;
      this.#strike(this.#random.weighted(profile.faults));
      this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  get #machines(): WholeMachine[] {
    return [...this.#world.machines.values()];
  }

  #strike(fault: WholeFault): void {
    const random = this.#random;
    const leader = this.#machines.find((machine) => machine.leads && !machine.paused);
    const machine = random.chance(0.4) && leader !== undefined ? leader : random.pick(this.#machines);
    if (machine === undefined) return;
    this.#world.trace.note(`fault ${fault}`, machine.number);
    switch (fault) {
      case 'crash':
        machine.crash();
        this.#startLater(machine);
        break;
      case 'crashSoon':
        machine.fuse = random.between(0, 60);
        machine.onEnd(() => {
          this.#startLater(machine);
        });
        break;
      case 'pause':
        machine.pause();
        this.#world.scheduler.after(random.between(10_000, 600_000), () => {
          machine.resume();
        });
        break;
      case 'restart':
        if (machine.serving) machine.restart();
        break;
      case 'stall':
        if (machine.process !== null)
          machine.process.behaviour.stalledUntil = this.#world.scheduler.now + random.between(10_000, 500_000);
        break;
      case 'failDisk':
        this.#failDisk(machine);
        break;
      case 'wipe':
        this.#wipe(machine);
        break;
      case 'transfer':
      case 'add':
      case 'promote':
      case 'remove':
      case 'replace':
        if (leader !== undefined) this.#operate(fault, leader);
        break;
      default:
        this.#disturb(fault, machine);
    }
  }

  #disturb(fault: 'split' | 'oneWay' | 'cutLink' | 'mend' | 'weather', machine: WholeMachine): void {
    const { wire, profile } = this.#world;
    const random = this.#random;
    const others = this.#machines.filter((one) => one !== machine);
    if (fault === 'mend') {
      wire.mend();
      wire.behaviour = { ...profile.wire };
    } else if (fault === 'weather') {
      const loss = random.pick([0, 0.1, 0.4]) ?? 0;
      wire.behaviour = { ...profile.wire, loss, maxDelay: random.pick([2_000, 30_000, 100_000]) ?? 2_000 };
    } else if (fault === 'split') {
      const side = new Set(this.#machines.filter(() => random.chance(0.5)));
      for (const one of this.#machines)
        for (const other of this.#machines) if (side.has(one) !== side.has(other)) wire.cut(one.number, other.number);
    } else {
      for (const other of fault === 'oneWay' ? others : others.slice(0, 1)) {
        if (fault === 'cutLink' || random.chance(0.5)) wire.cut(machine.number, other.number);
        if (fault === 'cutLink') wire.cut(other.number, machine.number);
      }
    }
  }

  #failDisk(machine: WholeMachine): void {
    if (machine.process !== null) machine.process.behaviour.failAfter = this.#random.between(0, 20);
    machine.onEnd(() => {
      this.#startLater(machine);
    });
  }

  #startLater(machine: WholeMachine): void {
    const { scheduler, profile } = this.#world;
    scheduler.after(this.#random.between(1_000, 500_000), () => {
      if (machine.up) return;
      machine.start();
      // A disk that is failing fails at a start as well, and that is when nobody listens yet.
      if (!this.#stopped && this.#random.chance(profile.faults.failDisk / 40)) this.#failDisk(machine);
    });
  }

  #wipe(machine: WholeMachine): void {
    const { memberId } = machine;
    if (memberId === null || !this.#voters.settled || !this.#voters.survives(memberId)) return;
    machine.wipe();
    this.#startLater(machine);
  }

  #operate(what: 'transfer' | 'add' | 'promote' | 'remove' | 'replace', leader: WholeMachine): void {
    const { process } = leader;
    if (process?.node == null) return;
    const { admin } = process.node;
    const status = admin.status();
    if (what === 'transfer') {
      this.#run(leader, what, (signal) => admin.transferLeadership(null, signal));
      return;
    }
    if (!this.#voters.settled) return;
    const voters = status.members.filter(({ role }) => role !== 'learner').map(({ id }) => id);
    const present = new Map(this.#machines.flatMap((one) => (one.memberId === null ? [] : [[one.memberId, one]])));
    const learners = status.members.filter(({ id, role }) => role === 'learner' && present.get(id)?.up === true);
    const learner = this.#random.pick(learners)?.id;
    const lost = voters.filter((id) => !present.has(id));
    // Whoever removes a leader transfers its office first; and whoever has a lost member removes that one.
    const gone = this.#random.pick(lost.length > 0 ? lost : voters.filter((id) => id !== status.memberId));
    if (what === 'add') this.#add(leader, admin, new Set(status.members.map(({ id }) => id)));
    else if (what === 'promote' && learner !== undefined) {
      this.#change(leader, what, [...voters, learner], (signal) =>
        patiently(process, signal, () => admin.promote(learner, signal)),
      );
    } else if (what === 'remove' && gone !== undefined) {
      const rest = voters.filter((id) => id !== gone);
      this.#change(leader, what, rest, (signal) => admin.remove(gone, signal));
    } else if (what === 'replace' && gone !== undefined && learner !== undefined) {
      const rest = [...voters.filter((id) => id !== gone), learner];
      this.#change(leader, what, rest, (signal) =>
        patiently(process, signal, () => admin.replace(gone, learner, signal)),
      );
    }
  }

  /** Somebody who waits to be added, or a new machine. */
  #add(leader: WholeMachine, admin: ClusterAdmin, members: ReadonlySet<number>): void {
    const waiting = this.#machines.filter(
      (one) => one.process?.node != null && one.process.clusterId === null && !members.has(one.memberId ?? 0),
    );
    const machine = this.#random.pick(waiting);
    if (machine !== undefined) this.#run(leader, 'add', (signal) => admin.addLearner(machine.address, signal));
    else if (this.#machines.length < this.#world.profile.maxMachines) this.#addMachine();
  }

  #change(
    leader: WholeMachine,
    what: string,
    voters: readonly number[],
    work: (signal: AbortSignal) => Promise<unknown>,
  ): void {
    if (!this.#voters.survives(null, [voters])) return;
    const { process } = leader;
    const term = process?.node?.admin.status().term ?? 0;
    this.#voters.changing(voters);
    let open = true;
    const ended = (known: boolean): void => {
      if (!open) return;
      open = false;
      this.#voters.changed(term, known);
    };
    // Nobody tells when the leader is gone, or does not answer.
    this.#world.scheduler.after(3_000 * OPERATION_MILLIS, () => {
      ended(false);
    });
    leader.onEnd(() => {
      ended(false);
    });
    this.#run(leader, what, work, ended);
  }

  #run(
    leader: WholeMachine,
    what: string,
    work: (signal: AbortSignal) => Promise<unknown>,
    ended: (known: boolean) => void = () => undefined,
  ): void {
    const { process } = leader;
    if (process === null) return;
    const over = new AbortController();
    process.later(OPERATION_MILLIS * 1000, () => {
      over.abort(new StoreError('CANCELLED', 'the operator waits no longer', { reason: 'patience' }));
    });
    leader.note('operation', what);
    work(over.signal).then(
      () => {
        leader.note('operation done', what);
        ended(true);
      },
      (error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        leader.note('operation failed', `${what}: ${text.split('\n')[0] ?? ''}`);
        const refused = isStoreError(error) && ['MEMBERSHIP_REFUSED', 'NOT_LEADER'].includes(error.code);
        ended(refused && !/not possible/.test(text));
        if (error instanceof StoreError) return;
        this.#world.violated(new Violation('operations fail as they may', `${what} at ${leader.run}: ${text}`));
      },
    );
  }
}

/** Makes a change again until the learner has caught up, as people do. */
async function patiently(process: NodeProcess, signal: AbortSignal, change: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await change();
      return;
    } catch (error) {
      if (signal.aborted || !isStoreError(error) || !/has not caught up|does not answer/.test(error.message))
        throw error;
      await new Promise<void>((resolve) => {
        process.later(CATCH_UP_MICROS, resolve);
      });
    }
  }
}
