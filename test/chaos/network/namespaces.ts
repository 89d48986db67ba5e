/**
 * Hosts as network namespaces of this machine: one for each member and one for the clients, which has a bridge that joins them.
 * Nothing of it reaches outside: the namespaces have no other links.
 *
 * A link is cut by a wrong hardware address for the other side in the sender's neighbour table: packets leave and nobody takes
 * them, as on a broken wire, in one direction, and without packet filters, which kernels may lack. Links are slowed by a
 * token bucket on both ends, whose queue overflows: delay and loss together.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Host, Link, Network } from './network.ts';

const run = promisify(execFile);
const NOWHERE = '02:00:00:00:ff:ff';
const SUBNET = '10.231.0';
const CLIENTS = 0;

/** The names and addresses of a set of namespaces; made by {@link createNamespaces}, used by {@link NamespaceNetwork}. */
export interface Namespaces {
  /** Begins the name of each. */
  readonly name: string;
  readonly hosts: number;
}

/** True where namespaces, virtual links and token buckets may be made. Says why not, otherwise. */
export async function namespacesAllowed(): Promise<boolean> {
  const probe = { name: `gyprobe${process.pid}`, hosts: 1 };
  try {
    await createNamespaces(probe);
    const network = new NamespaceNetwork(probe);
    await network.cut({ from: 1, to: CLIENTS });
    await network.slow(1, 1000);
    await network.healAll();
    return true;
  } catch (error) {
    console.log(`no network namespaces here: ${(error as Error).message.trim()}`);
    return false;
  } finally {
    await removeNamespaces(probe);
  }
}

/** Makes the namespaces. On failure, some may be left: call {@link removeNamespaces} in any case. */
export async function createNamespaces(spaces: Namespaces): Promise<void> {
  const hub = namespaceOf(spaces, CLIENTS);
  await ip('netns', 'add', hub);
  await ip('-n', hub, 'link', 'set', 'lo', 'up');
  await ip('-n', hub, 'link', 'add', 'br0', 'address', hardwareAddress(CLIENTS), 'type', 'bridge');
  await ip('-n', hub, 'link', 'set', 'br0', 'up');
  await ip('-n', hub, 'addr', 'add', `${addressOf(CLIENTS)}/24`, 'dev', 'br0');
  for (let host = 1; host <= spaces.hosts; host++) {
    const name = namespaceOf(spaces, host);
    await ip('netns', 'add', name);
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', hub, 'link', 'add', `v${host}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    await ip('-n', name, 'link', 'set', 'eth0', 'address', hardwareAddress(host));
    await ip('-n', hub, 'link', 'set', `v${host}`, 'master', 'br0', 'up');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    await ip('-n', name, 'addr', 'add', `${addressOf(host)}/24`, 'dev', 'eth0');
  }
}

/** Removes what {@link createNamespaces} made, as far as it is there, and ends what still runs in it. */
export async function removeNamespaces(spaces: Namespaces): Promise<void> {
  for (let host = spaces.hosts; host >= 0; host--) {
    const { stdout } = await run('ip', ['netns', 'pids', namespaceOf(spaces, host)]).catch(() => ({ stdout: '' }));
    for (const pid of stdout.split('\n').filter((line) => line !== '')) endProcess(Number(pid));
    await ip('netns', 'del', namespaceOf(spaces, host)).catch(() => undefined);
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** What to write in front of a command so that it runs where the clients are. */
export function clientPrefix(spaces: Namespaces): string[] {
  return prefixOf(spaces, CLIENTS);
}

/** The network, once its namespaces are there. */
export class NamespaceNetwork implements Network {
  readonly hosts: readonly Host[];
  readonly hasLinks = true;
  readonly #spaces: Namespaces;
  /** Links that are cut, and hosts that are slow: several faults may touch the same. */
  readonly #cuts = new Map<string, Link>();
  readonly #slow = new Set<number>();

  constructor(spaces: Namespaces) {
    this.#spaces = spaces;
    this.hosts = Array.from({ length: spaces.hosts }, (_, index) => ({
      number: index + 1,
      address: addressOf(index + 1),
      prefix: prefixOf(spaces, index + 1),
    }));
  }

  async cut(link: Link): Promise<void> {
    this.#cuts.set(`${link.from} ${link.to}`, link);
    await this.#neighbour(link, NOWHERE);
  }

  async mend(link: Link): Promise<void> {
    this.#cuts.delete(`${link.from} ${link.to}`);
    await this.#neighbour(link, hardwareAddress(link.to));
  }

  async slow(host: number, kilobitsPerSecond: number): Promise<void> {
    this.#slow.add(host);
    const bucket = ['root', 'tbf', 'rate', `${kilobitsPerSecond}kbit`, 'burst', '8kb', 'latency', '300ms'];
    await Promise.all(this.#ends(host).map((end) => tc('qdisc', 'replace', ...end, ...bucket)));
  }

  async unslow(host: number): Promise<void> {
    if (!this.#slow.delete(host)) return;
    await Promise.all(this.#ends(host).map((end) => tc('qdisc', 'del', ...end, 'root')));
  }

  async healAll(): Promise<void> {
    for (const link of [...this.#cuts.values()]) await this.mend(link);
    for (const host of [...this.#slow]) await this.unslow(host);
  }

  #neighbour({ from, to }: Link, hardware: string): Promise<void> {
    const device = from === CLIENTS ? 'br0' : 'eth0';
    const entry = [addressOf(to), 'lladdr', hardware, 'nud', 'permanent', 'dev', device];
    return ip('-n', namespaceOf(this.#spaces, from), 'neigh', 'replace', ...entry);
  }

  /** Both ends of a host's cable, each with its namespace. */
  #ends(host: number): [namespace: string, ...device: string[]][] {
    return [
      [namespaceOf(this.#spaces, host), 'dev', 'eth0'],
      [namespaceOf(this.#spaces, CLIENTS), 'dev', `v${host}`],
    ];
  }
}

function namespaceOf({ name }: Namespaces, host: number): string {
  return `${name}-${host}`;
}

function prefixOf(spaces: Namespaces, host: number): string[] {
  return ['ip', 'netns', 'exec', namespaceOf(spaces, host)];
}

function addressOf(host: number): string {
  return `${SUBNET}.${host === CLIENTS ? 254 : host}`;
}

function hardwareAddress(host: number): string {
  return `02:00:00:00:00:${host.toString(16).padStart(2, '0')}`;
}

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', args, { timeout: 10_000 });
}

async function tc(kind: string, verb: string, namespace: string, ...rest: string[]): Promise<void> {
  await run('tc', ['-n', namespace, kind, verb, ...rest], { timeout: 10_000 });
}
