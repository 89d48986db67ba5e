/**
 * A store on a Kubernetes node, as a platform team sees it: charts installed by Helm, kubectl, and the custom resource. Every wait
 * has a deadline and says what it waited for.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GraveyarCluster } from '../../operator/api/graveyar-cluster.ts';
import { CONTAINER, memberName, podName } from '../../operator/resources/names.ts';
import { ROOT } from '../support/source-tree.ts';
import { ApiError } from '../support/kubernetes/kubernetes-api.ts';
import { machineDirectory } from '../support/kubernetes/machine.ts';
import type { KubernetesNode } from '../support/kubernetes/node/node.ts';
import { isReady, PodHistory } from '../support/kubernetes/pod-history.ts';
import type { Pod } from '../support/kubernetes/pod-history.ts';

export const NAMESPACE = 'shop';
export const STORE = 'store';
export const OPERATOR_NAMESPACE = 'graveyar-system';
export const OPERATOR = 'operator';

/** An image that the node has. */
export interface Image {
  readonly repository: string;
  readonly tag: string;
}

const HELM_MILLIS = 300_000;
const POLL_MILLIS = 250;
const SETTLE_MILLIS = 240_000;
const TOO_MANY_REQUESTS = 429;
const STORE_PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const MEMBER_PODS = `${STORE_PODS}?labelSelector=graveyar.dev/member`;
const execute = promisify(execFile);

/** What the phases of an end-to-end run act on. */
export class TestCluster {
  readonly node: KubernetesNode;
  readonly #helmProgram: string;
  readonly #helmHome: string;

  constructor(node: KubernetesNode, helmProgram: string) {
    this.node = node;
    this.#helmProgram = helmProgram;
    this.#helmHome = join(machineDirectory() ?? '', 'helm');
    mkdirSync(this.#helmHome);
  }

  /** Runs Helm; what it printed. */
  async helm(...args: readonly string[]): Promise<string> {
    const environment = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.#helmHome,
      KUBECONFIG: this.node.plane.kubeconfig,
    };
    const { stdout } = await execute(this.#helmProgram, args, { cwd: ROOT, env: environment, timeout: HELM_MILLIS });
    return stdout;
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.node.plane.kubectl(args);
  }

  /** Installs or upgrades the operator's chart; resolves when its pod is ready. */
  async installOperator(image: Image): Promise<void> {
    const chart = ['upgrade', '--install', OPERATOR, 'charts/graveyar-db-operator'];
    const where = ['--namespace', OPERATOR_NAMESPACE, '--create-namespace', '--wait', '--timeout', '3m'];
    await this.helm(...chart, ...where, ...imageValues(image));
  }

  /** Installs or upgrades the store's chart; resolves when Helm has, which is before the store has done it. */
  async installStore(image: Image, replicas: number): Promise<string> {
    const chart = ['upgrade', '--install', STORE, 'charts/graveyar-db', '--namespace', NAMESPACE, '--create-namespace'];
    const small = ['--set', 'resources.requests.cpu=50m,resources.requests.memory=128Mi,storage.size=1Gi'];
    return this.helm(...chart, ...imageValues(image), ...small, '--set', `replicas=${replicas}`);
  }

  /** The custom resource; null when there is none. */
  async resource(): Promise<GraveyarCluster | null> {
    const path = `/apis/graveyar.dev/v1alpha1/namespaces/${NAMESPACE}/graveyarclusters/${STORE}`;
    return (await this.node.plane.api.find(path)) as unknown as GraveyarCluster | null;
  }

  /** The pods of the store's members. */
  async members(): Promise<readonly Pod[]> {
    return (await this.node.plane.api.list(MEMBER_PODS)) as readonly Pod[];
  }

  /** What becomes of these pods from now on. To be stopped. */
  podHistory(): PodHistory {
    return new PodHistory(this.node.plane.api, MEMBER_PODS);
  }

  /** What a member has logged in its present life. */
  logOf(pod: string): Promise<string> {
    return this.kubectl('logs', '--namespace', NAMESPACE, pod, '--container', CONTAINER);
  }

  /** Runs a command of the store's CLI in the pod of its first member, against any member; what it printed. */
  graveyar(...args: readonly string[]): Promise<string> {
    const inPod = ['exec', '--namespace', NAMESPACE, podName(memberName(STORE, 1)), '--', 'node'];
    return this.kubectl(...inPod, '/app/dist/src/main.js', ...args, '--address', `${STORE}-r:4000`);
  }

  /** The name of the pod that is labelled as the leader's. */
  async leaderPod(): Promise<string> {
    let found = '';
    await this.until('a pod to be labelled as the leader', async () => {
      const leaders = (await this.members()).filter(
        ({ metadata }) => metadata.labels?.['graveyar.dev/role'] === 'leader',
      );
      found = leaders.length === 1 ? (leaders[0]?.metadata.name ?? '') : '';
      return found === '' ? `${leaders.length} pods are labelled` : null;
    });
    return found;
  }

  /** Deletes a pod without giving it time. */
  async killPod(name: string, namespace = NAMESPACE): Promise<void> {
    await this.node.plane.api.delete(`/api/v1/namespaces/${namespace}/pods/${name}`, { gracePeriodSeconds: 0 });
  }

  /** Deletes a pod: it is told to end and given its time. */
  async endPod(name: string): Promise<void> {
    await this.node.plane.api.delete(`${STORE_PODS}/${name}`);
  }

  /** Asks for a pod to be evicted, as a drain of its node does. False: the disruption budget refuses it now. */
  async evict(name: string, deleteOptions: object = {}): Promise<boolean> {
    const metadata = { name, namespace: NAMESPACE };
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata, deleteOptions };
    try {
      await this.node.plane.api.create(`${STORE_PODS}/${name}/eviction`, eviction);
      return true;
    } catch (error) {
      const refused = error instanceof ApiError && error.status === TOO_MANY_REQUESTS;
      if (!refused || !error.message.includes('disruption budget')) throw error;
      return false;
    }
  }

