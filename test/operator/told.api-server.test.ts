// What goes wrong with a cluster on a real API server is told in its status and Events, by an operator with the rights of its chart. No pod
// runs here: what is looked at is what people read.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_GROUP_VERSION, KIND } from '../../operator/api/graveyar-cluster.ts';
import type { ClusterSpecInput } from '../../operator/api/cluster-spec.ts';
import { operatorKubeconfig } from '../support/charts/operator-rights.ts';
import { MINIMAL_SPEC } from '../support/cluster-specs.ts';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';
import { ClusterHandle, installDefinition } from '../support/operator/cluster-objects.ts';
import { OperatorProcess } from '../support/operator/operator-process.ts';
import { testTls } from '../support/test-certificate.ts';

/** The programs may be built first. */
const START_MILLIS = 45 * 60_000;
const TEST_MILLIS = 4 * 60_000;
const NAMESPACE = 'shop';
const SOON = { timeout: 90_000, interval: 200 } as const;

let plane: ControlPlane;
let operator: OperatorProcess;

beforeAll(async () => {
  plane = await startControlPlane({ controllers: true });
  await installDefinition(plane.api);
  await plane.api.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  const flags = ['--resync', '1s', '--lease-namespace', NAMESPACE, '--lease-name', 'keeper'];
  operator = new OperatorProcess(await operatorKubeconfig(plane), flags);
}, START_MILLIS);

afterAll(async () => {
  await operator.end('SIGTERM');
  await plane.stop();
});

async function create(name: string, spec: Partial<ClusterSpecInput>): Promise<ClusterHandle> {
  const handle = new ClusterHandle(plane.api, NAMESPACE, name);
  const wanted = { ...MINIMAL_SPEC, replicas: 1 as const, ...spec };
  await plane.api.create(handle.path, {
    apiVersion: API_GROUP_VERSION,
    kind: KIND,
    metadata: { name },
    spec: wanted,
  });
  return handle;
}

/** `<status> <reason>: <message>` of a condition. */
async function told(handle: ClusterHandle, type: string): Promise<string> {
  const found = (await handle.get())?.status?.conditions?.find((one) => one.type === type);
  return found === undefined ? 'nothing' : `${found.status} ${found.reason}: ${found.message}`;
}

/** Waits until both the condition and a warning of the cluster say so. */
async function expectTold(handle: ClusterHandle, reason: string, message: RegExp): Promise<void> {
  await expect.poll(() => told(handle, 'Degraded'), SOON).toMatch(message);
  expect(await told(handle, 'Degraded')).toMatch(new RegExp(`^True ${reason}: `));
  const events = (): Promise<string> =>
    plane.kubectl([
      ...['get', 'events', '--namespace', NAMESPACE, '--field-selector', `involvedObject.name=${handle.name}`],
    ]);
  await expect.poll(events, SOON).toMatch(new RegExp(`Warning +${reason} `));
}

/** What the chart's value rbac.secrets gives. */
async function grantSecrets(): Promise<void> {
  const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`;
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
  await plane.api.create(`${roles}/roles`, { metadata: { name: 'secrets' }, rules });
  await plane.api.create(`${roles}/rolebindings`, {
    metadata: { name: 'secrets' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'secrets' },
    subjects: [{ kind: 'ServiceAccount', name: 'keeper', namespace: NAMESPACE }],
  });
}

describe('a cluster tells', () => {
  it('that the operator may not read the Secret of its members', { timeout: TEST_MILLIS }, async () => {
    const secure = await create('secure', { tls: { client: { secretName: 'server' } } });
    await expectTold(secure, 'SecretUnreadable', /Secret shop\/server .*is forbidden.*rbac\.secrets/);
    expect(await told(secure, 'Progressing')).toContain('secure-1 is to tell what is on its volume');
    expect(await told(secure, 'Progressing')).not.toContain('it has no pod');
    expect(await secure.names('/api/v1', 'pods')).toEqual(['secure-1-0']);

    await grantSecrets();
    await expectTold(secure, 'SecretUnreadable', /Secret shop\/server .*not found/);
    const data = { 'ca.crt': Buffer.from(testTls.cert).toString('base64') };
    await plane.api.create(`/api/v1/namespaces/${NAMESPACE}/secrets`, { metadata: { name: 'server' }, data });
    await expect.poll(() => told(secure, 'Degraded'), SOON).toMatch(/^False /);
  });

  it('what is in the way of its Service, and has all its other objects', { timeout: TEST_MILLIS }, async () => {
    const services = `/api/v1/namespaces/${NAMESPACE}/services`;
    await plane.api.create(services, { metadata: { name: 'foreign-rw' }, spec: { ports: [{ port: 80 }] } });
    const foreign = await create('foreign', {});
    await expectTold(
      foreign,
      'ObjectsNotApplied',
      /Service foreign-rw is there already and does not belong to foreign/,
    );
    expect(await foreign.names('/apis/policy/v1', 'poddisruptionbudgets')).toEqual(['foreign']);
    await plane.api.delete(`${services}/foreign-rw`);
    await expect.poll(() => told(foreign, 'Degraded'), SOON).toMatch(/^False /);
    expect(await foreign.names('/api/v1', 'services')).toEqual(['foreign-peers', 'foreign-r', 'foreign-rw']);
  });

  it('why its pod is not made', { timeout: TEST_MILLIS }, async () => {
    const typo = await create('typo', { scheduling: { priorityClassName: 'no-such' } });
    await expectTold(typo, 'PodsNotRunning', /typo-1: no pod was made: .*no-such/);
    expect(await told(typo, 'Progressing')).toContain('no-such');
  });

  it('that it has no member yet, and not that all are healthy', { timeout: TEST_MILLIS }, async () => {
    const young = await create('young', {});
    await expect.poll(() => told(young, 'Degraded'), SOON).toMatch(/^False NotFounded: /);
  });
});
