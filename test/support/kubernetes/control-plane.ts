/**
 * A real Kubernetes API server with its etcd, on free ports of one address, and, on demand, the controller manager and the
 * scheduler. Its own certificates, its own directory; nothing of it is left after {@link ControlPlane.stop}, and its processes
 * end with this one, however that ends.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiServerPrograms, kubernetesPrograms } from './binaries.ts';
import type { ApiServerPrograms } from './binaries.ts';
import { CertificateAuthority } from './certificates.ts';
import { Daemon } from './daemon.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import { freePorts } from '../free-ports.ts';

export interface ControlPlaneOptions {
  /** Whether objects are acted on: garbage collection, StatefulSets, namespaces' ends. By default not: the API alone. */
  readonly controllers?: boolean;
  /** Whether pods are given nodes. By default not. */
  readonly scheduler?: boolean;
  /** Where it listens; by default on loopback. */
  readonly address?: string;
  /** Further arguments of the API server, which come last and so win. */
  readonly apiServerArguments?: readonly string[];
}

/** Where Services get their addresses from, and the first of them, which is the API server's. */
export const SERVICE_RANGE = '10.96.0.0/16';
export const API_SERVICE_ADDRESS = '10.96.0.1';
/** Where pods get theirs from. */
export const POD_RANGE = '10.244.0.0/24';

const LOOPBACK = '127.0.0.1';
/** Memory with the face of a disk, where there is one: etcd waits for its disk, and that of a busy machine takes seconds. */
const MEMORY = '/dev/shm';
const ETCD_PREFIX = 'graveyar-etcd-';
const START_ATTEMPTS = 3;
const KUBECTL_MILLIS = 60_000;

/** Starts it; resolves when the API server is ready. May build its programs first, which takes minutes. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const full = options.controllers === true || options.scheduler === true;
  const programs: ApiServerPrograms = full ? await kubernetesPrograms() : await apiServerPrograms();
  for (let attempt = 1; ; attempt++) {
    const directory = await mkdtemp(join(tmpdir(), 'graveyar-kubernetes-'));
    const [etcdPort, peerPort, port] = await freePorts(3);
    const plane = new ControlPlane(directory, programs, options, [etcdPort ?? 0, peerPort ?? 0, port ?? 0]);
    try {
      await plane.start();
      return plane;
    } catch (error) {
      await plane.stop();
      // Somebody else may have taken a port meanwhile.
      if (attempt === START_ATTEMPTS || !/address already in use/.test((error as Error).message)) throw error;
    }
  }
}

/** Made and started by {@link startControlPlane}. */
export class ControlPlane {
  /** All its files: certificates, logs, etcd's data. */
  readonly directory: string;
  readonly authority: CertificateAuthority;
  /** The API server's, as `https://address:port`. */
  readonly url: string;
  /** A kubeconfig file of an administrator who may do everything. */
  readonly kubeconfig: string;
  /** The same administrator's view of the API. */
  readonly api: KubernetesApi;
  readonly programs: ApiServerPrograms;
  readonly #etcd: Daemon;
  readonly #etcdUrl: string;
  readonly #etcdDirectory: string;
  readonly #apiServer: Daemon;
  readonly #others: Daemon[] = [];
  readonly #options: ControlPlaneOptions;