  /** Resolves when there is another pod of this name than the one with this uid. */
  async replaced(name: string, uid: string | undefined): Promise<void> {
    await this.until(`${name} to be replaced`, async () => {
      const now = (await this.members()).find(({ metadata }) => metadata.name === name);
      return now !== undefined && now.metadata.uid !== uid ? null : 'it is there still, or not yet again';
    });
  }

  /** Resolves when the custom resource says that all is as it wishes, and pods agree. */
  async settled(replicas: number, image?: Image): Promise<void> {
    await this.until(`${replicas} members, all well`, async () => {
      const resource = await this.resource();
      return resource === null
        ? 'there is no custom resource'
        : unsettled(resource, await this.members(), replicas, image);
    });
  }

  /** Resolves when `obstacle` gives null; throws with the last obstacle when that takes too long. */
  async until(what: string, obstacle: () => Promise<string | null>, millis = SETTLE_MILLIS): Promise<void> {
    const end = performance.now() + millis;
    for (;;) {
      const found = await obstacle().catch((error: unknown) => (error as Error).message);
      if (found === null) return;
      if (performance.now() > end) throw new Error(`waited ${millis / 1000} s for ${what}: ${found}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
    }
  }

  /** The leader's Service, by its name in the cluster's DNS. */
  get address(): string {
    return `${STORE}-rw.${NAMESPACE}.svc.cluster.local:4000`;
  }

  /** Everything that helps to find out what went wrong, into a file of this directory; a short part is returned. */
  async diagnose(directory: string): Promise<string> {
    mkdirSync(directory, { recursive: true });
    const commands = [
      ['get', 'all,pvc,pv,graveyarclusters,endpointslices', '-A', '-o', 'wide'],
      ['get', 'graveyarclusters', '-A', '-o', 'yaml'],
      ['describe', 'pods', '-A'],
      ['logs', '-n', OPERATOR_NAMESPACE, '-l', 'app.kubernetes.io/name=graveyar-db-operator', '--tail=400'],
      ['logs', '-n', NAMESPACE, '-l', 'graveyar.dev/cluster', '--tail=200', '--prefix', '--ignore-errors'],
      ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
    ];
    const parts: string[] = [];
    for (const command of commands) {
      const output = await this.kubectl(...command).catch((error: unknown) => (error as Error).message);
      parts.push(`===== kubectl ${command.join(' ')}\n${output}`);
    }
    const file = join(directory, `graveyar-e2e-diagnosis-${new Date().toISOString().replaceAll(':', '-')}.txt`);
    writeFileSync(file, [...parts, this.node.logTails()].join('\n'));
    return `${parts.slice(0, 2).join('\n')}\n===== more in ${file}`;
  }
}

function imageValues({ repository, tag }: Image): string[] {
  return ['--set', `image.repository=${repository},image.tag=${tag},image.pullPolicy=Never`];
}

/** Why the cluster is not yet as wished; null when it is. */
function unsettled(resource: GraveyarCluster, pods: readonly Pod[], replicas: number, image?: Image): string | null {
  const { metadata, status = {}, spec } = resource;
  if (spec.replicas !== replicas) return `the custom resource wants ${spec.replicas} members`;
  if (status.observedGeneration !== metadata.generation) return 'the operator has not seen the custom resource';
  const wanted = { Available: 'True', Progressing: 'False', Degraded: 'False' };
  for (const [type, value] of Object.entries(wanted)) {
    const condition = status.conditions?.find((each) => each.type === type);
    if (condition?.status !== value) return `${type}: ${condition?.reason ?? '-'}: ${condition?.message ?? '-'}`;
  }
  const voters = (status.members ?? []).filter(({ role, healthy }) => healthy && /^(leader|voter)$/.test(role));
  if (status.replicas !== replicas || voters.length !== replicas) return `${voters.length} voters are healthy`;
  const ready = pods.filter((pod) => isReady(pod));
  if (pods.length !== replicas || ready.length !== replicas) return `${ready.length} of ${pods.length} pods are ready`;
  if (image === undefined) return null;
  const outdated = pods.filter((pod) => !pod.spec.containers.some((each) => each.image.endsWith(`:${image.tag}`)));
  return outdated.length === 0 ? null : `${outdated.length} pods have another image`;
}
