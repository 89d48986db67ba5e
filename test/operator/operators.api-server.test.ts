// The operator's process and its list-watch against a real API server that dies, forgets and comes back.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../../operator/kubernetes/api-client.ts';
import { ApiConnection, loadKubeConfig } from '../../operator/kubernetes/api-connection.ts';
import { namespacedKind } from '../../operator/kubernetes/kind.ts';
import type { KubernetesApi } from '../../operator/kubernetes/kubernetes-api.ts';
import { ListWatch } from '../../operator/kubernetes/list-watch.ts';
import { ObjectCache } from '../../operator/kubernetes/object-cache.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';
import { installDefinition } from '../support/operator/cluster-objects.ts';
import { OperatorProcess } from '../support/operator/operator-process.ts';

/** The programs may be built first. */
const START_MILLIS = 45 * 60_000;
const TEST_MILLIS = 5 * 60_000;
const NAMESPACE = 'default';
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/operators`;
const configMapKind = namespacedKind('v1', 'ConfigMap', 'configmaps');
const soon = { timeout: 90_000, interval: 100 } as const;

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
  await installDefinition(plane.api);
}, START_MILLIS);
afterAll(() => plane.stop());

/** Makes etcd forget everything but the newest. */
async function compact(): Promise<void> {
  const pid = plane.processes.get('etcd') ?? 0;
  const url = /--listen-client-urls=(\S+?)\0/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1] ?? '';
  const ask = async (path: string, body: object): Promise<unknown> =>
    (await fetch(url + path, { method: 'POST', body: JSON.stringify(body) })).json();
  const { header } = (await ask('/v3/kv/range', { key: 'YQ==' })) as { header: { revision: string } };
  await ask('/v3/kv/compaction', { revision: header.revision, physical: true });
}

describe('a list-watch on a real API server', () => {
  it('has what the server has after it was killed, and after it forgot', { timeout: TEST_MILLIS }, async () => {
    const connection = new ApiConnection(loadKubeConfig(plane.kubeconfig), systemClock, 'test');
    const api: KubernetesApi = new ApiClient(connection, { fieldManager: 'test', deadlineMillis: 5_000 });
    let gate = Promise.resolve();
    const gated = new Proxy(api, {
      get: (target, name: keyof KubernetesApi) =>
        name !== 'watch'
          ? (target[name] as () => unknown).bind(target)
          : async function* (...args: Parameters<KubernetesApi['watch']>) {
              await gate;
              yield* target.watch(...args);
            },
    });
    const codes: string[] = [];
    const cache = new ObjectCache(() => null);
    const listWatch = new ListWatch({
      api: gated,
      kind: configMapKind,
      scope: { namespace: NAMESPACE, labelSelector: 'mine=yes' },
      cache,
      clock: systemClock,
      random: Math.random,
      logger: silentLogger,
      observer: { listed: () => undefined, failed: (_, code) => codes.push(code) },
      backoff: { first: 100, longest: 1000 },
    });
    const stop = new AbortController();
    const running = listWatch.run(stop.signal);
    const names = (): string[] =>
      cache
        .all()
        .map(({ metadata }) => metadata?.name ?? '')
        .sort();
    const make = (name: string): Promise<unknown> =>
      plane.api.create(MAPS, { metadata: { name, labels: { mine: 'yes' } } });
    try {
      await listWatch.synced;
      await make('a');
      await make('b');
      await plane.api.create(MAPS, { metadata: { name: 'not-mine' } });
      await expect.poll(names, soon).toEqual(['a', 'b']);

      await plane.stopApiServer('SIGKILL');
      await expect.poll(() => codes.includes('UNAVAILABLE'), soon).toBe(true);
      await plane.startApiServer();
      await make('c');
      await expect.poll(names, soon).toEqual(['a', 'b', 'c']);

      const opened = Promise.withResolvers<undefined>();
      gate = opened.promise;
      await plane.stopApiServer('SIGKILL');
      await plane.startApiServer();
      await plane.api.delete(`${MAPS}/a`);
      await make('d');
      await compact();
      await plane.stopApiServer('SIGKILL');
      await plane.startApiServer();
      expect(names()).toEqual(['a', 'b', 'c']);
      opened.resolve(undefined);
      await expect.poll(names, soon).toEqual(['b', 'c', 'd']);
      expect(codes).toContain('GONE');
    } finally {
      stop.abort(new Error('the test is over'));
      await running;
      connection.close();
    }
  });

  it('gives typed errors, and none waits longer than its deadline', { timeout: TEST_MILLIS }, async () => {
    const connection = new ApiConnection(loadKubeConfig(plane.kubeconfig), systemClock, 'test');
    const api = new ApiClient(connection, { fieldManager: 'test', deadlineMillis: 10_000 });
    const { signal } = new AbortController();
    const ref = { namespace: NAMESPACE, name: 'typed' };
    const object = { metadata: ref, data: { a: '1' } };
    const limits = { signal };
    await expect(api.get(configMapKind, ref, limits)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const made = await api.create(configMapKind, object, limits);
    await expect(api.create(configMapKind, object, limits)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await api.patch(configMapKind, ref, { data: { a: '2' } }, { ...limits, type: 'merge' });
    await expect(api.replace(configMapKind, made, limits)).rejects.toMatchObject({ code: 'CONFLICT' });
    const other = { ...limits, uid: '00000000-0000-0000-0000-000000000000', propagation: 'Background' as const };
    await expect(api.delete(configMapKind, ref, other)).rejects.toMatchObject({ code: 'CONFLICT' });
    const wanted = { metadata: ref, data: { a: '3' } };
    const applied = await api.apply(configMapKind, wanted, limits);
    expect(applied).toMatchObject({ data: { a: '3' } });
    const foreign = { metadata: { ...ref, uid: other.uid }, data: {} } as object;
    await expect(api.apply(configMapKind, foreign, limits)).rejects.toMatchObject({ code: 'CONFLICT' });
    const labelled = { metadata: { uid: other.uid, labels: { a: 'b' } } };
    await expect(api.patch(configMapKind, ref, labelled, { ...limits, type: 'merge' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const late = { metadata: { resourceVersion: made.metadata?.resourceVersion }, data: { a: '4' } };
    await expect(api.patch(configMapKind, ref, late, { ...limits, type: 'merge' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const invalid = { metadata: { namespace: NAMESPACE, name: 'Not A Name' } };
    await expect(api.create(configMapKind, invalid, limits)).rejects.toMatchObject({ code: 'INVALID' });
    await expect(api.get(configMapKind, ref, { ...limits, deadlineMillis: 0 })).rejects.toMatchObject({
      code: 'DEADLINE',
    });
    const stranger = new ApiConnection(loadKubeConfig(plane.kubeconfigFor('stranger')), systemClock, 'test');
    const strange = new ApiClient(stranger, { fieldManager: 'test', deadlineMillis: 10_000 });
    await expect(strange.get(configMapKind, ref, limits)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await api.delete(configMapKind, ref, { ...other, uid: made.metadata?.uid ?? '' });
    await expect(api.get(configMapKind, ref, limits)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    stranger.close();
    connection.close();
  });
});

describe('two operators', () => {
  const running: OperatorProcess[] = [];
  const start = (identity: string): OperatorProcess => {
    const flags = ['--identity', identity, '--lease-name', 'operators', '--lease-namespace', NAMESPACE];
    const operator = new OperatorProcess(plane.kubeconfig, [...flags, '--lease-duration', '9s']);
    running.push(operator);
    return operator;
  };
  const holder = async (): Promise<string> => {
    const lease = (await plane.api.find(LEASE)) as { readonly spec?: { readonly holderIdentity?: string } } | null;
    return (lease?.spec?.holderIdentity ?? '').replace(/_.*/, '');
  };
  afterEach(async () => {
    await Promise.all(running.map((operator) => operator.end('SIGKILL')));
  });

  it('hand the lease over, by word and by death; who loses it ends', { timeout: TEST_MILLIS }, async () => {
    const first = start('first');
    await expect.poll(holder, soon).toBe('first');
    const second = start('second');
    await expect.poll(() => second.hasSaid('another operator is at work; this one waits'), soon).toBe(true);
    expect(await second.get('/readyz')).toMatchObject({ status: 200 });
    expect((await second.get('/metrics')).text).toContain('graveyar_operator_leader 0');
    expect((await first.get('/metrics')).text).toContain('graveyar_operator_leader 1');

    expect(await first.end('SIGTERM')).toBe(0);
    expect(first.hasSaid('this operator has stopped')).toBe(true);
    expect(['', 'second']).toContain(await holder());
    await expect.poll(holder, soon).toBe('second');

    const third = start('third');
    await expect.poll(() => third.hasSaid('another operator is at work; this one waits'), soon).toBe(true);
    await second.end('SIGKILL');
    expect(await holder()).toBe('second');
    await expect.poll(holder, soon).toBe('third');
    await expect.poll(() => third.hasSaid('this operator is at work'), soon).toBe(true);

    await plane.stopApiServer('SIGKILL');
    expect(await third.exited).toBe(1);
    expect(third.hasSaid('the lease is lost')).toBe(true);
    await plane.startApiServer();
  });
});
