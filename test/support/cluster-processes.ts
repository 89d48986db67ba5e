/**
 * A cluster of real server processes on loopback, for tests that kill and restart them.
 */
import { join } from 'node:path';
import { GraveyarClient } from '../../src/client/index.ts';
import type { ClientOptions, ClusterMember } from '../../src/client/index.ts';
import { freePorts } from './free-ports.ts';
import { cleanEnvironment, startServerProcess } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

/** Where one member is, and its process while it runs. */
export class ClusterNode {
  readonly name: string;
  readonly address: string;
  readonly peerAddress: string;
  dataDirectory: string;
  process: ServerProcess | null = null;
  readonly #flags: () => readonly string[];
  readonly #environment: Readonly<Record<string, string>>;

  constructor(
    name: string,
    ports: readonly [number, number],
    dataDirectory: string,
    flags: () => readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.name = name;
    this.#environment = environment;
    this.address = `127.0.0.1:${ports[0]}`;
    this.peerAddress = `127.0.0.1:${ports[1]}`;
    this.dataDirectory = dataDirectory;
    this.#flags = flags;
  }

  /** Starts it; resolves when it listens. */
  async start(): Promise<void> {
    const port = (address: string): string => address.split(':')[1] ?? '';
    const own = ['--name', this.name, '--port', port(this.address), '--peer-port', port(this.peerAddress)];
    this.process = await startServerProcess({
      dataDirectory: this.dataDirectory,
      flags: [...own, ...this.#flags()],
      spawn: { env: cleanEnvironment(this.#environment) },
    });
  }

  async kill(): Promise<void> {
    this.process?.kill('SIGKILL');
    await this.process?.exited;
    this.process = null;
  }

  /** SIGTERM; throws when it does not end in order. */
  async stop(): Promise<void> {
    const exit = await this.process?.stop();
    this.process = null;
    if (exit !== undefined && exit.code !== 0) throw new Error(`${this.name} ended with ${JSON.stringify(exit)}`);
  }
}

/** The cluster. Its nodes are started by {@link startCluster}. */
export class ClusterProcesses {
  readonly nodes: ClusterNode[];
  readonly #directory: string;
  readonly #clients: GraveyarClient[] = [];
  readonly #clientOptions: ClientOptions;

  /** `clientOptions`: of every client, unless it says otherwise. */
  constructor(directory: string, nodes: ClusterNode[], clientOptions: ClientOptions = {}) {
    this.#clientOptions = clientOptions;
    this.#directory = directory;
    this.nodes = nodes;
  }

  /** A client of all nodes, closed with the cluster. */
  client(options: ClientOptions = {}, nodes: readonly ClusterNode[] = this.nodes): GraveyarClient {
    const client = new GraveyarClient(
      nodes.map(({ address }) => address),
      { ...this.#clientOptions, ...options },
    );
    this.#clients.push(client);
    return client;
  }

  /** Waits until there is a leader that the condition, if any, holds for, and returns its node. */
  async leader(condition: (members: readonly ClusterMember[]) => boolean = () => true): Promise<ClusterNode> {
    const client = this.client();
    const end = performance.now() + 60_000;
    for (;;) {
      const members = await client.cluster.members().catch(() => []);
      const leader = members.find(({ role }) => role === 'leader');
      const node = this.nodes.find(({ address }) => address === leader?.clientAddress);
      if (node !== undefined && condition(members)) return node;
      if (performance.now() > end) throw new Error(`no such leader: ${JSON.stringify(members)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A node that is not among the first members, and asks these to be added. Not started. */
  async joining(name: string): Promise<ClusterNode> {
    const addresses = this.nodes.map(({ peerAddress }) => peerAddress).join(',');
    const [ports] = await freePairs(1);
    const node = new ClusterNode(name, ports, join(this.#directory, name), () => ['--join', addresses]);
    this.nodes.push(node);
    return node;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(this.nodes.map((node) => node.kill()));
  }
}

/** How a cluster differs from one with default settings. */
export interface ClusterOptions {
  /** Of every node. */
  readonly flags?: readonly string[];
  /** Of every client. */
  readonly client?: ClientOptions;
}

/** Starts a cluster of first members, whose data lies below `directory`. Resolves when it has a leader. */
export async function startCluster(
  directory: string,
  count = 3,
  { flags = [], client = {} }: ClusterOptions = {},
): Promise<ClusterProcesses> {
  const ports = await freePairs(count);
  const nodes: ClusterNode[] = ports.map((pair, at) => {
    const name = `node-${at + 1}`;
    return new ClusterNode(name, pair, join(directory, name), () => [
      '--initial-members',
      nodes.map((node) => `${node.name}=${node.peerAddress}`).join(','),
      ...flags,
    ]);
  });
  return startAll(new ClusterProcesses(directory, nodes, client));
}

async function startAll(cluster: ClusterProcesses): Promise<ClusterProcesses> {
  try {
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await cluster.leader();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/**
 * First members with these names that think they run in the pods `<name>-0`, with these credentials and this environment. Resolves when
 * they have a leader.
 */
export async function membersInPods(
  directory: string,
  names: readonly string[],
  credentials: string,
  environment: Readonly<Record<string, string>>,
): Promise<ClusterProcesses> {
  const ports = await freePairs(names.length);
  const nodes: ClusterNode[] = names.map((name, at) => {
    const flags = (): string[] => [
      ...['--initial-members', nodes.map((node) => `${node.name}=${node.peerAddress}`).join(',')],
      ...['--kubernetes-pod', `${name}-0`, '--kubernetes-credentials', credentials],
    ];
    return new ClusterNode(name, ports[at] ?? [0, 0], join(directory, name), flags, environment);
  });
  return startAll(new ClusterProcesses(directory, nodes));
}

/** Nodes that wait to be told what to belong to, with more flags and variables if need be. None is started. */
export async function waitingNodes(
  directory: string,
  count: number,
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<ClusterProcesses> {
  const ports = await freePairs(count);
  const nodes = ports.map((pair, at) => {
    const name = `node-${at + 1}`;
    return new ClusterNode(name, pair, join(directory, name), () => ['--wait-for-cluster', ...flags], environment);
  });
  return new ClusterProcesses(directory, nodes);
}

/** Pairs of free ports: for clients, and for members. */
async function freePairs(count: number): Promise<[[number, number], ...[number, number][]]> {
  const ports = await freePorts(2 * count);
  const pairs = Array.from({ length: count }, (_, at): [number, number] => [
    ports[2 * at] ?? 0,
    ports[2 * at + 1] ?? 0,
  ]);
  return pairs as [[number, number], ...[number, number][]];
}
