// Members label their pods at a real API server, with the account and the role that the operator gives them and no more.
import { mkdirSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { memberRole, memberRoleBinding, memberServiceAccount } from '../../operator/resources/member-account.ts';
import { accountName, clusterSelector } from '../../operator/resources/names.ts';
import { clusterWith } from '../support/cluster-specs.ts';
import { membersInPods } from '../support/cluster-processes.ts';
import type { ClusterNode, ClusterProcesses } from '../support/cluster-processes.ts';
import { eventually } from '../support/eventually.ts';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';
import { PodHistory } from '../support/kubernetes/pod-history.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

/** The programs may be built first. */
const START_MILLIS = 45 * 60_000;
const NAMESPACE = 'default';
/** What is promised of the label. */
const LABEL_MILLIS = 2_000;
const CORE = `/api/v1/namespaces/${NAMESPACE}`;
const RBAC = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`;

let plane: ControlPlane;
let directory: TemporaryDirectory;
let cluster: ClusterProcesses | null = null;

beforeAll(async () => {
  plane = await startControlPlane();
  const resource = clusterWith({}, 'foo', NAMESPACE);
  const unowned = <T extends { metadata: object }>(object: T): T => ({
    ...object,
    metadata: { ...object.metadata, ownerReferences: [] },
  });
  await plane.api.create(`${CORE}/serviceaccounts`, unowned(memberServiceAccount(resource)));
  await plane.api.create(`${RBAC}/roles`, unowned(memberRole(resource)));
  await plane.api.create(`${RBAC}/rolebindings`, unowned(memberRoleBinding(resource)));
}, START_MILLIS);

afterAll(() => plane.stop());

beforeEach(async () => {
  directory = await temporaryDirectory();
  const credentials = join(directory.path, 'credentials');
  await writeCredentials(credentials);
  const { hostname, port } = new URL(plane.url);
  const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const names = ['foo-1', 'foo-2', 'foo-3'];
  for (const name of names) await createPod(`${name}-0`);
  cluster = await membersInPods(directory.path, names, credentials, environment);
}, 120_000);

afterEach(async () => {
  await cluster?.stop();
  await plane.kubectl(['delete', 'pods', '--all', '--force', '--grace-period=0', '--namespace', NAMESPACE]);
  await directory.remove();
}, 120_000);

async function createPod(name: string): Promise<void> {
  const metadata = { name, labels: { ...clusterSelector('foo') } };
  await plane.api.create(`${CORE}/pods`, { metadata, spec: { containers: [{ name: 'graveyar', image: 'none' }] } });
}

/** What a kubelet mounts into a pod. */
async function writeCredentials(folder: string): Promise<void> {
  mkdirSync(folder);
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
  const answer = await plane.api.create(`${CORE}/serviceaccounts/${accountName('foo')}/token`, request);
  const { token } = (answer as unknown as { status: { token: string } }).status;
  writeFileSync(join(folder, 'token'), token);
  writeFileSync(join(folder, 'namespace'), NAMESPACE);
  writeFileSync(join(folder, 'ca.crt'), readFileSync(plane.authority.certificate));
}

/**
 * Waits until the pod of the leader alone is labelled, and checks that it was so within two seconds of the change, by the clock of the
 * leader's log.
 */
async function labelledInTime(history: PodHistory): Promise<void> {
  await eventuallyLabelled(leadersPod);
  const { name, process } = await leader();
  const since = (): number | null => history.aloneLabelledSince(`${name}-0`);
  await eventually('the watch to tell of it', () => since() !== null);
  const led = process?.log.findLast(({ message }) => message === 'this member leads');
  const millis = (since() ?? Infinity) - Date.parse(String(led?.['time']));
  console.log(`the label followed the leader after ${millis} ms`);
  expect(millis).toBeLessThanOrEqual(LABEL_MILLIS);
}

async function labelled(): Promise<string[]> {
  const pods = await plane.api.list(`${CORE}/pods?labelSelector=graveyar.dev/role=leader`);
  return pods.map(({ metadata }) => metadata.name).sort();
}

async function eventuallyLabelled(expected: () => Promise<string>): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    const [found, wanted] = [await labelled(), await expected()];
    if (found.join() === wanted) return;
    if (performance.now() > end) throw new Error(`labelled: ${found.join()}; the leader's pod is ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function leader(): Promise<ClusterNode> {
  if (cluster === null) throw new Error('there is no cluster');
  return cluster.leader();
}

async function leadersPod(): Promise<string> {
  return `${(await leader()).name}-0`;
}

describe('members in pods', { timeout: 240_000 }, () => {
  it('label the pod of the leader alone within two seconds, through a kill, a stop in order and a transfer', async () => {
    const history = new PodHistory(plane.api, `${CORE}/pods`);
    onTestFinished(() => history.stop());
    await labelledInTime(history);
    const first = await leader();
    await first.kill();
    await labelledInTime(history);
    expect(await labelled()).not.toContain(`${first.name}-0`);
    await first.start();
    const second = await leader();
    await second.stop();
    await labelledInTime(history);
    expect(await labelled()).not.toContain(`${second.name}-0`);
    await second.start();
    const third = await cluster?.leader((members) => members.every(({ active }) => active === true));
    await cluster?.client().cluster.transferLeadership(null);
    await labelledInTime(history);
    expect(await labelled()).not.toContain(`${third?.name}-0`);
  });

  it('serve while the API server is gone, and label the new leader when it is back', async () => {
    await eventuallyLabelled(leadersPod);
    const first = await leader();
    await plane.stopApiServer();
    await first.kill();
    const client = cluster?.client();
    await client?.append('s', [{ type: 't' }], { expectedVersion: 'no-stream' });
    await plane.startApiServer();
    await eventuallyLabelled(leadersPod);
    expect(await labelled()).not.toContain(`${first.name}-0`);
    await client?.append('s', [{ type: 't' }], { expectedVersion: 0 });
  });
});
