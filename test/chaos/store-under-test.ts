/**
 * The members of a run as one store: how they are started, who leads, and how to wait until it serves again. What may be
 * wrong at any moment; {@link StoreUnderTest.heal} makes everything right.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraveyarClient } from '../../src/client/index.ts';
import { clusterFlags, leaderOf } from './cluster-commands.ts';
import { Member } from './member.ts';
import type { Network } from './network/network.ts';
import { pause } from './within.ts';

export interface StoreOptions {
  readonly directory: string;
  readonly network: Network;
  readonly nodes: number;
  /** Bytes of the small disk of the last member; 0: none. */
  readonly smallDiskBytes: number;
  /** Of every member, beside those that make it one. */
  readonly flags: readonly string[];
}

/** Where members are reached, on hosts of their own. */
export const CLIENT_PORT = 4000;
export const PEER_PORT = 4100;
const STOP_MILLIS = 30_000;
/** Its members are started by {@link start}. */
export class StoreUnderTest {
  readonly members: readonly Member[];
  readonly network: Network;
  /** The member whose disk can be filled, and its disk. */
  readonly smallDisk: { readonly member: Member; readonly path: string } | null;

  constructor(options: StoreOptions) {
    const { directory, network, nodes, smallDiskBytes } = options;
    this.network = network;
    const plans = network.hosts.slice(0, nodes).map((host, index) => ({
      name: `n${index + 1}`,
      host,
      // On loopback all share one address.
      clientPort: CLIENT_PORT + (network.hasLinks ? 0 : index + 1 + portOffset()),
      peerPort: PEER_PORT + (network.hasLinks ? 0 : index + 1 + portOffset()),
    }));
    const all = plans.map(({ name, host, peerPort }) => ({ name, peerAddress: `${host.address}:${peerPort}` }));
    this.members = plans.map((plan) => {
      const dataDirectory = join(directory, `${plan.name}.data`);
      mkdirSync(dataDirectory, { recursive: true });
      const own = clusterFlags(plan.name, plan.host, plan.peerPort, all);
      return new Member({ ...plan, directory, dataDirectory, flags: options.flags, clusterFlags: own });
    });
    this.smallDisk = smallDiskBytes > 0 ? this.#mountSmallDisk(smallDiskBytes) : null;
  }

  get addresses(): string[] {
    return this.members.map(({ clientAddress }) => clientAddress);
  }

  /** Starts all members; resolves when an append was acknowledged. */
  async start(millis: number): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()));
    await this.waitUntilServing(millis);
  }

  /** Who leads, as far as some member says; null: nobody that is known of. */
  leader(): Member | null {
    return leaderOf(this.members);
  }

  /** Removes every cause of trouble and starts who does not run. */
  async heal(): Promise<void> {
    await this.network.healAll();
    this.emptyDisk();
    for (const member of this.members) member.resume();
    await Promise.all(this.members.map((member) => member.start()));
  }

  /** Resolves when a linearizable read is answered. Rejects after `millis`. */
  async waitUntilServing(millis: number): Promise<void> {
    const deadline = performance.now() + millis;
    let last: unknown = null;
    while (performance.now() < deadline) {
      const client = new GraveyarClient(this.addresses, { deadlineMillis: 2_000 });
      try {
        await client.listStreamsPage({ pageSize: 1 });
        return;
      } catch (error) {
        last = error;
        await pause(50);
      } finally {
        client.close();
      }
    }
    throw new Error(`the store did not serve within ${millis} ms: ${(last as Error).message}`);
  }

  /** How many events the store has, then how many each of the streams has. */
  async ends(streams: readonly string[]): Promise<number[]> {
    const client = new GraveyarClient(this.addresses);
    const last = { direction: 'backwards', limit: 1 } as const;
    try {
      const [event] = await client.readAll(last).toArray();
      const ends = [event === undefined ? 0 : event.position + 1];
      for (const stream of streams) {
        const [newest] = await client.readStream(stream, last).toArray();
        ends.push(newest === undefined ? 0 : newest.revision + 1);
      }
      return ends;
    } finally {
      client.close();
    }
  }

  /** Takes all room on the small disk. */
  fillDisk(): void {
    if (this.smallDisk === null) return;
    const { path } = this.smallDisk;
    const { bavail, bsize } = statfsSync(path);
    const filler = join(path, 'filler');
    try {
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    } catch {
      // It may have been filled by the member meanwhile; that is full as well.
      truncateSync(filler);
      fillUp(filler);
    }
  }

  emptyDisk(): void {
    if (this.smallDisk !== null) rmSync(join(this.smallDisk.path, 'filler'), { force: true });
  }

  /** Ends all members in an orderly way. Resolves with the names of those that had to be killed. */
  async stop(): Promise<string[]> {
    const stopped = await Promise.all(this.members.map((member) => member.stop(STOP_MILLIS)));
    return this.members.filter((_, index) => stopped[index] === false).map(({ name }) => name);
  }

  /** To be called when no member runs. */
  unmount(): void {
    if (this.smallDisk !== null) execFileSync('umount', ['-l', this.smallDisk.path]);
  }

  #mountSmallDisk(bytes: number): { member: Member; path: string } | null {
    const member = this.members.at(-1);
    if (member === undefined) return null;
    const path = member.options.dataDirectory;
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'graveyar-chaos', path], { stdio: 'pipe' });
      return { member, path };
    } catch (error) {
      console.log(`no small disk can be mounted here: ${(error as Error).message.trim()}`);
      return null;
    }
  }
}

function fillUp(path: string): void {
  const block = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeFileSync(path, block, { flag: 'a' });
  } catch {
    // Full.
  }
}

/** Runs beside each other on one machine must not meet. */
function portOffset(): number {
  return 1000 + (process.pid % 1000) * 40;
}
