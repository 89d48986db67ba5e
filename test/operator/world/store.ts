// A simulated replicated store, as the Cluster service shows it: what Raft guarantees is taken for granted (one history, committed by
// majorities, one leader in a term), what the service refuses is refused with the same rules (src/cluster/raft-admin.ts).
import type { World } from './objects.ts';

export interface Identity {
  readonly id: number;
  readonly name: string;
}

export interface Configuration {
  readonly voters: readonly Identity[];
  readonly learners: readonly Identity[];
  /** Voters of the old configuration while a joint one is in force; else empty. */
  readonly outgoing: readonly Identity[];
}

/** How far behind a learner may be to get a vote. */
const CAUGHT_UP = 1000;
/** How much a member takes in a tick. */
const BATCH = 1500;

/** The service says no. */
export class Refused extends Error {}

const has = (list: readonly Identity[], id: number): boolean => list.some((one) => one.id === id);
const without = (list: readonly Identity[], id: number): Identity[] => list.filter((one) => one.id !== id);

export class Store {
  readonly clusterId: string;
  readonly #world: World;
  readonly #configurations: { readonly index: number; readonly configuration: Configuration }[];
  lastIndex = 1;
  committed = 1;
  term = 1;
  leader: number | null = null;

  constructor(world: World, clusterId: string, voters: readonly Identity[]) {
    this.#world = world;
    this.clusterId = clusterId;
    this.#configurations = [{ index: 1, configuration: { voters, learners: [], outgoing: [] } }];
    world.stores.set(clusterId, this);
  }

  get configuration(): Configuration {
    return this.configurationAt(Number.MAX_SAFE_INTEGER);
  }

  /** The configuration that somebody has who has the log up to here. */
  configurationAt(index: number): Configuration {
    const found = this.#configurations.findLast((one) => one.index <= index) ?? this.#configurations[0];
    if (found === undefined) throw new Error('a store has a configuration');
    return found.configuration;
  }

  isMember(id: number): boolean {
    const { voters, learners, outgoing } = this.configuration;
    return has(voters, id) || has(learners, id) || has(outgoing, id);
  }

  /** How much of the log the member with this id has; 0: its volume is gone. */
  match(id: number): number {
    for (const { volume, lost } of this.#world.api.claims.values()) {
      if (!lost && volume.id === id && volume.clusterId === this.clusterId) return volume.match;
    }
    return 0;
  }

  /** Runs, reaches the others and is not far behind: what can be seen of a member that works. */
  seemsHealthy(id: number): boolean {
    return this.#world.isUp(id) && this.lastIndex - this.match(id) <= CAUGHT_UP;
  }

  /** Seems so, and takes what it is sent. */
  isHealthy(id: number): boolean {
    const pod = this.#world.runningMember(id);
    const stalls = pod !== null && id !== this.leader && this.#world.lagging.has(pod.member);
    return !stalls && this.seemsHealthy(id);
  }

  /** A majority of the voters, of both configurations while there are two, does this. */
  majorityOf(does: (id: number) => boolean, configuration = this.configuration): boolean {
    const most = (list: readonly Identity[]): boolean =>
      list.length === 0 || list.filter(({ id }) => does(id)).length >= Math.floor(list.length / 2) + 1;
    return most(configuration.voters) && most(configuration.outgoing);
  }

  tick(): void {
    this.#elect();
    if (this.leader !== null) {
      const { random } = this.#world;
      this.lastIndex += random.integer(20) === 0 ? 3000 : random.integer(5);
      this.#replicate();
      this.#leaveJoint();
    }
    this.#inform();
  }

  #leaveJoint(): void {
    if (this.configuration.outgoing.length === 0) return;
    try {
      this.#commit({ ...this.configuration, outgoing: [] });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  #elect(): void {
    const { voters, outgoing } = this.configuration;
    const world = this.#world;
    const up = (id: number): boolean => world.isUp(id);
    const quorum = this.majorityOf(up);
    const known = this.leader !== null && (has(voters, this.leader) || has(outgoing, this.leader));
    if (known && this.leader !== null && up(this.leader) && quorum) return;
    this.leader = null;
    if (!quorum) return;
    const candidates = voters.filter(({ id }) => up(id) && this.match(id) >= this.committed);
    const elected = candidates[world.random.integer(Math.max(1, candidates.length))];
    if (elected !== undefined) this.#lead(elected.id);
  }