  constructor(
    directory: string,
    programs: ApiServerPrograms,
    options: ControlPlaneOptions,
    ports: readonly [etcd: number, etcdPeer: number, apiServer: number],
  ) {
    this.directory = directory;
    this.programs = programs;
    this.#options = options;
    const address = options.address ?? LOOPBACK;
    this.url = `https://${address}:${ports[2]}`;
    this.#etcdUrl = `http://127.0.0.1:${ports[0]}`;
    for (const name of ['pki', 'logs']) mkdirSync(join(directory, name));
    this.#etcdDirectory = makeEtcdDirectory(directory);
    this.authority = new CertificateAuthority(join(directory, 'pki'));
    this.kubeconfig = this.authority.kubeconfig(this.url, 'admin', ['system:masters']);
    this.api = KubernetesApi.fromKubeconfig(this.kubeconfig);
    const etcd = etcdArguments(this.#etcdDirectory, this.#etcdUrl, `http://127.0.0.1:${ports[1]}`);
    this.#etcd = new Daemon({ program: programs.etcd, args: etcd, logDirectory: this.logDirectory });
    const apiServer = this.#apiServerArguments(address, ports[2]);
    this.#apiServer = new Daemon({ program: programs.apiServer, args: apiServer, logDirectory: this.logDirectory });
  }

  get logDirectory(): string {
    return join(this.directory, 'logs');
  }

  /** The processes that run, by name. */
  get processes(): ReadonlyMap<string, number> {
    const daemons = [this.#etcd, this.#apiServer, ...this.#others];
    return new Map(daemons.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid] as const])));
  }

  /** Called by {@link startControlPlane}. */
  async start(): Promise<void> {
    await this.#etcd.start(async () => (await fetch(`${this.#etcdUrl}/health`)).ok);
    await this.startApiServer();
    if (this.#options.controllers === true) await this.#startControllers();
    if (this.#options.scheduler === true) await this.#startScheduler();
  }

  /** Starts the API server again, on the same port with the same objects; resolves when it is ready. */
  async startApiServer(): Promise<void> {
    await this.#apiServer.start(() => this.api.healthy('/readyz'), 120_000);
  }

  /** Ends the API server, by default without notice; everything else goes on. */
  async stopApiServer(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#apiServer.stop(signal);
  }

  /** Ends everything and removes its files. Called again, it does nothing. */
  async stop(): Promise<void> {
    for (const daemon of [...this.#others].reverse()) await daemon.stop('SIGKILL');
    await this.#apiServer.stop('SIGKILL');
    await this.#etcd.stop('SIGKILL');
    this.api.close();
    await rm(this.#etcdDirectory, { recursive: true, force: true });
    await rm(this.directory, { recursive: true, force: true });
  }

  /** A kubeconfig file for another user, by certificate; what the user may do is up to roles. */
  kubeconfigFor(user: string, groups: readonly string[] = []): string {
    return this.authority.kubeconfig(this.url, user, groups);
  }

  /** Runs kubectl as the administrator; its standard output. Throws with its standard error when it fails. */
  kubectl(args: readonly string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const environment = { PATH: process.env['PATH'] ?? '', HOME: this.directory, KUBECONFIG: this.kubeconfig };
      const options = { env: environment, timeout: KUBECTL_MILLIS, maxBuffer: 64 * 1024 * 1024 };
      const child = execFile(this.programs.kubectl, args, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`kubectl ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
      });
      child.stdin?.end(input);
    });
  }

  /** The ends of all logs, for a failure's report. */
  logTails(): string {
    return [this.#etcd, this.#apiServer, ...this.#others]
      .map((daemon) => `=== ${daemon.name}\n${daemon.logTail()}`)
      .join('\n');
  }

  #apiServerArguments(address: string, port: number): string[] {
    const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map((n) => `DNS:${n}`);
    const addresses = ['127.0.0.1', address, API_SERVICE_ADDRESS].map((ip) => `IP:${ip}`);
    const serving = this.authority.server('apiserver', [...names, ...addresses]);
    const kubelets = this.authority.client('kube-apiserver-kubelet-client', ['system:masters']);
    const signing = this.authority.signingKey();
    // Without controllers, nobody makes the service account that this plugin wants each pod to have.
    const plugins = this.#options.controllers === true ? [] : ['--disable-admission-plugins=ServiceAccount'];
    return [
      `--etcd-servers=${this.#etcdUrl}`,
      `--bind-address=${address}`,
      `--advertise-address=${address}`,
      `--secure-port=${port}`,
      `--tls-cert-file=${serving.certificate}`,
      `--tls-private-key-file=${serving.key}`,
      `--client-ca-file=${this.authority.certificate}`,
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      `--service-account-issuer=https://kubernetes.default.svc`,
      `--service-account-key-file=${signing}`,
      `--service-account-signing-key-file=${signing}`,
      `--kubelet-client-certificate=${kubelets.certificate}`,
      `--kubelet-client-key=${kubelets.key}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--authorization-mode=Node,RBAC',
      '--allow-privileged=true',
      // Pods reach the API server by a Service, which may not lead to loopback.
      ...(address === LOOPBACK ? ['--endpoint-reconciler-type=none'] : []),
      ...plugins,
      ...(this.#options.apiServerArguments ?? []),
    ];
  }

  async #startControllers(): Promise<void> {
    const { controllerManager } = await kubernetesPrograms();
    await this.#startOther(controllerManager, 'system:kube-controller-manager', [
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${join(this.authority.directory, 'service-accounts.key')}`,
      `--root-ca-file=${this.authority.certificate}`,
      '--allocate-node-cidrs=false',
      // A pod whose node lost it is soon replaced; tests do not wait for minutes.
      '--node-monitor-grace-period=20s',
    ]);
  }

  async #startScheduler(): Promise<void> {
    const { scheduler } = await kubernetesPrograms();
    await this.#startOther(scheduler, 'system:kube-scheduler', []);
  }

  /** What works beside the API server, as this user. */
  async #startOther(program: string, user: string, own: readonly string[]): Promise<void> {
    const kubeconfig = this.kubeconfigFor(user);
    const [port = 0] = await freePorts(1);
    const args = [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      '--leader-elect=false',
      ...own,
    ];
    // They may end when the API server does, and are started again, as everywhere.
    const daemon = new Daemon({ program, args, logDirectory: this.logDirectory, restarted: true });
    this.#others.push(daemon);
    await daemon.start(() => healthy(`https://127.0.0.1:${port}/healthz`));
  }
}

/** In memory where that can be; removes first what killed processes left there. */
function makeEtcdDirectory(otherwise: string): string {
  if (!existsSync(MEMORY)) return mkdtempSync(join(otherwise, ETCD_PREFIX));
  for (const name of readdirSync(MEMORY).filter((entry) => entry.startsWith(ETCD_PREFIX))) {
    const pid = name.slice(ETCD_PREFIX.length).split('-')[0] ?? '';
    if (!existsSync(`/proc/${pid}`)) rmSync(join(MEMORY, name), { recursive: true, force: true });
  }
  return mkdtempSync(join(MEMORY, `${ETCD_PREFIX}${process.pid}-`));
}

function etcdArguments(directory: string, clientUrl: string, peerUrl: string): string[] {
  return [
    '--name=test',
    `--data-dir=${directory}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=test=${peerUrl}`,
    // The machine is shared and its disk noisy: no election for a slow sync.
    '--heartbeat-interval=500',
    '--election-timeout=5000',
  ];
}

/** Health of a daemon that serves with a certificate that it made for itself. */
function healthy(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = get(url, { rejectUnauthorized: false, timeout: 5_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once('timeout', () => call.destroy());
    call.once('error', () => resolve(false));
  });
}
