/**
 * One run of a whole node on a simulated machine: data directory, log, state, driver, store and pipeline of the product, over the
 * simulated disk, engine, network and clock.
 *
 * Invariants: begins with what the disk holds and nothing else; everything that it awaits is settled by an event of its machine, so
 * that it stands still for good when it has ended. Must not know why it is crashed or paused.
 */
import { openMemberAt } from '../../../src/cluster/open-replicated-store.ts';
import type { Beginning, ReplicatedNode } from '../../../src/cluster/replicated-node.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import type { ComposedPipeline } from '../../../src/pipeline/create-pipeline.ts';
import { createPipeline } from '../../../src/pipeline/create-pipeline.ts';
import { DataDirectory } from '../../../src/storage/data-directory.ts';
import type { DataDirectoryPaths } from '../../../src/storage/data-directory.ts';
import { RaftLog } from '../../../src/storage/raft-log/raft-log.ts';
import type { StoredAppend } from '../../../src/storage/stored-append.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import type { Disk } from '../disk.ts';
import { type DiskBehaviour, type DiskProcess, SimulatedFileSystem } from '../disk-file-system.ts';
import type { SeededRandom } from '../random.ts';
import type { WholeMachine } from './machine.ts';
import { SimulatedTransport } from './simulated-transport.ts';
import { openSimulatedState } from './state-disk.ts';
import type { WholeWorld } from './world.ts';

const DATA = 'data';
const EPOCH_MICROS = 1_700_000_000_000_000;

export class NodeProcess implements DiskProcess {
  readonly behaviour: DiskBehaviour;
  readonly transport: SimulatedTransport;
  readonly clock: Clock;
  node: ReplicatedNode | null = null;
  pipeline: ComposedPipeline | null = null;
  clusterId: string | null = null;
  readonly #machine: WholeMachine;
  readonly #world: WholeWorld;
  readonly #fileSystem: SimulatedFileSystem;
  #shown = 0;
  #waiting: StoredAppend[] | null = [];

  constructor(machine: WholeMachine) {
    this.#machine = machine;
    this.#world = machine.world;
    const { profile, scheduler } = machine.world;
    this.behaviour = {
      writeMicros: profile.writeMicros,
      syncMicros: profile.syncMicros,
      stalledUntil: 0,
      failAfter: -1,
      failed: false,
      now: () => scheduler.now,
    };
    this.#fileSystem = new SimulatedFileSystem(this, this.behaviour);
    this.transport = new SimulatedTransport(machine.world, machine, this);
    const { speed, skewMicros } = machine;
    this.clock = {
      nowMicros: () => EPOCH_MICROS + skewMicros + Math.floor(scheduler.now * speed),
      monotonicMillis: () => (scheduler.now * speed) / 1000,
      setTimer: (millis, callback) => {
        let cancelled = false;
        this.later(Math.ceil((millis * 1000) / speed), () => {
          if (!cancelled) callback();
        });
        return () => {
          cancelled = true;
        };
      },
    };
  }

  get disk(): Disk {
    return this.#machine.disk;
  }

  get random(): SeededRandom {
    return this.#machine.random;
  }

  alive(): boolean {
    return this.#machine.process === this;
  }

  later(delay: number, action: () => void): void {
    this.#world.scheduler.after(delay, () => {
      this.#machine.perform(this, action);
    });
  }

  start(): void {
    this.#open().catch((error: unknown) => {
      this.#end(error);
    });
  }

  /** Ends it in the proper way: hands over, stops, closes. Resolves when the machine may start the next one. */
  async shutDown(): Promise<void> {
    const { node, pipeline } = this;
    if (node === null || pipeline === null) return;
    await node.handOver(2_000);
    await pipeline.stop();
    await node.close();
  }

  async #open(): Promise<void> {
    const { profile } = this.#world;
    const directory = await DataDirectory.open({
      path: DATA,
      fileSystem: this.#fileSystem,
      lock: () => Promise.resolve({ release: () => Promise.resolve() }),
      newIdentity: this.#machine.newIdentity(),
      initialise: (paths) => this.#createLog(paths),
    });
    const { memberId, logId, clusterId } = directory.identity;
    this.#machine.identified(memberId);
    this.clusterId = clusterId;
    const places = {
      fileSystem: this.#fileSystem,
      logPath: directory.logPath,
      logId,
      createLog: false,
      statePath: directory.statePath,
      memberId,
      clusterId,
      joinCluster: async (joined: string) => {
        await directory.joinCluster(joined);
        this.clusterId = joined;
      },
      openState: () => openSimulatedState(this.#machine.state, this, this.#fileSystem, profile),
      release: () => directory.close(),
      newClusterId: () => `cluster-of-${memberId}`,
    };
    const node = await openMemberAt(places, {
      beginning: this.#beginning(),
      name: this.#machine.name,
      peerAddress: this.#machine.address,
      clientAddress: this.#machine.clientAddress,
      transport: this.transport,
      clock: this.clock,
      random: () => this.random.next() / 2 ** 32,
      settings: profile.settings,
      segmentBytes: profile.segmentBytes,
      logger: this.#world.trace.verbose ? this.#machine.logger : silentLogger,
    });
    this.#serve(node);
  }

  #beginning(): Beginning {
    return this.#machine.beginning;
  }

  #serve(node: ReplicatedNode): void {
    const { profile } = this.#world;
    this.node = node;
    node.store.failed.catch((error: unknown) => {
      this.#end(error);
    });
    this.#shown = node.store.appliedEnd;
    node.store.onApplied((appends) => {
      this.#show(appends);
    });
    this.#showRecovered(node, this.#shown).catch((error: unknown) => {
      if (this.alive()) this.#world.violated(error);
    });
    this.pipeline = createPipeline(node.store, {
      clock: this.clock,
      append: {
        maxGroupsInFlight: profile.groupsInFlight,
        group: { maxAppends: 4, maxEvents: 20, maxBytes: 1024 * 1024 },
        nextTurn: () =>
          new Promise((resolve) => {
            this.later(0, resolve);
          }),
      },
      read: { consistencyWaitMillis: 1_000 },
      subscribe: { settings: { queueAppends: 8, attachWithin: 4, endWaitMillis: 1_000 } },
    });
    this.#machine.note('serves', `from ${this.#shown}`);
  }

  /** What the state holds since before must be what everybody has. */
  async #showRecovered(node: ReplicatedNode, end: number): Promise<void> {
    let next = 0;
    if (end > 0) {
      for await (const appends of node.store.readAll(0, 'forwards')) {
        const own = appends.filter(({ firstPosition }) => firstPosition < end);
        next = this.#world.ledger.shown(this.#machine.run, next, own);
        if (next >= end) break;
      }
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    this.#show(waiting);
  }

  #show(appends: readonly StoredAppend[]): void {
    if (this.#waiting !== null) {
      this.#waiting.push(...appends);
      return;
    }
    try {
      this.#shown = this.#world.ledger.shown(this.#machine.run, this.#shown, appends);
      for (const { firstPosition, bytes } of appends) this.#machine.noteApplied(firstPosition, bytes);
    } catch (error) {
      this.#world.violated(error);
    }
  }

  async #createLog({ logPath, identity }: DataDirectoryPaths): Promise<void> {
    const log = await RaftLog.open({
      fileSystem: this.#fileSystem,
      directory: logPath,
      logId: identity.logId,
      applied: { index: 0 },
      segmentBytes: this.#world.profile.segmentBytes,
    });
    await log.close();
  }

  #end(error: unknown): void {
    if (this.alive()) this.#machine.ended(error);
  }
}
