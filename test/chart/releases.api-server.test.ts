// The charts as Helm releases in a real API server with its controllers: install, upgrade, rollback, uninstall and install again; every object under strict
// validation and restricted pod security; and the operator's account with the rights it is given.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseGraveyarCluster } from '../../operator/api/graveyar-cluster.ts';
import type { GraveyarCluster } from '../../operator/api/graveyar-cluster.ts';
import { memberRole } from '../../operator/resources/member-account.ts';
import { memberStatefulSet } from '../../operator/resources/member-stateful-set.ts';
import { sharedObjects } from '../../operator/resources/shared-objects.ts';
import { FULL_CLUSTER_VALUES, FULL_OPERATOR_VALUES, FULL_SPEC } from '../support/charts/chart-values.ts';
import { CHART, Helm } from '../support/charts/helm.ts';
import type { Rendered } from '../support/charts/helm.ts';
import { clusterWith, MINIMAL_SPEC } from '../support/cluster-specs.ts';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';

/** The programs may have to be built. */
const BUILD_MILLIS = 45 * 60_000;
const SOON = { timeout: 60_000, interval: 200 };
const CLUSTER = '/apis/graveyar.dev/v1alpha1/namespaces/shop/graveyarclusters/store';
const DEFINITION = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/graveyarclusters.graveyar.dev';
const OPERATOR_NAMESPACE = 'graveyar-system';
const OPERATOR = `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments/graveyar-db-operator`;
const ACCOUNT = `system:serviceaccount:${OPERATOR_NAMESPACE}:graveyar-db-operator`;

let plane: ControlPlane;
let helm: Helm;

beforeAll(async () => {
  plane = await startControlPlane({ controllers: true });
  helm = await Helm.find(plane.kubeconfig);
  const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  for (const name of ['shop', 'stage'])
    await plane.api.create('/api/v1/namespaces', { metadata: { name, labels: restricted } });
  await installOperator();
}, BUILD_MILLIS);

afterAll(async () => {
  helm.close();
  await plane.stop();
});

async function installOperator(...args: readonly string[]): Promise<string> {
  const place = ['--namespace', OPERATOR_NAMESPACE, '--create-namespace'];
  const notes = await helm.run('install', 'graveyar-db-operator', CHART.operator, ...place, ...args);
  await plane.kubectl(['wait', '--for=condition=Established', 'crd/graveyarclusters.graveyar.dev', '--timeout=60s']);
  return notes;
}

function ofOperator(verb: string, ...args: readonly string[]): Promise<string> {
  const chart = verb === 'upgrade' ? [CHART.operator] : [];
  return helm.run(verb, 'graveyar-db-operator', ...chart, '--namespace', OPERATOR_NAMESPACE, ...args);
}

function ofCluster(verb: string, ...args: readonly string[]): Promise<string> {
  const chart = verb === 'install' || verb === 'upgrade' ? [CHART.cluster] : [];
  return helm.run(verb, 'store', ...chart, '--namespace', 'shop', ...args);
}

async function specOf(path: string): Promise<Record<string, unknown>> {
  return ((await plane.api.find(path)) as unknown as { spec: Record<string, unknown> }).spec;
}

/** Server-side apply under strict validation. */
function apply(objects: readonly object[], ...args: readonly string[]): Promise<string> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  return plane.kubectl(['apply', '--server-side', '--force-conflicts', '--validate=strict', ...args, '-f', '-'], list);
}

/** Likewise, changing nothing. */
function dryRun(objects: readonly object[], ...args: readonly string[]): Promise<string> {
  return apply(objects, '--dry-run=server', ...args);
}

/** The pod that a workload makes, in a namespace that takes restricted ones only. */
async function wouldRun(spec: object, labels: object = {}): Promise<void> {
  const metadata = { name: 'tried', namespace: 'shop', labels };
  // Accounts, priority classes and the like are no matter of pod security.
  const rest = { ...spec, serviceAccountName: undefined, priorityClassName: undefined };
  await plane.api.create('/api/v1/namespaces/shop/pods?dryRun=All', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: rest,
  });
}