  #lead(id: number): void {
    this.term += 1;
    this.leader = id;
    this.lastIndex = this.match(id);
    for (const { volume } of this.#world.api.claims.values()) {
      if (volume.clusterId === this.clusterId) volume.match = Math.min(volume.match, this.lastIndex);
    }
    this.#world.history.push(`${id} leads in term ${this.term}`);
  }

  #replicate(): void {
    const world = this.#world;
    for (const pod of world.api.pods.values()) {
      const volume = world.volumeOf(pod.member);
      if (volume === null || pod.process === null || world.cutOff.has(pod.member) || !this.isMember(volume.id))
        continue;
      volume.clusterId = this.clusterId;
      if (volume.id === this.leader) volume.match = this.lastIndex;
      else if (!world.lagging.has(pod.member)) volume.match = Math.min(this.lastIndex, volume.match + BATCH);
    }
    while (this.committed < this.lastIndex && this.majorityOf((id) => this.match(id) > this.committed)) {
      const next = this.configuration.voters.map(({ id }) => this.match(id)).filter((match) => match > this.committed);
      const least = Math.min(...next);
      if (!this.majorityOf((id) => this.match(id) >= least)) break;
      this.committed = least;
    }
  }

  /** Members that are connected learn of the leader; those that were removed may learn that. */
  #inform(): void {
    const world = this.#world;
    for (const { process, member } of world.api.pods.values()) {
      const volume = world.volumeOf(member);
      if (process === null || volume?.clusterId !== this.clusterId || world.cutOff.has(member)) continue;
      if (!this.isMember(volume.id)) {
        process.leaderId = null;
        if (this.leader !== null && world.random.integer(2) === 0) volume.removed = true;
        continue;
      }
      process.term = this.term;
      process.leaderId = this.leader;
      process.configurationIndex = volume.match;
    }
  }

  /** A change of the configuration, committed now or refused. */
  #commit(next: Configuration): void {
    const world = this.#world;
    const takes = (id: number): boolean => this.isHealthy(id);
    if (this.leader === null || !takes(this.leader)) throw new Refused('NOT_LEADER');
    if (!this.majorityOf(takes) || !this.majorityOf(takes, next)) throw new Refused('DEADLINE_EXCEEDED');
    this.lastIndex += 1;
    this.#configurations.push({ index: this.lastIndex, configuration: next });
    this.#replicate();
    this.committed = Math.max(this.committed, this.lastIndex);
    const process = world.runningMember(this.leader)?.process;
    if (process != null) process.configurationIndex = this.lastIndex;
    const show = (list: readonly Identity[]): string => list.map(({ name, id }) => `${name}(${id})`).join(' ');
    world.history.push(`configuration ${show(next.voters)} + ${show(next.learners)} - ${show(next.outgoing)}`);
    if (next.learners.length > 1) world.violate('there is a second learner');
  }

  addLearner(name: string, id: number): void {
    const pod = this.#world.api.pods.get(name);
    const volume = this.#world.volumeOf(name);
    if (!pod?.process || volume === null || this.#world.cutOff.has(name)) throw new Refused('nobody is there');
    if (volume.id !== id) throw new Refused('somebody else is there');
    if (this.isMember(id)) return;
    if (volume.clusterId !== null) throw new Refused('it was a member before, or belongs to another cluster');
    if (this.configuration.learners.some((one) => one.name === name)) throw new Refused('a learner has that name');
    this.#assertSimple();
    this.#commit({ ...this.configuration, learners: [...this.configuration.learners, { id, name }] });
  }

  promote(id: number): void {
    const { voters, learners } = this.configuration;
    if (has(voters, id)) return;
    const learner = this.#caughtUpLearner(id);
    this.#assertSimple();
    this.#commit({ voters: [...voters, learner], learners: without(learners, id), outgoing: [] });
  }

  remove(id: number): void {
    const { voters, learners } = this.configuration;
    // Ids are never used again: it was removed.
    if (!this.isMember(id)) return;
    if (voters.length === 1 && has(voters, id)) throw new Refused('it is the only voter');
    this.#assertSimple();
    this.#commit({ voters: without(voters, id), learners: without(learners, id), outgoing: [] });
    if (this.leader === id) this.leader = null;
  }

  replace(oldId: number, newId: number): void {
    const { voters, learners } = this.configuration;
    if (!this.isMember(oldId) && has(voters, newId)) return;
    if (!has(voters, oldId)) throw new Refused('no voter');
    const learner = this.#caughtUpLearner(newId);
    this.#assertSimple();
    const next = [...without(voters, oldId), learner];
    this.#commit({ voters: next, learners: without(learners, newId), outgoing: voters });
  }

  transferLeadership(id: number): void {
    if (!has(this.configuration.voters, id)) throw new Refused('no voter');
    if (this.leader === id) return;
    if (!this.isHealthy(id) || this.match(id) < this.committed) throw new Refused('it did not take over in time');
    this.#lead(id);
  }

  #caughtUpLearner(id: number): Identity {
    const learner = this.configuration.learners.find((one) => one.id === id);
    if (learner === undefined) throw new Refused('MEMBER_NOT_FOUND');
    if (!this.#world.isUp(id) || this.lastIndex - this.match(id) > CAUGHT_UP) throw new Refused('not caught up');
    return learner;
  }

  #assertSimple(): void {
    if (this.leader === null) throw new Refused('NOT_LEADER');
    if (this.configuration.outgoing.length > 0) throw new Refused('another change is under way');
  }
}
