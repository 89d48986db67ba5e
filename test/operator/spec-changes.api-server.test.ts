// What of a spec no pod template carries, on a real API server with Kubernetes' own controllers and storage that grows: what becomes of volumes,
// their size, annotations of Services, and the pause. One cluster of one member after the other, each `it` going on where the last one ended.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAUSED_ANNOTATION } from '../../operator/api/graveyar-cluster.ts';
import { runOperator } from '../../operator/run-operator.ts';
import { loadOperatorSettings } from '../../operator/settings.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createPinoLogger } from '../../src/telemetry/pino-logger.ts';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';
import type { KubernetesObject } from '../support/kubernetes/kubernetes-api.ts';
import { ClusterHandle, installDefinition } from '../support/operator/cluster-objects.ts';
import { PlayedNode } from '../support/operator/played-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

/** The programs may be built first. */
const START_MILLIS = 45 * 60_000;
const PHASE_MILLIS = 2 * 60_000;
const TEST_MILLIS = 4 * PHASE_MILLIS;
const NAMESPACE = 'changes';
const LOG = process.env['OPERATOR_TEST_LOG'] === undefined ? 'silent' : 'info';
const soon = { timeout: PHASE_MILLIS, interval: 100 } as const;

/** What is read of the objects here. */
interface Thing extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & {
    readonly generation?: number;
    readonly resourceVersion?: string;
    readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string }[];
  };
  readonly spec: {
    readonly resources?: { readonly requests: { readonly storage: string } };
    readonly persistentVolumeClaimRetentionPolicy?: { readonly whenDeleted: string };
    readonly volumeClaimTemplates?: readonly { readonly spec: Thing['spec'] }[];
  };
  readonly status?: unknown;
}

