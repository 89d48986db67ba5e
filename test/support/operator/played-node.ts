/**
 * A node that a test plays, where no kubelet runs: it takes every pod of a namespace, runs its container as a real server process on an
 * address of loopback, and tells the API server how it is; volumes are directories. Everything else (StatefulSets, garbage collection, volume claims)
 * is done by Kubernetes' own controllers.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubernetesApi, KubernetesObject } from '../kubernetes/kubernetes-api.ts';
import { cleanEnvironment, MAIN } from '../server-process.ts';
import { ROOT } from '../source-tree.ts';

interface ClaimObject extends KubernetesObject {
  readonly spec: {
    readonly volumeName?: string;
    readonly storageClassName?: string;
    readonly resources: { readonly requests: { readonly storage: string } };
  };
  readonly status: { readonly phase?: string; readonly capacity?: { readonly storage: string } };
}

interface PodObject extends KubernetesObject {
  readonly spec: {
    readonly nodeName?: string;
    readonly subdomain?: string;
    readonly containers: readonly { readonly args: readonly string[] }[];
  };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const NODE = 'played';
const TURN_MILLIS = 150;
const HEARTBEAT_MILLIS = 4_000;

interface RunningPod {
  readonly child: ChildProcess;
  readonly address: string;
  readonly startedAt: string;
  exit: { readonly code: number | null } | null;
  ready: boolean;
}

export interface PlayedNodeOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** For volumes, logs and the names of pods. */
  readonly directory: string;
  /** The first three parts of the addresses of pods, such as `127.77.1`. */
  readonly network: string;
}

/** Runs until it is stopped. */
export class PlayedNode {
  readonly #options: PlayedNodeOptions;
  readonly #pods = new Map<string, RunningPod>();
  readonly #addresses = new Map<string, string>();
  /** Pods that are kept from starting, by name. */
  readonly held = new Set<string>();
  readonly problems: string[] = [];
  #stopped = false;
  #turning: Promise<void> = Promise.resolve();

  constructor(options: PlayedNodeOptions) {
    this.#options = options;
    for (const name of ['volumes', 'logs']) mkdirSync(join(options.directory, name), { recursive: true });
  }

  /** Resolves when the node is known. */
  async start(): Promise<void> {
    await this.#options.api.create('/api/v1/nodes', { metadata: { name: NODE } });
    await this.#beat();
    this.#turning = this.#turn();
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#turning;
    await Promise.all([...this.#pods.values()].map((pod) => end(pod, 'SIGKILL')));
  }

  /** Where clients reach what runs now. */
  get addresses(): string[] {
    return [...this.#pods.values()].filter(({ exit }) => exit === null).map(({ address }) => `${address}:4000`);
  }

  /** Where the pod of that name is; it keeps its address. */
  addressOf(pod: string): string {
    const known = this.#addresses.get(pod) ?? `${this.#options.network}.${this.#addresses.size + 1}`;
    this.#addresses.set(pod, known);
    return known;
  }

  /** The end of a pod's log. */
  logTail(pod: string): string {
    const path = join(this.#options.directory, 'logs', `${pod}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(-12).join('\n') : 'no log';
  }

  async #turn(): Promise<void> {
    let beat = performance.now();
    while (!this.#stopped) {
      try {
        if (performance.now() - beat > HEARTBEAT_MILLIS) {
          beat = performance.now();
          await this.#beat();
        }
        await this.#provideVolumes();
        await this.#runPods();
      } catch (error) {
        // The API server may be down at the moment, which is a part of the tests.
        this.problems.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, TURN_MILLIS));
    }
  }

  async #beat(): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+Z/, 'Z');
    const ready = { type: 'Ready', status: 'True', reason: 'Played', message: 'played', lastHeartbeatTime: now };
    const status = { conditions: [{ ...ready, lastTransitionTime: now }], capacity: { pods: '20' } };
    await this.#options.api.patch(`/api/v1/nodes/${NODE}/status`, { status });
    const metadata = { name: NODE, namespace: 'kube-node-lease' };
    const spec = { holderIdentity: NODE, leaseDurationSeconds: 40, renewTime: now.replace('Z', '.000000Z') };
    const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    if ((await this.#options.api.find(`${path}/${NODE}`)) === null) {
      await this.#options.api.create(path, { metadata, spec });
    } else await this.#options.api.patch(`${path}/${NODE}`, { spec });
  }

  /** A volume for each claim, as large as that asks for: another one for another claim of the same name, and so an empty one. */
  async #provideVolumes(): Promise<void> {
    const { api, namespace, directory } = this.#options;
    const claims = await api.list(`/api/v1/namespaces/${namespace}/persistentvolumeclaims`);
    for (const claim of claims as readonly ClaimObject[]) {
      const { name, uid = '' } = claim.metadata;
      const volume = `volume-${uid}`;
      await this.#growVolume(claim);
      if (claim.spec.volumeName !== undefined || (await api.find(`/api/v1/persistentvolumes/${volume}`)) !== null) {
        continue;
      }
      await api.create('/api/v1/persistentvolumes', {
        metadata: { name: volume },
        spec: {
          capacity: claim.spec.resources.requests,
          accessModes: ['ReadWriteOnce'],
          storageClassName: claim.spec.storageClassName ?? '',
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid },
          persistentVolumeReclaimPolicy: 'Retain',
          hostPath: { path: join(directory, 'volumes', volume) },
        },
      });
    }
  }

