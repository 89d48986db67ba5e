/**
 * Members in one process on a network and disks in memory, with the pipeline on each: what tests of the cluster are made of. Ticks are
 * short, so that elections take tens of milliseconds.
 */
import type { ReplicatedNode, Beginning } from '../../src/cluster/replicated-node.ts';
import type { DriverSettings } from '../../src/cluster/driver-settings.ts';
import { isStoreError } from '../../src/domain/errors.ts';
import type { AppendResult } from '../../src/domain/append.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { delay, systemClock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { AppendPipeline } from '../../src/pipeline/append/append-pipeline.ts';
import { append } from './events.ts';
import { MemoryDisk } from './memory-disk.ts';
import { MemoryNetwork } from './memory-transport.ts';
import { eventually } from './eventually.ts';

export interface Member {
  readonly name: string;
  readonly disk: MemoryDisk;
  readonly node: ReplicatedNode;
  readonly pipeline: AppendPipeline;
}

const SIGNAL = new AbortController().signal;
export const FAST: Partial<DriverSettings> = { tickMillis: 10, electionTicks: 10, leaderWaitTimeouts: 2 };

export class MemoryCluster {
  readonly network = new MemoryNetwork();
  readonly members = new Map<string, Member>();
  /** How far a member's wall clock is ahead of the machine's, in microseconds, by name. For members opened later. */
  readonly skews = new Map<string, number>();
  readonly #settings: Partial<DriverSettings>;
  readonly #logger: Logger;
  readonly #disks = new Map<string, MemoryDisk>();
  #disksMade = 0;

  /** All members write to `logger`. */
  constructor(settings: Partial<DriverSettings> = {}, logger: Logger = silentLogger) {
    this.#settings = { ...FAST, ...settings };
    this.#logger = logger;
  }

  /** Starts members that know each other as first members, and waits until one leads. */
  static async start(names: readonly string[], settings: Partial<DriverSettings> = {}): Promise<MemoryCluster> {
    const cluster = new MemoryCluster(settings);
    await Promise.all(names.map((name) => cluster.open(name, cluster.initial(names))));
    await cluster.leader();
    return cluster;
  }

  initial(names: readonly string[]): Beginning {
    return { kind: 'initial-members', members: names.map((name) => ({ name, address: name })) };
  }

  /** The disk that a member of this name has or will have. */
  disk(name: string): MemoryDisk {
    const found = this.#disks.get(name);
    if (found !== undefined) return found;
    this.#disksMade += 1;
    const disk = new MemoryDisk(this.#disksMade, 100 + this.#disksMade);
    this.#disks.set(name, disk);
    return disk;
  }

  /** Opens a member on its disk, a new one if it has none. Its address is its name unless another one is given. */
  async open(
    name: string,
    beginning: Beginning = { kind: 'join', addresses: [] },
    address: string = name,
  ): Promise<Member> {
    const disk = this.disk(name);
    const node = await disk.openMember({
      beginning,
      name,
      peerAddress: address,
      clientAddress: `${address}:client`,
      transport: this.network.transport(address),
      settings: this.#settings,
      logger: this.#logger,
    });
    const member = { name, disk, node, pipeline: new AppendPipeline(node.store, { clock: this.#clock(name) }) };
    this.members.set(name, member);
    return member;
  }

  #clock(name: string): Clock {
    return { ...systemClock, nowMicros: () => systemClock.nowMicros() + (this.skews.get(name) ?? 0) };
  }

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }

  /** As kill -9 and a loss of power do. */
  async crash(name: string): Promise<void> {
    const { disk, node } = this.member(name);
    disk.powerOff();
    this.members.delete(name);
    await node.close().catch(() => undefined);
    disk.crash();
  }

  /** The next time it is opened, its disk is a new one. */
  wipe(name: string): void {
    this.#disks.delete(name);
  }

  /** The member that may decide, once the others (of those that run, but `without`) follow it. */
  async leader(without: readonly string[] = []): Promise<Member> {
    let found: Member | undefined;
    await eventually('a leader', () => {
      const running = [...this.members.values()].filter(({ name }) => !without.includes(name));
      found = running.find(({ node }) => node.admin.leader().self);
      return found !== undefined;
    });
    return found as Member;
  }

  /** Appends one event, retried with the same id at whoever leads until it is answered. */
  async append(id: number, streamId = 's', without: readonly string[] = []): Promise<AppendResult> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const { pipeline } = await this.leader(without);
      try {
        const [result] = await pipeline.append(append(streamId, [id], { kind: 'any' }), SIGNAL);
        if (result !== undefined) return result;
      } catch (error) {
        if (!isStoreError(error) || !error.retryable) throw error;
      }
    }
    throw new Error(`event ${id} was not appended`);
  }

  /** Ids of all events that a member shows, by position. */
  async contents(name: string): Promise<string[]> {
    const ids: string[] = [];
    for await (const chunk of this.member(name).node.store.readAll(0, 'forwards')) {
      for (const one of chunk) for (let i = 0; i < one.count; i += 1) ids.push(one.eventId(i));
    }
    return ids;
  }

  /** Waits until all running members show as many events. */
  async level(events: number): Promise<void> {
    await eventually(`${events} events everywhere`, () =>
      [...this.members.values()].every(({ node }) => node.store.appliedEnd >= events),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.members.values()].map(({ node }) => node.close()));
  }
}

/** Makes a change of members again until it is not refused any more. */
export async function untilNotRefused(change: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + 20_000;
  for (;;) {
    try {
      await change();
      return;
    } catch (error) {
      if (performance.now() > end || !isStoreError(error) || !error.is('MEMBERSHIP_REFUSED')) throw error;
      await delay(systemClock, 10);
    }
  }
}