describe('a cluster', () => {
  it('is installed, upgraded, rolled back and uninstalled', async () => {
    const notes = await ofCluster('install');
    expect(notes).toContain('store-rw.shop.svc:4000');
    expect(notes).toContain('helm test store --namespace shop');
    expect(await specOf(CLUSTER)).toMatchObject({
      replicas: 3,
      image: { reference: 'graveyar_db:0.1.0' },
      settings: { logLevel: 'info' },
    });

    await ofCluster('upgrade', '--set', 'replicas=5,settings.logLevel=debug,image.tag=0.2.0');
    expect(await specOf(CLUSTER)).toMatchObject({
      replicas: 5,
      image: { reference: 'graveyar_db:0.2.0' },
      settings: { logLevel: 'debug' },
    });

    await ofCluster('rollback', '1');
    expect(await specOf(CLUSTER)).toMatchObject({
      replicas: 3,
      image: { reference: 'graveyar_db:0.1.0' },
      settings: { logLevel: 'info' },
    });

    await ofCluster('upgrade', '--set', 'paused=true');
    expect((await plane.api.find(CLUSTER))?.metadata.annotations).toMatchObject({ 'graveyar.dev/paused': 'true' });
    await ofCluster('upgrade', '--set', 'paused=false');
    expect((await plane.api.find(CLUSTER))?.metadata.annotations ?? {}).not.toHaveProperty(['graveyar.dev/paused']);

    await ofCluster('uninstall', '--wait');
    expect(await plane.api.find(CLUSTER)).toBeNull();
  });

  it('leaves what the operator writes alone', async () => {
    await ofCluster('install');
    await plane.api.patch(`${CLUSTER}/status`, { status: { clusterId: 'c-1', replicas: 3 } });
    await ofCluster('upgrade', '--set', 'replicas=5');
    expect(await plane.api.find(CLUSTER)).toMatchObject({ status: { clusterId: 'c-1', replicas: 3 } });
    await ofCluster('uninstall', '--wait');
  });

  it('grows in storage, and refuses to shrink, by rollback too', async () => {
    await ofCluster('install');
    await ofCluster('upgrade', '--set', 'storage.size=20Gi');
    await expect(ofCluster('upgrade', '--set', 'storage.size=5Gi')).rejects.toThrow(
      /storage only grows: it is 20Gi and cannot become 5Gi/,
    );
    await expect(ofCluster('rollback', '1')).rejects.toThrow(/storage only grows: it is 20Gi and cannot become 10Gi/);
    expect(await specOf(CLUSTER)).toMatchObject({ storage: { size: '20Gi' } });
    await ofCluster('uninstall', '--wait');
  });

  it('is tested by a pod that goes when it succeeds, and stays when it fails', async () => {
    await ofCluster('install');
    const pod = '/api/v1/namespaces/shop/pods/store-test';
    // Without the account no pod is taken; a new namespace gets it late.
    await expect.poll(() => plane.api.find('/api/v1/namespaces/shop/serviceaccounts/default'), SOON).not.toBeNull();
    const ended = async (phase: string): Promise<string> => {
      let end: string | null = null;
      const test = ofCluster('test', '--timeout', '60s', '--logs').then(
        () => (end = 'passed'),
        (error: unknown) => (end = String(error)),
      );
      await expect.poll(async () => end !== null || (await plane.api.find(pod)) !== null, SOON).toBe(true);
      expect(end).toBeNull();
      // No kubelet runs it.
      await plane.api.patch(`${pod}/status`, { status: { phase } });
      return test;
    };
    expect(await ended('Failed')).toMatch(/store-test/);
    expect(await plane.api.find(pod)).not.toBeNull();
    await plane.kubectl(['delete', 'pod', 'store-test', '--namespace', 'shop', '--force', '--grace-period=0']);
    expect(await ended('Succeeded')).toBe('passed');
    await expect.poll(() => plane.api.find(pod), SOON).toBeNull();
    await ofCluster('uninstall', '--wait');
  });

  it('is refused with the reason of the API server', async () => {
    await expect(ofCluster('install', '--set', 'settings.electionTimeoutMillis=100')).rejects.toThrow(
      /electionTimeoutMillis must be at least 5 times/,
    );
    await ofCluster('uninstall', '--ignore-not-found');
  });
});

