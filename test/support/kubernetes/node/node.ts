/**
 * A whole Kubernetes cluster of one node that runs real pods. Only inside a machine of its own (`../machine.ts`), as it changes
 * addresses, packet filters and mounts, and leaves it to the machine's end to take them back.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corednsProgram, kubernetesPrograms, pauseProgram } from '../binaries.ts';
import type { KubernetesPrograms } from '../binaries.ts';
import { startControlPlane } from '../control-plane.ts';
import type { ControlPlane } from '../control-plane.ts';
import { Daemon } from '../daemon.ts';
import { ensureNodePackages } from '../debian-packages.ts';
import type { KubernetesObject } from '../kubernetes-api.ts';
import { controlGroupOf, machineDirectory } from '../machine.ts';
import { ContainerRuntime, PAUSE_IMAGE } from './container-runtime.ts';
import { writeProgramImage } from './image-archive.ts';
import { KUBELET_HEALTH_PORT, kubelet, kubeProxy, NAME_SERVER_HEALTH_PORT, nameServer } from './kubelet.ts';
import { PROXY_HEALTH_PORT } from './kubelet.ts';
import type { NodeSettings } from './kubelet.ts';
import { LocalVolumes } from './volumes.ts';

export const NODE_NAME = 'node';
/** The node's address: that of a bridge without ports, reached by pods over their cables. */
export const NODE_ADDRESS = '10.89.0.1';

type NodeObject = KubernetesObject & {
  readonly spec: { readonly taints?: readonly unknown[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
};

const READY_MILLIS = 120_000;

/** Makes ready what a node is made of, for which it may need the network: to be called outside the machine, before it. */
export async function prepareNode(): Promise<void> {
  ensureNodePackages();
  await kubernetesPrograms();
  await corednsProgram();
  await pauseProgram();
}

/** Starts everything; resolves when the node is ready for pods. */
export async function startNode(): Promise<KubernetesNode> {
  const machine = machineDirectory();
  if (machine === null) throw new Error('a node is started only inside a machine of its own');
  prepareMachine(machine);
  const programs = await kubernetesPrograms();
  const plane = await startControlPlane({ controllers: true, scheduler: true, address: NODE_ADDRESS });
  const directory = join(machine, 'node');
  mkdirSync(directory);
  const node = new KubernetesNode(directory, controlGroupOf(machine), plane);
  try {
    await node.start(programs);
    return node;
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${node.logTails()}`, { cause: error });
  }
}

/** Started by {@link startNode}. */
export class KubernetesNode {
  readonly plane: ControlPlane;
  readonly runtime: ContainerRuntime;
  readonly volumes: LocalVolumes;
  readonly #settings: NodeSettings;
  readonly #daemons: Daemon[] = [];

  constructor(directory: string, controlGroup: string, plane: ControlPlane) {
    this.plane = plane;
    this.runtime = new ContainerRuntime(join(directory, 'containerd'), plane.logDirectory);
    this.volumes = new LocalVolumes(plane.api, join(directory, 'volumes'), NODE_NAME);
    const runtimeSocket = this.runtime.socket;
    this.#settings = { name: NODE_NAME, address: NODE_ADDRESS, directory, controlGroup, runtimeSocket };
  }

  /** Called by {@link startNode}. */
  async start(programs: KubernetesPrograms): Promise<void> {
    const { plane } = this;
    await this.runtime.start();
    const pause = writeProgramImage(PAUSE_IMAGE, await pauseProgram(), this.#settings.directory);
    await this.runtime.importImages(pause);
    const daemons = [
      { options: kubelet(this.#settings, plane, programs.kubelet), health: `${KUBELET_HEALTH_PORT}/healthz` },
      { options: kubeProxy(this.#settings, plane, programs.kubeProxy), health: `${PROXY_HEALTH_PORT}/healthz` },
      {
        options: nameServer(this.#settings, plane, await corednsProgram()),
        health: `${NAME_SERVER_HEALTH_PORT}/ready`,
      },
    ];
    await Promise.all(
      daemons.map(async ({ options, health }) => {
        const daemon = new Daemon({ ...options, restarted: true });
        this.#daemons.push(daemon);
        await daemon.start(async () => (await fetch(`http://127.0.0.1:${health}`)).ok, READY_MILLIS);
      }),
    );
    await this.volumes.start();
    await this.#ready();
  }

  /** Resolves when pods can be put on it. */
  async #ready(): Promise<void> {
    const end = performance.now() + READY_MILLIS;
    for (;;) {
      const node = (await this.plane.api.find(`/api/v1/nodes/${NODE_NAME}`)) as NodeObject | null;
      const ready = node?.status.conditions?.find(({ type }) => type === 'Ready');
      if (ready?.status === 'True' && (node?.spec.taints ?? []).length === 0) return;
      if (performance.now() > end) throw new Error(`the node did not become ready: ${JSON.stringify(ready)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Ends everything but what the machine's end takes with it: containers and mounts. */
  async stop(): Promise<void> {
    await this.volumes.stop();
    for (const daemon of this.#daemons) await daemon.stop('SIGKILL');
    await this.runtime.stop();
    await this.plane.stop();
  }

  /** The ends of all logs, for a failure's report. */
  logTails(): string {
    const own = [...this.#daemons.map((daemon) => `=== ${daemon.name}\n${daemon.logTail()}`)];
    const volumes = `=== volumes\n${this.volumes.lastError ?? 'no error'}`;
    return [this.plane.logTails(), `=== containerd\n${this.runtime.logTail()}`, ...own, volumes].join('\n');
  }
}

function prepareMachine(machine: string): void {
  // Sockets of the container runtime's helpers and handles of network namespaces have fixed places here.
  execFileSync('mount', ['--make-rprivate', '/']);
  for (const path of ['/run', '/dev/shm']) execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', path]);
  execFileSync('hostname', [NODE_NAME]);
  const ip = (...args: readonly string[]): void => void execFileSync('ip', args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'node0', 'type', 'bridge');
  ip('addr', 'add', `${NODE_ADDRESS}/24`, 'dev', 'node0');
  ip('link', 'set', 'node0', 'up');
  // The kubelet wants to know its way out, which it never uses.
  ip('route', 'add', 'default', 'dev', 'node0');
  // Names of Services are known to what runs here beside pods, too.
  const resolver = join(machine, 'resolv.conf');
  writeFileSync(resolver, `nameserver ${NODE_ADDRESS}\n`);
  execFileSync('mount', ['--bind', resolver, '/etc/resolv.conf']);
  for (const setting of ['ip_forward', 'conf/all/forwarding']) writeFileSync(`/proc/sys/net/ipv4/${setting}`, '1');
}
