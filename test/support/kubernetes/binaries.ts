/**
 * Where the programs of the Kubernetes tests are: etcd, Kubernetes itself, Helm and CoreDNS. Follows the convention
 * that `KUBEBUILDER_ASSETS` names a folder with `etcd`, `kube-apiserver` and `kubectl`; what is not there is built or, etcd,
 * unpacked from Debian's package, once, into a cache.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildPrograms, cacheDirectory } from './go-programs.ts';
import type { GoModule } from './go-programs.ts';
import { COREDNS_VERSION, HELM_VERSION, KUBERNETES_VERSION } from './versions.ts';

/** What an API server needs, as paths of programs. */
export interface ApiServerPrograms {
  readonly etcd: string;
  readonly apiServer: string;
  readonly kubectl: string;
}

/** What a node and its control plane need besides. */
export interface KubernetesPrograms extends ApiServerPrograms {
  readonly controllerManager: string;
  readonly scheduler: string;
  readonly kubelet: string;
  readonly kubeProxy: string;
}

function stamp(variables: Readonly<Record<string, string>>): string {
  return ['-s -w', ...Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)].join(' ');
}

function kubernetesStamp(): string {
  const [major = '', minor = ''] = KUBERNETES_VERSION.split('.');
  const values = { gitVersion: `v${KUBERNETES_VERSION}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const packages = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];
  const entries = packages.flatMap((path) => Object.entries(values).map(([name, value]) => [`${path}.${name}`, value]));
  return stamp(Object.fromEntries(entries) as Record<string, string>);
}

export const KUBERNETES: GoModule = {
  name: 'kubernetes',
  version: KUBERNETES_VERSION,
  packages: 'tool',
  programs: ['kube-apiserver', 'kube-controller-manager', 'kube-proxy', 'kube-scheduler', 'kubectl', 'kubelet'],
  ldflags: kubernetesStamp(),
};

export const HELM: GoModule = {
  name: 'helm',
  version: HELM_VERSION,
  packages: 'tool',
  programs: ['helm'],
  ldflags: stamp({ 'helm.sh/helm/v4/internal/version.version': `v${HELM_VERSION}` }),
};

export const COREDNS: GoModule = {
  name: 'coredns',
  version: COREDNS_VERSION,
  packages: '.',
  programs: ['coredns'],
  ldflags: stamp({}),
};

/** The program of a pod's first container, which is our own: there is no registry to take it from. */
export const PAUSE: GoModule = {
  name: 'pause',
  version: '1',
  packages: '.',
  programs: ['pause'],
  ldflags: stamp({}),
};

/** What `KUBEBUILDER_ASSETS` names, or what is built for it. Throws, naming the program, when the folder lacks one. */
export async function apiServerPrograms(): Promise<ApiServerPrograms> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets === undefined || assets === '') return kubernetesPrograms();
  const found = (program: string): string => {
    const path = join(assets, program);
    if (!existsSync(path)) throw new Error(`KUBEBUILDER_ASSETS is ${assets}, which has no ${program}`);
    return path;
  };
  return { etcd: found('etcd'), apiServer: found('kube-apiserver'), kubectl: found('kubectl') };
}

/** All programs of Kubernetes, and etcd. */
export async function kubernetesPrograms(): Promise<KubernetesPrograms> {
  const etcd = etcdProgram();
  const built = await buildPrograms(KUBERNETES);
  return {
    etcd,
    apiServer: join(built, 'kube-apiserver'),
    kubectl: join(built, 'kubectl'),
    controllerManager: join(built, 'kube-controller-manager'),
    scheduler: join(built, 'kube-scheduler'),
    kubelet: join(built, 'kubelet'),
    kubeProxy: join(built, 'kube-proxy'),
  };
}

/** Helm. */
export async function helmProgram(): Promise<string> {
  return join(await buildPrograms(HELM), 'helm');
}

/** The program of a pod's first container. */
export async function pauseProgram(): Promise<string> {
  return join(await buildPrograms(PAUSE), 'pause');
}

/** CoreDNS. */
export async function corednsProgram(): Promise<string> {
  return join(await buildPrograms(COREDNS), 'coredns');
}

/**
 * The system's etcd, else that of Debian's package, which is fetched and unpacked but not installed: an installed one would be
 * started as a service, and installing needs root.
 */
function etcdProgram(): string {
  const installed = '/usr/bin/etcd';
  if (existsSync(installed)) return installed;
  const target = join(cacheDirectory(), 'etcd');
  const program = join(target, 'usr', 'bin', 'etcd');
  if (existsSync(program)) return program;
  const partial = `${target}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    console.log(`unpacking etcd from Debian's package into ${target}, once`);
    fetchPackage('etcd-server', partial);
    const [archive = ''] = readdirSync(partial);
    run('dpkg-deb', ['--extract', join(partial, archive), join(partial, 'root')]);
    rmSync(target, { recursive: true, force: true });
    renameSync(join(partial, 'root'), target);
  } catch (error) {
    throw new Error(`the Kubernetes tests need etcd in /usr/bin or KUBEBUILDER_ASSETS: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return program;
}

function fetchPackage(name: string, directory: string): void {
  const download = (): void => run('apt-get', ['download', name], directory);
  try {
    download();
  } catch {
    // The lists of packages may be old, or not there yet.
    run('apt-get', ['update']);
    download();
  }
}

function run(command: string, args: readonly string[], directory?: string): void {
  const { status, error, stderr } = spawnSync(command, args, { cwd: directory, encoding: 'utf8', timeout: 300_000 });
  if (status === 0) return;
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
}