  async #growVolume({ metadata: { name, uid }, spec, status }: ClaimObject): Promise<void> {
    const { api, namespace } = this.#options;
    const capacity = spec.resources.requests;
    if (status.phase !== 'Bound' || status.capacity?.storage === capacity.storage) return;
    await api.patch(`/api/v1/persistentvolumes/${String(spec.volumeName)}`, { spec: { capacity } });
    const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}/status`;
    await api.patch(path, { metadata: { uid }, status: { capacity } });
  }

  async #runPods(): Promise<void> {
    const { api, namespace } = this.#options;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const pods = (await api.list(path)) as readonly PodObject[];
    for (const pod of pods) {
      const uid = pod.metadata.uid ?? '';
      const running = this.#pods.get(uid);
      if (pod.metadata.deletionTimestamp !== undefined) {
        if (running !== undefined) await end(running, 'SIGTERM');
        this.#pods.delete(uid);
        await api.delete(`${path}/${pod.metadata.name}`, { gracePeriodSeconds: 0, preconditions: { uid } });
      } else if (running === undefined) await this.#startPod(pod, path);
      else await this.#tell(pod, running, path);
    }
    const uids = new Set(pods.map(({ metadata }) => metadata.uid ?? ''));
    for (const [uid, running] of this.#pods) {
      if (uids.has(uid)) continue;
      await end(running, 'SIGKILL');
      this.#pods.delete(uid);
    }
  }

  async #startPod(pod: PodObject, path: string): Promise<void> {
    const { name, uid = '' } = pod.metadata;
    if (this.held.has(name)) return;
    const volume = await this.#volumeOf(pod);
    if (volume === null) return;
    if (pod.spec.nodeName === undefined) {
      const target = { apiVersion: 'v1', kind: 'Node', name: NODE };
      await this.#options.api.create(`${path}/${name}/binding`, { metadata: { name }, target });
    }
    const address = this.addressOf(name);
    this.#writeNames(pod, address);
    const args = pod.spec.containers[0]?.args ?? [];
    const log = openSync(join(this.#options.directory, 'logs', `${name}.log`), 'a');
    const names = join(ROOT, 'test/support/operator/names-of-pods.ts');
    const child = spawn(process.execPath, ['--import', names, MAIN, ...localArguments(args, address, volume)], {
      env: cleanEnvironment({ PODS_FILE: this.#namesFile, POD_NAME: name }),
      stdio: ['ignore', log, log],
    });
    const startedAt = new Date().toISOString().replace(/\.\d+Z/, 'Z');
    const running: RunningPod = { child, address, startedAt, exit: null, ready: false };
    child.once('exit', (code) => {
      running.exit = { code };
    });
    this.#pods.set(uid, running);
    await this.#tell(pod, running, path);
  }

  /** Null: it has none yet. */
  async #volumeOf(pod: PodObject): Promise<string | null> {
    const { api, namespace, directory } = this.#options;
    const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/data-${pod.metadata.name}`;
    const claim = (await api.find(path)) as ClaimObject | null;
    if (claim?.status.phase !== 'Bound' || claim.metadata.deletionTimestamp !== undefined) return null;
    return join(directory, 'volumes', String(claim.spec.volumeName));
  }

  async #tell(pod: PodObject, running: RunningPod, path: string): Promise<void> {
    const { name } = pod.metadata;
    if (running.exit !== null) {
      // As a kubelet would after a moment: the same pod, started anew.
      this.#pods.delete(pod.metadata.uid ?? '');
      return;
    }
    running.ready = await isReady(running.address);
    const told = pod.status.conditions?.find(({ type }) => type === 'Ready');
    const value = running.ready ? 'True' : 'False';
    if (told?.status === value && pod.status.podIP === running.address) return;
    const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: type.endsWith('Ready') ? value : 'True',
      lastTransitionTime: new Date().toISOString().replace(/\.\d+Z/, 'Z'),
    }));
    const container = {
      name: 'graveyar',
      image: 'played',
      imageID: 'played',
      ready: running.ready,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: running.startedAt } },
    };
    await this.#options.api.patch(`${path}/${name}/status`, {
      metadata: { uid: pod.metadata.uid },
      status: {
        phase: 'Running',
        podIP: running.address,
        podIPs: [{ ip: running.address }],
        hostIP: '127.0.0.1',
        startTime: running.startedAt,
        conditions,
        containerStatuses: [container],
      },
    });
  }

  get #namesFile(): string {
    return join(this.#options.directory, 'pods.json');
  }

  #writeNames(pod: PodObject, address: string): void {
    const { namespace } = this.#options;
    const file = this.#namesFile;
    const names = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
    names[`${pod.metadata.name}.${String(pod.spec.subdomain)}.${namespace}.svc`] = address;
    writeFileSync(file, JSON.stringify(names));
  }
}

/** The container's arguments, for this address instead of all, and this directory instead of the mounted volume. */
function localArguments(args: readonly string[], address: string, volume: string): string[] {
  return args
    .filter((arg) => !arg.startsWith('--kubernetes-pod'))
    .map((arg) => arg.replace(/^(--(?:host|peer-host|metrics-host))=::$/, `$1=${address}`))
    .map((arg) => (arg.startsWith('--data-directory=') ? `--data-directory=${volume}` : arg));
}

async function isReady(address: string): Promise<boolean> {
  try {
    return (await fetch(`http://${address}:4001/readyz`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

async function end({ child, exit }: RunningPod, signal: NodeJS.Signals): Promise<void> {
  if (exit !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await gone;
  clearTimeout(timer);
}