describe('the operator', () => {
  it('is upgraded with its definition, and rolled back', async () => {
    const image = async (): Promise<string> =>
      JSON.stringify(await specOf(OPERATOR)).match(/"image":"([^"]*)"/)?.[1] ?? '';
    expect(await image()).toBe('graveyar_db:0.1.0');
    // As an older release may have left it.
    await plane.api.patch(DEFINITION, { spec: { names: { shortNames: null } } });
    await ofOperator('upgrade', '--set', 'image.tag=0.2.0', '--force-conflicts');
    expect(await image()).toBe('graveyar_db:0.2.0');
    expect(await specOf(DEFINITION)).toMatchObject({ names: { shortNames: ['gyc'] } });
    await ofOperator('rollback', '1');
    expect(await image()).toBe('graveyar_db:0.1.0');
  });

  it('leaves definition and clusters when it is uninstalled, and takes them over when it is there again', async () => {
    await ofCluster('install');
    expect(await ofOperator('uninstall')).toMatch(/resources were kept.*CustomResourceDefinition/s);
    expect(await plane.api.find(OPERATOR)).toBeNull();
    expect(await plane.api.find(CLUSTER)).not.toBeNull();
    await installOperator();
    expect(await plane.api.find(CLUSTER)).not.toBeNull();
    await ofCluster('uninstall', '--wait');
  });

  it('may make the objects of a cluster, and grant members their rights but no others', async () => {
    const as = ['--as', ACCOUNT];
    const cluster = await realCluster('granted');
    // Not as a dry run: a binding is only granted for a role that is there.
    await expect(apply(sharedObjects(cluster), ...as)).resolves.toContain('rolebinding');
    await expect(dryRun([memberStatefulSet(cluster, 'granted-1')], ...as)).resolves.toContain(
      'granted-1 serverside-applied',
    );
    const role = memberRole(cluster);
    const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
    await expect(dryRun([{ ...role, rules: [secrets] }], ...as)).rejects.toThrow(
      /attempting to grant RBAC permissions not currently held/,
    );
    for (const what of [
      ['get', 'secrets'],
      ['create', 'pods'],
      ['create', 'pods/exec'],
      ['delete', 'graveyarclusters.graveyar.dev'],
      ['escalate', 'roles'],
      ['delete', 'services'],
    ]) {
      await expect(plane.kubectl(['auth', 'can-i', ...what, '--namespace', 'shop', ...as])).rejects.toThrow();
    }
  });

  it('has no right outside of the namespaces it watches', async () => {
    await ofOperator('upgrade', '--set', 'watchNamespaces={shop}');
    const may = (namespace: string): Promise<string> =>
      plane.kubectl(['auth', 'can-i', 'create', 'statefulsets.apps', '--namespace', namespace, '--as', ACCOUNT]);
    expect(await may('shop')).toContain('yes');
    await expect(may('stage')).rejects.toThrow();
    await ofOperator('upgrade', '--reset-values');
    expect(await may('stage')).toContain('yes');
  });

  it('may get the Secrets that it is told of, and list none', async () => {
    await ofOperator('upgrade', '--set', 'rbac.secretNames={shown}');
    const may = (verb: string, what: string): Promise<string> =>
      plane.kubectl(['auth', 'can-i', verb, what, '--namespace', 'shop', '--as', ACCOUNT]);
    expect(await may('get', 'secrets/shown')).toContain('yes');
    await expect(may('get', 'secrets/other')).rejects.toThrow();
    await expect(may('list', 'secrets')).rejects.toThrow();
    await ofOperator('upgrade', '--reset-values');
    await expect(may('get', 'secrets/shown')).rejects.toThrow();
  });

  it('lets members patch the pods of their own cluster alone', async () => {
    await apply(sharedObjects(await realCluster('labelled')));
    const may = (verb: string, pod: string): Promise<string> =>
      plane.kubectl([
        'auth',
        'can-i',
        verb,
        pod,
        '--namespace',
        'shop',
        '--as',
        'system:serviceaccount:shop:labelled-members',
      ]);
    expect(await may('patch', 'pods/labelled-3-0')).toContain('yes');
    expect(await may('list', 'pods')).toContain('yes');
    await expect(may('patch', 'pods/other-1-0')).rejects.toThrow();
    await expect(may('delete', 'pods/labelled-3-0')).rejects.toThrow();
    await expect(may('get', 'secrets/any')).rejects.toThrow();
  });
});

