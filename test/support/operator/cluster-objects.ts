/**
 * A GraveyarCluster on a real API server, for tests: made, changed, and asked whether it is settled.
 */
import { customResourceDefinition } from '../../../operator/api/custom-resource-definition.ts';
import { API_GROUP_VERSION, KIND, PLURAL } from '../../../operator/api/graveyar-cluster.ts';
import type { GraveyarCluster } from '../../../operator/api/graveyar-cluster.ts';
import type { KubernetesApi } from '../kubernetes/kubernetes-api.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Makes the API server know the resource. */
export async function installDefinition(api: KubernetesApi): Promise<void> {
  await api.create(DEFINITIONS, customResourceDefinition());
  const deadline = performance.now() + 60_000;
  while (!(await api.healthy(`/apis/${API_GROUP_VERSION}/${PLURAL}`))) {
    if (performance.now() > deadline) throw new Error('the API server does not serve the resource');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** One cluster on one API server. */
export class ClusterHandle {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly name: string;

  constructor(api: KubernetesApi, namespace: string, name: string) {
    this.api = api;
    this.namespace = namespace;
    this.name = name;
  }

  get path(): string {
    return `/apis/${API_GROUP_VERSION}/namespaces/${this.namespace}/${PLURAL}`;
  }

  /** Makes it; its members can do with little. `spec` has what is to be otherwise, by top-level field. */
  async create(replicas: number, spec: object = {}): Promise<void> {
    await this.api.create(this.path, {
      apiVersion: API_GROUP_VERSION,
      kind: KIND,
      metadata: { name: this.name },
      spec: {
        replicas,
        image: { reference: 'graveyar-db:test' },
        storage: { size: '1Gi', whenDeleted: 'Delete' },
        settings: { gracePeriodSeconds: 5, segmentSize: '1Mi', logSize: '2Mi' },
        ...spec,
      },
    });
  }

  /** Changes its spec by a merge patch. */
  async change(spec: object): Promise<void> {
    await this.api.patch(`${this.path}/${this.name}`, { spec });
  }

  /** As it is; null: there is none. */
  async get(): Promise<GraveyarCluster | null> {
    return (await this.api.find(`${this.path}/${this.name}`)) as GraveyarCluster | null;
  }

  /** Null when the cluster is as it is wanted and nothing is going on; else what is missing. */
  async unsettled(): Promise<string | null> {
    const cluster = await this.get();
    if (cluster === null) return 'there is none';
    const { spec, status = {}, metadata } = cluster;
    const condition = (name: string) => status.conditions?.find(({ type }) => type === name);
    const facts = {
      generation: status.observedGeneration === metadata.generation,
      voters: status.replicas === spec.replicas,
      ready: status.readyReplicas === spec.replicas,
      members: status.members?.length === spec.replicas,
      available: condition('Available')?.status === 'True',
      settled: condition('Progressing')?.reason === 'Settled',
      healthy: condition('Degraded')?.status === 'False',
    };
    const missing = Object.entries(facts).filter(([, holds]) => !holds);
    return missing.length === 0 ? null : `not ${missing.map(([name]) => name).join(', ')}: ${JSON.stringify(status)}`;
  }

  /** Names of the objects of a kind that carry the cluster's label, sorted. */
  async names(group: string, plural: string): Promise<string[]> {
    const path = `${group}/namespaces/${this.namespace}/${plural}`;
    const query = `labelSelector=${encodeURIComponent(`graveyar.dev/cluster=${this.name}`)}`;
    return (await this.api.list(`${path}?${query}`)).map(({ metadata }) => metadata.name).sort();
  }
}
