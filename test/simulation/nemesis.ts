/**
 * Whatever goes wrong in a simulated cluster, and whoever operates it meanwhile.
 *
 * Invariant: data are lost for ever only where Raft allows it (Cluster.mayLose), so that every run must stay safe and be
 * able to go on. Must not know what the nodes make of it.
 */
import { EntryType } from '../../src/raft/messages.ts';
import { type Cluster, memberIds } from './cluster.ts';
import type { Machine } from './machine.ts';
import { planChange } from './membership-plan.ts';
import { clock, type Network, type NetworkBehaviour } from './network.ts';
import { type Fault, FAULTS } from './profile.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

/** Makes a machine with an empty disk and an id that was never used, started and waiting to be added. */
export type MachineMaker = () => Machine;

export class Nemesis {
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #network: Network;
  readonly #random: SeededRandom;
  readonly #newMachine: MachineMaker;
  #stopped = false;

  constructor(world: World, cluster: Cluster, network: Network, random: SeededRandom, newMachine: MachineMaker) {
    this.#world = world;
    this.#cluster = cluster;
    this.#network = network;
    this.#random = random;
    this.#newMachine = newMachine;
  }

  start(): void {
    this.#world.scheduler.after(this.#random.between(1, 2 * this.#world.profile.faultMicros), () => {
      if (this.#stopped) return;
      const fault = this.#random.weighted(this.#world.profile.faults);
      this.#note(fault);
      this.#strike(fault);
      this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #strike(fault: Fault): void {
    const random = this.#random;
    const machine = random.pick(random.chance(0.3) ? this.#cluster.leaders : this.#cluster.up);
    if (fault === 'split' || fault === 'oneWay' || fault === 'cutLink' || fault === 'mend') this.#cut(fault);
    else if (fault === 'weather') this.#weather();
    else if (fault === 'retire') this.#retire();
    else if (fault === 'membership') this.#membership();
    else if (machine !== undefined) this.#strikeMachine(fault, machine);
    this.#restartLater();
  }

  #strikeMachine(fault: Fault, machine: Machine): void {
    const random = this.#random;
    const { process } = machine;
    const driver = machine.paused ? null : (process?.driver ?? null);
    if (fault === 'crash') machine.crash();
    else if (fault === 'crashSoon') machine.fuse = random.between(0, 12);
    else if (fault === 'pause') this.#pause(machine);
    else if (fault === 'stall' && process !== null) {
      process.behaviour.stalledUntil = this.#world.scheduler.now + random.between(5_000, 600_000);
    } else if (fault === 'failDisk' && process !== null) process.behaviour.failAfter = random.between(0, 5);
    else if (fault === 'flip' && this.#cluster.mayLose(machine)) machine.flipBits(random.between(1, 3));
    else if (fault === 'wipe' && this.#cluster.mayLose(machine)) machine.wipe();
    else if (fault === 'transfer') driver?.transferLeadership(random.pick(this.#memberIds()) ?? machine.id);
    else if (fault === 'campaign') driver?.campaign();
    else if (fault === 'forgetLeader') driver?.forgetLeader();
    else if (fault === 'compact') driver?.compact(this.#world.profile.keepEntries);
  }

  #pause(machine: Machine): void {
    machine.pause();
    const { process } = machine;
    this.#world.scheduler.after(this.#random.between(10_000, 1_000_000), () => {
      if (machine.process === process) machine.resume();
    });
  }

  #cut(fault: 'split' | 'oneWay' | 'cutLink' | 'mend'): void {
    const ids = this.#random.shuffled([...this.#cluster.machines.keys()]);
    if (fault === 'mend') {
      this.#network.mend();
      return;
    }
    const size = this.#random.between(1, Math.max(1, ids.length - 1));
    const [left, right] =
      fault === 'cutLink' ? [ids.slice(0, 1), ids.slice(1, 2)] : [ids.slice(0, size), ids.slice(size)];
    const bothWays = fault === 'split' || this.#random.chance(0.3);
    for (const from of left) {
      for (const to of right) {
        this.#network.cut(from, to);
        if (bothWays) this.#network.cut(to, from);
      }
    }
  }

  /** The network is worse, or better, for a while. */
  #weather(): void {
    const random = this.#random;
    const usual = this.#network.behaviour;
    const bad: NetworkBehaviour = { ...usual, loss: random.pick([0, 0.5]) ?? 0, duplication: 0.3, maxDelay: 150_000 };
    this.#network.behaviour = bad;
    this.#world.scheduler.after(random.between(20_000, 400_000), () => {
      if (this.#network.behaviour === bad) this.#network.behaviour = usual;
    });
  }

  #retire(): void {
    for (const machine of this.#cluster.all) {
      if (machine.retired || !this.#cluster.isForgotten(machine) || this.#random.chance(0.5)) continue;
      machine.crash();
      machine.retired = true;
    }
  }

  #membership(): void {
    const machine = this.#random.pick(this.#cluster.leaders);
    const driver = machine?.process?.driver;
    if (machine === undefined || driver == null) return;
    const configuration = machine.state.current.confState;
    const members = memberIds(configuration);
    let candidates = this.#cluster.all
      .filter(({ id, retired }) => !retired && !members.includes(id))
      .map(({ id }) => id);
    // An id that was a member once stays out: members are replaced by new ones.
    candidates = candidates.filter((id) => !this.#world.history.wasMember(id));
    if (candidates.length === 0 && this.#cluster.machines.size < this.#world.profile.maxMachines) {
      candidates = [this.#newMachine().id];
    }
    const facts = { isLost: (id: number) => this.#cluster.isLost(id), candidates };
    const change = planChange(configuration, facts, this.#random);
    if (change === null) return;
    const single = change.changes.length === 1 && change.transition === 0 && this.#random.chance(0.5);
    const result = driver.proposeConfChange(change, single ? EntryType.ConfChange : EntryType.ConfChangeV2);
    this.#note('proposed', `${JSON.stringify(change)} at ${machine.id}: ${JSON.stringify(result)}`);
  }

  #restartLater(): void {
    for (const machine of this.#cluster.all) {
      if (machine.up || machine.retired || !this.#random.chance(0.4)) continue;
      this.#world.scheduler.after(this.#random.between(100, 100_000), () => {
        if (!this.#stopped) machine.start();
      });
    }
  }

  #memberIds(): number[] {
    return memberIds(this.#world.history.latestConfiguration);
  }

  #note(what: string, detail = ''): void {
    const { trace, scheduler } = this.#world;
    trace.note(what, FAULTS.indexOf(what as Fault), scheduler.events);
    if (trace.verbose) trace.line(`${clock(scheduler)} FAULT ${what} ${detail}`);
  }
}
