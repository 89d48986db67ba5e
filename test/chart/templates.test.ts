// What the charts make of values, without an API server: lint, the objects, the rights of the operator, and what the schemas refuse.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseGraveyarCluster } from '../../operator/api/graveyar-cluster.ts';
import { memberRole } from '../../operator/resources/member-account.ts';
import { LABEL } from '../../operator/resources/names.ts';
import { sharedObjects } from '../../operator/resources/shared-objects.ts';
import { memberStatefulSet } from '../../operator/resources/member-stateful-set.ts';
import { loadOperatorSettings } from '../../operator/settings.ts';
import { defined } from '../../src/lib/assert.ts';
import { FULL_CLUSTER_VALUES, FULL_OPERATOR_VALUES, FULL_SPEC } from '../support/charts/chart-values.ts';
import { CHART, Helm } from '../support/charts/helm.ts';
import type { Rendered } from '../support/charts/helm.ts';
import { clusterWith } from '../support/cluster-specs.ts';

/** Helm may have to be built. */
const BUILD_MILLIS = 45 * 60_000;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

let helm: Helm;

beforeAll(async () => {
  helm = await Helm.find();
}, BUILD_MILLIS);

afterAll(() => helm.close());

function one(objects: readonly Rendered[], kind: string, name?: string): Rendered {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  expect(found.map(({ metadata }) => metadata.name)).toHaveLength(1);
  return defined(found[0], kind);
}

function kinds(objects: readonly Rendered[]): string[] {
  return objects.map(({ kind }) => defined(kind, 'a kind')).sort();
}

/** Every right as `group/resource verb`, sorted. */
function rights(rules: readonly Rule[]): string[] {
  return rules
    .flatMap(({ apiGroups, resources, verbs, resourceNames }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map(
            (verb) => `${group}/${resource} ${verb}${resourceNames === undefined ? '' : ` ${resourceNames.join()}`}`,
          ),
        ),
      ),
    )
    .sort();
}

describe.each(Object.entries(CHART))('the chart of the %s', (_, chart) => {
  it('passes the strict lint', async () => {
    expect(await helm.run('lint', '--strict', chart)).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    const text = readFileSync(`${chart}/Chart.yaml`, 'utf8');
    expect(text).toMatch(new RegExp(`^version: ${version}$`, 'm'));
    expect(text).toMatch(new RegExp(`^appVersion: ${version}$`, 'm'));
  });
});

