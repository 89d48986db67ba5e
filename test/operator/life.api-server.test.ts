// A cluster's whole life against a real API server and Kubernetes' own controllers, with real servers as its members. The
// operator is ended after everything it does, and starts with nothing each time; a client appends throughout.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPinoLogger } from '../../src/telemetry/pino-logger.ts';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';
import { ClusterHandle, installDefinition } from '../support/operator/cluster-objects.ts';
import { KilledOperator } from '../support/operator/killed-operator.ts';
import { PlayedNode } from '../support/operator/played-node.ts';
import { SteadyAppender } from '../support/operator/steady-appender.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

/** The programs may be built first. */
const START_MILLIS = 45 * 60_000;
const PHASE_MILLIS = 5 * 60_000;
const TEST_MILLIS = PHASE_MILLIS + 60_000;
const NAMESPACE = 'life';
const LOG = process.env['OPERATOR_TEST_LOG'] === undefined ? 'silent' : 'info';

describe('an operator that is ended after everything it does', () => {
  let plane: ControlPlane;
  let directory: TemporaryDirectory;
  let node: PlayedNode;
  let operator: KilledOperator;
  let cluster: ClusterHandle;
  let appender: SteadyAppender | null = null;

  beforeAll(async () => {
    plane = await startControlPlane({ controllers: true });
    directory = await temporaryDirectory();
    await installDefinition(plane.api);
    await plane.api.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
    node = new PlayedNode({ api: plane.api, namespace: NAMESPACE, directory: directory.path, network: '127.77.1' });
    await node.start();
    const logger = createPinoLogger({ level: LOG, format: 'pretty' });
    operator = new KilledOperator({ kubeconfig: plane.kubeconfig, namespace: NAMESPACE, logger });
    cluster = new ClusterHandle(plane.api, NAMESPACE, 'foo');
  }, START_MILLIS);

  afterAll(async () => {
    await node.stop();
    await plane.stop();
    await directory.remove();
  });

  const settle = async (): Promise<void> => {
    await operator.liveUntil(() => cluster.unsettled(), PHASE_MILLIS);
    expect(operator.troubles).toEqual([]);
  };
  const membersById = async (): Promise<Map<string, string>> =>
    new Map(((await cluster.get())?.status?.members ?? []).map(({ name, id }) => [name, id]));
  const leader = async (): Promise<string> => (await cluster.get())?.status?.leader ?? '';

  it('founds a cluster of one, once', { timeout: TEST_MILLIS }, async () => {
    await cluster.create(1);
    await settle();
    const status = (await cluster.get())?.status;
    expect(status?.founder).toMatchObject({ name: 'foo-1', id: status?.members?.[0]?.id });
    expect(operator.actions.filter((action) => action === 'found')).toHaveLength(1);
    appender = new SteadyAppender([1, 2, 3, 4, 5, 6].map((last) => `127.77.1.${last}:4000`));
    expect(await cluster.names('/api/v1', 'services')).toEqual(['foo-peers', 'foo-r', 'foo-rw']);
    await expect.poll(() => appender?.acknowledged, { timeout: 30_000 }).toBeGreaterThan(10);
  });

  it('grows it to three and five, though the API server is killed twice', { timeout: 2 * TEST_MILLIS }, async () => {
    const { clusterId } = (await cluster.get())?.status ?? {};
    for (const replicas of [3, 5]) {
      await cluster.change({ replicas });
      const from = operator.actions.length;
      const settled = settle();
      await expect.poll(() => operator.actions.length - from, { timeout: PHASE_MILLIS }).toBeGreaterThan(3);
      await plane.stopApiServer('SIGKILL');
      await plane.startApiServer();
      await settled;
      expect(await cluster.names('/apis/apps/v1', 'statefulsets')).toHaveLength(replicas);
    }
    expect((await cluster.get())?.status).toMatchObject({ clusterId, replicas: 5, readyReplicas: 5 });
    const pods = await plane.api.list(`/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=graveyar.dev/role=leader`);
    expect(pods.map(({ metadata }) => metadata.labels?.['graveyar.dev/member'])).toEqual([await leader()]);
  });

  it('shrinks it to three and deletes what is left over', { timeout: TEST_MILLIS }, async () => {
    await cluster.change({ replicas: 3 });
    await settle();
    await operator.liveUntil(async () => {
      const claims = await cluster.names('/api/v1', 'persistentvolumeclaims');
      return claims.length === 3 ? null : `there are claims ${claims.join(', ')}`;
    }, PHASE_MILLIS);
    expect(await cluster.names('/apis/apps/v1', 'statefulsets')).toHaveLength(3);
  });

  it('replaces a member whose volume is lost by another one', { timeout: TEST_MILLIS }, async () => {
    const before = await membersById();
    const [victim = ''] = [...before.keys()].filter((name) => name !== cluster.name);
    const path = `/api/v1/namespaces/${NAMESPACE}`;
    await plane.api.delete(`${path}/persistentvolumeclaims/data-${victim}-0`);
    await plane.api.delete(`${path}/pods/${victim}-0`);
    await operator.liveUntil(async () => {
      const id = (await membersById()).get(victim);
      if (id === undefined || id === before.get(victim)) return `${victim} is ${id ?? 'gone'}`;
      return cluster.unsettled();
    }, PHASE_MILLIS);
    const after = await membersById();
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    for (const [name, id] of after) expect(id === before.get(name)).toBe(name !== victim);
  });

  it('updates all members, the leader last', { timeout: TEST_MILLIS }, async () => {
    const hashes = async (): Promise<Set<string>> => {
      const pods = await plane.api.list(`/api/v1/namespaces/${NAMESPACE}/pods`);
      return new Set(pods.map(({ metadata }) => metadata.annotations?.['graveyar.dev/template-hash'] ?? ''));
    };
    const before = await hashes();
    const led = await leader();
    const from = operator.actions.length;
    await cluster.change({ settings: { logLevel: 'debug' } });
    await settle();
    const after = await hashes();
    expect([...before, ...after]).toHaveLength(2);
    expect([...after]).not.toEqual([...before]);
    const actions = operator.actions.slice(from);
    expect(actions.filter((action) => action === 'delete-pod')).toHaveLength(3);
    expect(actions.lastIndexOf('transfer-leadership')).toBeGreaterThan(actions.indexOf('delete-pod'));
    expect(await leader()).not.toBe(led);
  });

  it('has lost and doubled nothing of what was acknowledged meanwhile', { timeout: TEST_MILLIS }, async () => {
    const { acknowledged = 0, longestGapMillis = Infinity, failures = 1 } = appender ?? {};
    const outcome = await appender?.stop();
    console.log({
      lives: operator.lives,
      actions: operator.actions.length,
      acknowledged,
      longestGapMillis,
      ...outcome,
    });
    expect({ ...outcome, failures }).toEqual({ lost: 0, duplicated: 0, failures: 0 });
    expect(acknowledged).toBeGreaterThan(100);
  });

  it('leaves nothing when it is deleted', { timeout: TEST_MILLIS }, async () => {
    await plane.api.delete(`${cluster.path}/${cluster.name}`);
    await operator.liveUntil(async () => {
      const kinds = [
        ['/apis/apps/v1', 'statefulsets'],
        ['/api/v1', 'pods'],
        ['/api/v1', 'services'],
        ['/api/v1', 'persistentvolumeclaims'],
        ['/apis/rbac.authorization.k8s.io/v1', 'roles'],
        ['/apis/policy/v1', 'poddisruptionbudgets'],
      ] as const;
      const left = await Promise.all(kinds.map(([group, plural]) => cluster.names(group, plural)));
      return left.flat().length === 0 ? null : `there are ${left.flat().join(', ')}`;
    }, PHASE_MILLIS);
    expect(await cluster.get()).toBeNull();
  });
});
