/**
 * The end of a run: the faults of a healthy quorum end while the rest stays broken, and the quorum must make progress.
 *
 * "Progress" is an entry proposed after that, applied by every healthy member, and no joint configuration left that is to
 * end by itself. Must not know what went wrong before.
 */
import type { Clients } from './clients.ts';
import { type Cluster, hasQuorum, memberIds } from './cluster.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import type { Profile } from './profile.ts';
import type { SeededRandom } from './random.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Bound of the phase, in election timeouts of the slowest kind. */
const ELECTION_TIMEOUTS = 100;
const PROBE_MICROS = 40_000;

export class RecoveryPhase {
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #network: Network;
  readonly #clients: Clients;
  readonly #random: SeededRandom;
  #healthy: Machine[] = [];
  #deadline = 0;
  #probedFrom = Infinity;
  done = false;
  /** It ended without progress, in the one way that is no violation. */
  orphaned = false;

  constructor(world: World, cluster: Cluster, network: Network, clients: Clients, random: SeededRandom) {
    this.#world = world;
    this.#cluster = cluster;
    this.#network = network;
    this.#clients = clients;
    this.#random = random;
  }

  begin(): void {
    const { scheduler, profile } = this.#world;
    const healthy = this.#chooseHealthy();
    this.#healthy = this.#cluster.all.filter(({ id }) => healthy.has(id));
    this.#network.behaviour = { ...profile.network, loss: 0, duplication: 0, straggler: 0, maxDelay: 2_000 };
    this.#network.mend();
    for (const machine of this.#cluster.all) {
      if (healthy.has(machine.id)) this.#heal(machine);
      else this.#break(machine, healthy, profile);
    }
    this.#deadline = scheduler.now + ELECTION_TIMEOUTS * 2 * profile.core.electionTick * profile.tickMicros;
    this.#probe();
  }

  /** After each event: whether it is over. */
  check(): void {
    const { scheduler, history } = this.#world;
    if (history.appliedIndex > this.#probedFrom && !this.done) {
      const { voters, learners, autoLeave } = history.latestConfiguration;
      const members = new Set([...voters, ...learners]);
      const behind = this.#healthy.filter(
        ({ id, state }) => members.has(id) && state.current.index <= this.#probedFrom,
      );
      this.done = behind.length === 0 && !autoLeave;
    }
    if (!this.done && scheduler.now > this.#deadline) {
      if (this.#isOrphaned()) {
        this.done = true;
        this.orphaned = true;
        return;
      }
      throw new Violation('a healthy quorum makes progress', this.#describe());
    }
  }

  /**
   * Whether, of the healthy voters of the newest configuration, none that knows it has the longest log: then those that
   * know it cannot win, and the others may need the vote of a node that was removed, which refuses it when its own log is
   * longer. A known limit that the core shares with the original (README.md, "Known limits").
   */
  #isOrphaned(): boolean {
    const { latestConfiguration } = this.#world.history;
    const newest = JSON.stringify(latestConfiguration);
    const voters = this.#healthy.filter(({ id }) => latestConfiguration.voters.includes(id));
    const length = ({ mirror: { issued } }: Machine): number => issued.lastTerm * 1e9 + issued.lastIndex;
    const longest = Math.max(...voters.map(length));
    const informed = voters.filter(({ state }) => JSON.stringify(state.current.confState) === newest);
    return informed.every((machine) => length(machine) < longest);
  }

  #chooseHealthy(): Set<number> {
    const { history } = this.#world;
    const present = this.#cluster.all.filter(({ id }) => !this.#cluster.isLost(id)).map(({ id }) => id);
    const all = new Set(present);
    if (history.changePending) return all;
    for (let attempt = 0; attempt < 4; attempt++) {
      const some = new Set(present.filter(() => this.#random.chance(0.6)));
      if (this.#cluster.configurations().every((configuration) => hasQuorum(configuration, (id) => some.has(id))))
        return some;
    }
    return all;
  }

  #heal(machine: Machine): void {
    machine.fuse = -1;
    machine.resume();
    const { process } = machine;
    if (process === null) machine.start();
    else {
      process.behaviour.stalledUntil = 0;
      process.behaviour.failAfter = -1;
    }
  }

  #break(machine: Machine, healthy: ReadonlySet<number>, { core }: Profile): void {
    // Without these a node that is half cut off may disturb the others for ever; that is what they are for.
    const guarded = core.checkQuorum && core.preVote;
    const how = this.#random.pick(guarded ? ['down', 'cut', 'deaf', 'mute', 'frozen'] : ['down', 'cut', 'frozen']);
    if (how === 'down') machine.crash();
    if (how === 'frozen') machine.pause();
    for (const id of healthy) {
      if (how === 'cut' || how === 'mute') this.#network.cut(machine.id, id);
      if (how === 'cut' || how === 'deaf') this.#network.cut(id, machine.id);
    }
    machine.note('stays broken', how);
  }

  #probe(): void {
    if (this.done) return;
    const { scheduler, history } = this.#world;
    for (const machine of this.#healthy) {
      if (!machine.up) machine.start();
      if (
        this.#cluster.leaders.includes(machine) &&
        this.#clients.proposeAt(machine) &&
        this.#probedFrom === Infinity
      ) {
        this.#probedFrom = history.committedIndex;
      }
    }
    scheduler.after(PROBE_MICROS, () => this.#probe());
  }

  #describe(): string {
    const { history, scheduler } = this.#world;
    const machines = this.#cluster.all.map((machine) => {
      const status = machine.process?.driver?.node.status();
      const { index } = machine.state.current;
      const role =
        status === undefined ? 'down' : `role ${status.state} term ${status.hardState.term} last ${status.lastIndex}`;
      return `${machine.run}${this.#healthy.includes(machine) ? '' : ' (broken)'}: ${role} applied ${index}`;
    });
    const members = memberIds(history.latestConfiguration).join(', ');
    return `none by ${(scheduler.now / 1000).toFixed(0)} ms; committed ${history.committedIndex}; members ${members}; ${machines.join('; ')}`;
  }
}