describe('the cluster', () => {
  it('is one object by default, with the defaults that the API server would give it', async () => {
    const objects = await helm.template(CHART.cluster, {}, '--no-hooks');
    expect(kinds(objects)).toEqual(['GraveyarCluster']);
    const made = one(objects, 'GraveyarCluster');
    expect(made.metadata).toMatchObject({ name: 'store', namespace: 'shop' });
    expect(made.metadata.annotations).toBeUndefined();
    const { image, storage, resources, ...rest } = made['spec'] as Record<string, unknown>;
    expect(image).toMatchObject({ reference: 'graveyar_db:0.1.0' });
    expect(storage).toEqual({ size: '10Gi', whenDeleted: 'Retain' });
    expect(resources).not.toEqual({});
    const defaults = clusterWith().spec;
    for (const [part, value] of Object.entries(rest))
      expect([part, value]).toEqual([part, defaults[part as keyof typeof defaults]]);
  });

  it('has the whole spec of its values', async () => {
    const made = one(await helm.template(CHART.cluster, FULL_CLUSTER_VALUES), 'GraveyarCluster');
    const { image, ...rest } = made['spec'] as { image: unknown };
    expect(rest).toEqual(FULL_SPEC);
    expect(image).toEqual({
      reference: `images.example/graveyar@sha256:${'a'.repeat(64)}`,
      pullPolicy: 'Always',
      pullSecrets: [{ name: 'pull' }],
    });
    expect(made.metadata).toMatchObject({
      name: 'orders',
      annotations: { 'graveyar.dev/paused': 'true', 'example.com/owner': 'shop' },
      labels: { team: 'shop' },
    });
    const metadata = { ...made.metadata, uid: 'u', resourceVersion: '1', generation: 1 };
    expect(() => parseGraveyarCluster({ ...made, metadata })).not.toThrow();
  });

  it('may be of any size that the resource may be of', async () => {
    for (const replicas of [1, 3, 5]) {
      const made = one(await helm.template(CHART.cluster, { replicas }), 'GraveyarCluster');
      expect(made['spec']).toMatchObject({ replicas });
    }
  });

  it('has a ServiceMonitor and a NetworkPolicy that mean what the operator makes', async () => {
    const objects = await helm.template(CHART.cluster, FULL_CLUSTER_VALUES, '--no-hooks');
    expect(kinds(objects)).toEqual(['GraveyarCluster', 'NetworkPolicy', 'ServiceMonitor']);
    const cluster = clusterWith({}, 'orders', 'shop');
    const monitor = one(objects, 'ServiceMonitor')['spec'] as {
      selector: { matchLabels: Record<string, string> };
      endpoints: object[];
    };
    const meets = sharedObjects(cluster).filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(monitor.selector.matchLabels).every(([key, value]) => metadata.labels[key] === value),
    );
    expect(meets.map(({ metadata }) => metadata.name)).toEqual(['orders-peers']);
    expect(monitor.endpoints).toEqual([{ port: 'metrics', path: '/metrics', interval: '15s' }]);
    const policy = one(objects, 'NetworkPolicy')['spec'] as {
      podSelector: { matchLabels: Record<string, string> };
      ingress: { ports: { port: string }[]; from?: object[] }[];
    };
    expect(memberStatefulSet(cluster, 'orders-1').spec?.template.metadata?.labels).toMatchObject(
      policy.podSelector.matchLabels,
    );
    const open = (port: string) =>
      policy.ingress.filter(({ ports }) => ports.some((each) => each.port === port)).map(({ from }) => from);
    expect(open('peers')).toEqual([[{ podSelector: { matchLabels: policy.podSelector.matchLabels } }]]);
    expect(open('grpc')).toHaveLength(3);
    expect(open('grpc')).not.toContain(undefined);
    expect(open('metrics')).toEqual([FULL_CLUSTER_VALUES.networkPolicy.metrics]);
    const operator = one(await helm.template(CHART.operator), 'Deployment')['spec'] as {
      template: { metadata: { labels: object } };
    };
    expect(operator.template.metadata.labels).toMatchObject({ 'graveyar.dev/component': 'operator' });
    expect(JSON.stringify(open('grpc'))).toContain('"graveyar.dev/component":"operator"');
  });

  it('is tested by a pod that is not taken for a member', async () => {
    const pod = one(await helm.template(CHART.cluster), 'Pod');
    expect(pod.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'test' });
    expect(pod.metadata.labels?.[LABEL.cluster]).toBeUndefined();
  });

  it('is not tested when that is not wanted', async () => {
    expect(kinds(await helm.template(CHART.cluster, { test: { enabled: false } }))).toEqual(['GraveyarCluster']);
  });

  it('is refused when its clients need certificates and there is none for the operator', async () => {
    const client = { secretName: 'shown', clientAuthoritySecretName: 'wanted' };
    await expect(helm.template(CHART.cluster, { tls: { client } })).rejects.toThrow(/operatorSecretName goes with/);
  });

  it.each([
    ['an even size', { replicas: 2 }, /replicas.*value must be one of 1, 3, 5/s],
    ['a value that does not exist', { replica: 3 }, /additional properties 'replica' not allowed/],
    ['one that does not exist further down', { settings: { logLevels: 'info' } }, /settings.*'logLevels' not allowed/s],
    ['a size of storage that is none', { storage: { size: 'much' } }, /storage\/size.*does not match pattern/s],
    ['another word', { storage: { whenDeleted: 'Forget' } }, /storage\/whenDeleted.*'Retain', 'Delete'/s],
    [
      'a number out of range',
      { settings: { electionTimeoutMillis: 50 } },
      /electionTimeoutMillis.*minimum: got 50, want 100/s,
    ],
    ['a name that is too long', { fullnameOverride: 'a'.repeat(41) }, /fullnameOverride.*maxLength: got 41, want 40/s],
    ['text for a number', { replicas: '3' }, /replicas/],
    ['TLS without a Secret', { tls: { client: {} } }, /tls\/client.*missing property 'secretName'/s],
  ])('refuses %s', async (_, values, message) => {
    await expect(helm.template(CHART.cluster, values)).rejects.toThrow(message);
  });
});