describe('a change of what no pod template carries:', () => {
  let plane: ControlPlane;
  let directory: TemporaryDirectory;
  let node: PlayedNode;
  let cluster: ClusterHandle;
  const actions: string[] = [];
  const stopping = new AbortController();
  let operator: Promise<void>;

  beforeAll(async () => {
    plane = await startControlPlane({ controllers: true });
    directory = await temporaryDirectory();
    await installDefinition(plane.api);
    await plane.api.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
    await plane.api.create('/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name: 'elastic' },
      provisioner: 'graveyar.dev/played',
      allowVolumeExpansion: true,
    });
    node = new PlayedNode({ api: plane.api, namespace: NAMESPACE, directory: directory.path, network: '127.77.3' });
    await node.start();
    const { kubeconfig } = plane;
    const lease = { leaseNamespace: NAMESPACE, leaseName: 'operator', leaseDuration: '60s' };
    const settings = loadOperatorSettings(
      { kubeconfig, namespaces: NAMESPACE, metricsPort: '0', resync: '1s', ...lease },
      {},
    );
    operator = runOperator(settings, {
      logger: createPinoLogger({ level: LOG, format: 'pretty' }),
      clock: systemClock,
      version: 'test',
      stopping: stopping.signal,
      afterAction: (kind) => actions.push(kind),
    });
    cluster = new ClusterHandle(plane.api, NAMESPACE, 'foo');
  }, START_MILLIS);

  afterAll(async () => {
    stopping.abort(new Error('the test is over'));
    await operator;
    await node.stop();
    await plane.stop();
    await directory.remove();
  });

  const find = async (group: string, plural: string, name: string): Promise<Thing | null> =>
    (await plane.api.find(`${group}/namespaces/${NAMESPACE}/${plural}/${name}`)) as Thing | null;
  const get = async (...where: Parameters<typeof find>): Promise<Thing> => {
    const found = await find(...where);
    if (found === null) throw new Error(`there is no ${where.join(' ')}`);
    return found;
  };
  const statefulSet = (): Promise<Thing> => get('/apis/apps/v1', 'statefulsets', 'foo-1');
  const pod = (): Promise<Thing> => get('/api/v1', 'pods', 'foo-1-0');
  const claim = (): Promise<Thing> => get('/api/v1', 'persistentvolumeclaims', 'data-foo-1-0');
  const service = (): Promise<Thing> => get('/api/v1', 'services', 'foo-rw');
  const annotations = async (): Promise<Readonly<Record<string, string>>> =>
    (await service()).metadata.annotations ?? {};
  const settle = (): Promise<void> => expect.poll(() => cluster.unsettled(), soon).toBeNull();
  const found = async (whenDeleted: 'Retain' | 'Delete'): Promise<void> => {
    await cluster.create(1, {
      storage: { size: '1Gi', storageClassName: 'elastic', whenDeleted },
      service: { annotations: { 'a.example/one': '1', 'a.example/two': '2' } },
    });
    await settle();
  };
  /** The kinds of whom the claim goes with. */
  const owners = async (): Promise<string[]> =>
    ((await claim()).metadata.ownerReferences ?? []).map(({ kind }) => kind);
  const whenDeleted = async (): Promise<string | undefined> =>
    (await statefulSet()).spec.persistentVolumeClaimRetentionPolicy?.whenDeleted;

  it('an annotation goes from the Service; what others put there stays', { timeout: TEST_MILLIS }, async () => {
    await found('Delete');
    const path = `/api/v1/namespaces/${NAMESPACE}/services/foo-rw`;
    await plane.api.patch(path, { metadata: { annotations: { 'cloud.example/address': 'there' } } });
    const { spec, metadata } = await service();
    await cluster.change({ service: { annotations: { 'a.example/one': null } } });
    await settle();
    expect(await annotations()).toMatchObject({ 'a.example/two': '2', 'cloud.example/address': 'there' });
    expect(await annotations()).not.toHaveProperty(['a.example/one']);
    await cluster.change({ service: { annotations: null, type: 'NodePort' } });
    await settle();
    expect(await annotations()).toHaveProperty(['cloud.example/address'], 'there');
    expect(await annotations()).not.toHaveProperty(['a.example/two']);
    expect((await service()).spec).toMatchObject({ type: 'NodePort' });
    await cluster.change({ service: { type: 'ClusterIP' } });
    await settle();
    expect(await service()).toMatchObject({ spec, metadata: { uid: metadata.uid } });
  });

  it('volumes grow under their pod', { timeout: TEST_MILLIS }, async () => {
    const before = { set: await statefulSet(), pod: await pod(), claim: await claim() };
    expect(before.claim.metadata.ownerReferences).toMatchObject([{ uid: before.set.metadata.uid }]);
    await cluster.change({ storage: { size: '2Gi' } });
    await settle();
    const after = { set: await statefulSet(), pod: await pod(), claim: await claim() };
    expect(after.pod.metadata.uid).toBe(before.pod.metadata.uid);
    expect(after.claim.metadata.uid).toBe(before.claim.metadata.uid);
    expect(after.claim).toMatchObject({ status: { phase: 'Bound', capacity: { storage: '2Gi' } } });
    expect(after.claim.metadata).not.toHaveProperty('deletionTimestamp');
    expect(after.set.metadata.uid).not.toBe(before.set.metadata.uid);
    expect(after.set.spec.volumeClaimTemplates?.[0]?.spec.resources?.requests.storage).toBe('2Gi');
    // It went with the StatefulSet before, and goes with this one now.
    expect(after.claim.metadata.ownerReferences).toMatchObject([{ uid: after.set.metadata.uid }]);
    expect(after.pod.metadata.ownerReferences).toMatchObject([{ uid: after.set.metadata.uid }]);
  });

  it('nothing is done while it is paused, and all of it afterwards', { timeout: TEST_MILLIS }, async () => {
    const pause = (value: 'true' | null): Promise<unknown> =>
      plane.api.patch(`${cluster.path}/foo`, { metadata: { annotations: { [PAUSED_ANNOTATION]: value } } });
    const seen = async (): Promise<string> => {
      const { metadata, status } = (await cluster.get()) ?? {};
      const progress = status?.conditions?.find(({ type }) => type === 'Progressing');
      return `${progress?.reason} ${Number(metadata?.generation) - Number(status?.observedGeneration)}`;
    };
    const state = async (): Promise<unknown[]> => [
      (await statefulSet()).metadata.generation,
      (await service()).metadata.resourceVersion,
      (await pod()).metadata.uid,
      await owners(),
    ];
    await pause('true');
    await expect.poll(seen, soon).toBe('Paused 0');
    const [before, done] = [await state(), actions.length];
    await cluster.change({ storage: { whenDeleted: 'Retain' }, service: { annotations: { 'a.example/one': '1' } } });
    await expect.poll(seen, soon).toBe('Paused 0');
    // Whatever the first change could have set off has been done when the next one is seen.
    await cluster.change({ settings: { logLevel: 'debug' } });
    await expect.poll(seen, soon).toBe('Paused 0');
    expect(await state()).toEqual(before);
    expect(new Set(actions.slice(done))).toEqual(new Set(['status']));

    await pause(null);
    await expect.poll(seen, soon).toBe('Settled 0');
    await settle();
    expect((await pod()).metadata.uid).not.toBe(before[2]);
    expect(await annotations()).toHaveProperty(['a.example/one'], '1');
    expect([await whenDeleted(), await owners()]).toEqual(['Retain', []]);
  });

  it('volumes stay when they are to stay at the end', { timeout: TEST_MILLIS }, async () => {
    await cluster.change({ storage: { whenDeleted: 'Delete' } });
    await settle();
    expect([await whenDeleted(), await owners()]).toEqual(['Delete', ['StatefulSet']]);
    await cluster.change({ storage: { whenDeleted: 'Retain' } });
    await settle();
    expect([await whenDeleted(), await owners()]).toEqual(['Retain', []]);
    const { uid } = (await claim()).metadata;
    await deleted();
    const kept = await claim();
    expect(kept.metadata.uid).toBe(uid);
    expect(kept.metadata).not.toHaveProperty('deletionTimestamp');
    // Nobody is left whose end it could follow.
    expect(kept.metadata.ownerReferences ?? []).toEqual([]);
  });

  it('volumes go when they are to go at the end', { timeout: TEST_MILLIS }, async () => {
    await found('Retain');
    expect([await whenDeleted(), await owners()]).toEqual(['Retain', []]);
    await cluster.change({ storage: { whenDeleted: 'Delete' } });
    await settle();
    await deleted();
    await expect.poll(() => cluster.names('/api/v1', 'persistentvolumeclaims'), soon).toEqual([]);
    expect(actions.filter((kind) => kind === 'delete-claim')).toEqual([]);
  });

  /** Deletes the cluster, and waits until its members are gone. */
  async function deleted(): Promise<void> {
    await plane.api.delete(`${cluster.path}/foo`);
    const left = async (): Promise<string[]> => [
      ...(await cluster.names('/apis/apps/v1', 'statefulsets')),
      ...(await cluster.names('/api/v1', 'pods')),
    ];
    await expect.poll(left, soon).toEqual([]);
  }
});