/** A cluster that is there: objects of others are collected as garbage. */
async function realCluster(name: string): Promise<GraveyarCluster> {
  const clusters = '/apis/graveyar.dev/v1alpha1/namespaces/shop/graveyarclusters';
  const { apiVersion, kind } = clusterWith();
  return parseGraveyarCluster(
    await plane.api.create(clusters, { apiVersion, kind, metadata: { name }, spec: MINIMAL_SPEC }),
  );
}

describe('every object', () => {
  const known = (objects: readonly Rendered[]): Rendered[] => objects.filter(({ kind }) => kind !== 'ServiceMonitor');

  it.each([
    ['of the cluster', CHART.cluster, {}],
    ['of the cluster, everything on', CHART.cluster, FULL_CLUSTER_VALUES],
    ['of the operator', CHART.operator, {}],
    ['of the operator, everything on', CHART.operator, FULL_OPERATOR_VALUES],
  ])('%s passes strict validation', async (_, chart, values) => {
    const objects = known(await helm.template(chart, values));
    expect((await dryRun(objects)).trim().split('\n')).toHaveLength(objects.length);
  });

  it.each([
    ['the least spec', clusterWith({}, 'orders', 'shop')],
    ['the fullest', clusterWith(FULL_SPEC, 'orders', 'shop')],
  ])('that the operator makes of %s passes strict validation', async (_, cluster) => {
    const objects = [...sharedObjects(cluster), memberStatefulSet(cluster, 'orders-1', { memberId: 17 })];
    expect((await dryRun(objects)).trim().split('\n')).toHaveLength(objects.length);
  });

  it('that runs, runs where pod security is restricted', async () => {
    const spec = (object: Rendered): { template: { spec: object } } => object['spec'] as { template: { spec: object } };
    const operator = (await helm.template(CHART.operator, FULL_OPERATOR_VALUES)).find(
      ({ kind }) => kind === 'Deployment',
    );
    const test = (await helm.template(CHART.cluster, FULL_CLUSTER_VALUES)).find(({ kind }) => kind === 'Pod');
    if (operator === undefined || test === undefined) throw new Error('a chart lacks its pod');
    await wouldRun(spec(operator).template.spec);
    await wouldRun(test['spec'] as object);
    for (const cluster of [clusterWith(), clusterWith(FULL_SPEC)]) {
      const member = memberStatefulSet(cluster, 'orders-1').spec?.template.spec as { volumes: object[] };
      const data = { name: 'data', persistentVolumeClaim: { claimName: 'data-orders-1-0' } };
      await wouldRun({ ...member, volumes: [...member.volumes, data] });
      await expect(wouldRun({ ...member, volumes: [...member.volumes, data], hostNetwork: true })).rejects.toThrow(
        /violates PodSecurity/,
      );
    }
  });
});