/** All that the operator may do in a namespace of clusters. */
const RIGHTS = [
  ...['get', 'list', 'watch'].map((verb) => `graveyar.dev/graveyarclusters ${verb}`),
  'graveyar.dev/graveyarclusters/status update',
  ...['create', 'delete', 'get', 'list', 'patch', 'watch'].map((verb) => `apps/statefulsets ${verb}`),
  ...[
    '/services',
    '/serviceaccounts',
    'policy/poddisruptionbudgets',
    'rbac.authorization.k8s.io/roles',
    'rbac.authorization.k8s.io/rolebindings',
  ].flatMap((resource) => ['create', 'get', 'list', 'patch', 'watch'].map((verb) => `${resource} ${verb}`)),
  ...['delete', 'get', 'list', 'patch', 'watch'].map((verb) => `/pods ${verb}`),
  ...['delete', 'list', 'patch', 'watch'].map((verb) => `/persistentvolumeclaims ${verb}`),
  ...['create', 'list', 'patch'].map((verb) => `/events ${verb}`),
].sort();

describe('the operator', () => {
  it('may do what it does in all namespaces by default, and nothing else', async () => {
    const objects = await helm.template(CHART.operator);
    expect(kinds(objects)).toEqual([
      'ClusterRole',
      'ClusterRoleBinding',
      'CustomResourceDefinition',
      'Deployment',
      'Role',
      'RoleBinding',
      'Service',
      'ServiceAccount',
    ]);
    expect(rights(one(objects, 'ClusterRole')['rules'] as Rule[])).toEqual(RIGHTS);
    expect(rights(one(objects, 'Role')['rules'] as Rule[])).toEqual([
      'coordination.k8s.io/leases create',
      'coordination.k8s.io/leases get store-graveyar-db-operator',
      'coordination.k8s.io/leases update store-graveyar-db-operator',
    ]);
  });

  it('may do it in the namespaces it watches alone, when they are named', async () => {
    const objects = await helm.template(CHART.operator, { watchNamespaces: ['a', 'b', 'a'] });
    expect(kinds(objects).filter((kind) => kind.startsWith('Cluster'))).toEqual([]);
    const roles = objects.filter(({ kind }) => kind === 'Role');
    expect(roles.map(({ metadata }) => metadata.namespace).sort()).toEqual(['a', 'b', 'shop']);
    for (const role of roles.filter(({ metadata }) => metadata.namespace !== 'shop')) {
      expect(rights(role['rules'] as Rule[])).toEqual(RIGHTS);
    }
    for (const binding of objects.filter(({ kind }) => kind === 'RoleBinding')) {
      expect(binding['subjects']).toEqual([
        { kind: 'ServiceAccount', name: 'store-graveyar-db-operator', namespace: 'shop' },
      ]);
    }
    const container = containerOf(one(objects, 'Deployment'));
    expect(container.env).toContainEqual({ name: 'OPERATOR_NAMESPACES', value: 'a,b' });
  });

  it('is told what to do by variables that it takes', async () => {
    const values = { watchNamespaces: ['a', 'b'], logLevel: 'debug' };
    const { env } = containerOf(one(await helm.template(CHART.operator, values), 'Deployment'));
    const environment = Object.fromEntries(env.map(({ name, value }) => [name, value ?? 'of-the-pod']));
    expect(loadOperatorSettings({}, environment)).toMatchObject({
      namespaces: ['a', 'b'],
      identity: 'of-the-pod',
      leaseNamespace: 'of-the-pod',
      leaseName: 'store-graveyar-db-operator',
      logLevel: 'debug',
      metricsHost: '::',
      metricsPort: 8080,
    });
    const everywhere = containerOf(one(await helm.template(CHART.operator), 'Deployment')).env;
    expect(everywhere.map(({ name }) => name)).not.toContain('OPERATOR_NAMESPACES');
  });

  it('may do everything that it grants to members', async () => {
    const own = new Set(rights(one(await helm.template(CHART.operator), 'ClusterRole')['rules'] as Rule[]));
    const granted = defined(memberRole(clusterWith()).rules, 'rules').map(
      ({ apiGroups, resources, verbs }) => ({ apiGroups, resources, verbs }) as Rule,
    );
    expect(rights(granted).filter((right) => !own.has(right))).toEqual([]);
  });

  it('may read Secrets only when told so, and then by name', async () => {
    const rules = one(await helm.template(CHART.operator, { rbac: { secrets: true } }), 'ClusterRole')[
      'rules'
    ] as Rule[];
    expect(rights(rules).filter((right) => !RIGHTS.includes(right))).toEqual(['/secrets get']);
  });

  it('may read some Secrets only, when they are named', async () => {
    for (const watchNamespaces of [[], ['a']]) {
      const values = { watchNamespaces, rbac: { secretNames: ['shown', 'mine', 'shown'] } };
      const objects = await helm.template(CHART.operator, values);
      const found = objects.filter(({ kind, metadata }) => kind === 'ClusterRole' || metadata.namespace === 'a');
      const rules = found.flatMap((object) => (object['rules'] ?? []) as Rule[]);
      expect(rights(rules).filter((right) => !RIGHTS.includes(right))).toEqual(['/secrets get shown,mine']);
    }
    const both = { rbac: { secrets: true, secretNames: ['shown'] } };
    await expect(helm.template(CHART.operator, both)).rejects.toThrow(/set one of them/);
  });

  it('gives no rights to the account that every pod of the namespace has', async () => {
    const nobody = { serviceAccount: { create: false } };
    for (const watchNamespaces of [[], ['a']])
      await expect(helm.template(CHART.operator, { ...nobody, watchNamespaces })).rejects.toThrow(
        /serviceAccount\.name is missing: .* account default of the namespace shop/,
      );
    const named = await helm.template(CHART.operator, { serviceAccount: { create: false, name: 'mine' } });
    expect(one(named, 'ClusterRoleBinding')['subjects']).toMatchObject([{ name: 'mine' }]);
    const without = await helm.template(CHART.operator, { ...nobody, rbac: { create: false } });
    expect(one(without, 'Deployment')['spec']).toMatchObject({ template: { spec: { serviceAccountName: 'default' } } });
  });

  it('is spread and evicted one at a time when there are several', async () => {
    const specOf = (deployment: Rendered) => (deployment['spec'] as { template: { spec: object } }).template.spec;
    const alone = await helm.template(CHART.operator);
    expect(kinds(alone)).not.toContain('PodDisruptionBudget');
    expect(specOf(one(alone, 'Deployment'))).not.toHaveProperty('topologySpreadConstraints');
    const two = await helm.template(CHART.operator, { replicas: 2 });
    const { selector, template } = one(two, 'Deployment')['spec'] as {
      selector: { matchLabels: object };
      template: { metadata: { labels: object } };
    };
    const { matchLabels } = selector;
    expect(template.metadata.labels).toMatchObject(matchLabels);
    expect(one(two, 'PodDisruptionBudget')['spec']).toMatchObject({ maxUnavailable: 1, selector: { matchLabels } });
    expect(specOf(one(two, 'Deployment'))).toMatchObject({
      topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels },
      })),
    });
    const mine = { maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' };
    for (const given of [[], [mine]]) {
      const values = { replicas: 2, topologySpreadConstraints: given };
      const spec = specOf(one(await helm.template(CHART.operator, values), 'Deployment'));
      if (given.length === 0) expect(spec).not.toHaveProperty('topologySpreadConstraints');
      else expect(spec).toMatchObject({ topologySpreadConstraints: [{ ...mine, labelSelector: { matchLabels } }] });
    }
    const selecting = { ...mine, labelSelector: { matchLabels: { app: 'x' } } };
    const chosen = await helm.template(CHART.operator, { replicas: 2, topologySpreadConstraints: [selecting] });
    expect(specOf(one(chosen, 'Deployment'))).toHaveProperty('topologySpreadConstraints', [selecting]);
  });

  it('makes no role when told so', async () => {
    const objects = await helm.template(CHART.operator, {
      rbac: { create: false },
      serviceAccount: { create: false, name: 'mine' },
    });
    expect(kinds(objects)).toEqual(['CustomResourceDefinition', 'Deployment', 'Service']);
    expect(one(objects, 'Deployment')['spec']).toMatchObject({ template: { spec: { serviceAccountName: 'mine' } } });
  });

  it('brings the definition, keeps it, and leaves it out, as told', async () => {
    const kept = one(await helm.template(CHART.operator), 'CustomResourceDefinition');
    expect(kept.metadata).toMatchObject({
      name: 'graveyarclusters.graveyar.dev',
      annotations: { 'helm.sh/resource-policy': 'keep' },
    });
    expect(kept['spec']).toMatchObject({ group: 'graveyar.dev', names: { shortNames: ['gyc'] } });
    const left = one(await helm.template(CHART.operator, { crds: { keep: false } }), 'CustomResourceDefinition');
    expect(left.metadata.annotations).toBeUndefined();
    expect(kinds(await helm.template(CHART.operator, { crds: { enabled: false } }))).not.toContain(
      'CustomResourceDefinition',
    );
  });

  it('has all of its values', async () => {
    const objects = await helm.template(CHART.operator, FULL_OPERATOR_VALUES);
    expect(
      new Set(objects.filter(({ kind }) => kind !== 'CustomResourceDefinition').map(({ metadata }) => metadata.name)),
    ).toEqual(new Set(['keeper', 'keeper-account', 'keeper-election', 'keeper-metrics']));
    const { nodeSelector, affinity, tolerations, priorityClassName } = FULL_OPERATOR_VALUES;
    const deployment = one(objects, 'Deployment')['spec'] as {
      replicas: number;
      template: { metadata: object; spec: object };
    };
    expect(deployment.replicas).toBe(2);
    expect(deployment.template.spec).toMatchObject({
      nodeSelector,
      affinity,
      tolerations,
      priorityClassName,
      imagePullSecrets: [{ name: 'pull' }],
      serviceAccountName: 'keeper-account',
    });
    expect(deployment.template.metadata).toMatchObject({
      labels: { team: 'shop' },
      annotations: { 'example.com/note': 'here' },
    });
    const container = containerOf(one(objects, 'Deployment'));
    expect(container).toMatchObject({
      image: `images.example/graveyar@sha256:${'b'.repeat(64)}`,
      imagePullPolicy: 'Always',
      resources: { limits: { memory: '1Gi' } },
    });
    expect(container.env).toContainEqual({ name: 'OPERATOR_LOG_LEVEL', value: 'debug' });
    expect(one(objects, 'ServiceMonitor')['spec']).toMatchObject({ endpoints: [{ port: 'metrics', interval: '15s' }] });
    expect(one(objects, 'NetworkPolicy')['spec']).toMatchObject({
      policyTypes: ['Ingress'],
      ingress: [{ from: FULL_OPERATOR_VALUES.networkPolicy.metrics }],
    });
  });

  it.each([
    ['no replica', { replicas: 0 }, /replicas.*minimum: got 0, want 1/s],
    ['a namespace that cannot be one', { watchNamespaces: ['Shop'] }, /watchNamespaces\/0.*does not match pattern/s],
    ['a value that does not exist', { crd: { enabled: true } }, /additional properties 'crd' not allowed/],
    ['a level that does not exist', { logLevel: 'loud' }, /logLevel.*value must be one of/s],
  ])('refuses %s', async (_, values, message) => {
    await expect(helm.template(CHART.operator, values)).rejects.toThrow(message);
  });
});

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

function containerOf(deployment: Rendered): Container {
  const { template } = deployment['spec'] as { template: { spec: { containers: Container[] } } };
  return defined(template.spec.containers[0], 'a container');
}
