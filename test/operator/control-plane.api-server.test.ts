// The API server that other tests are run against: it serves, survives its own death with what it was told, leaves nothing.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';
import { KubernetesApi } from '../support/kubernetes/kubernetes-api.ts';
import { KUBERNETES_VERSION } from '../support/kubernetes/versions.ts';

/** The programs may be built first. */
const START_MILLIS = 45 * 60_000;
const SETTINGS = '/api/v1/namespaces/default/configmaps';

describe('a control plane', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ controllers: true });
  }, START_MILLIS);
  afterAll(() => plane.stop());

  it('serves the version that is pinned', async () => {
    const version = JSON.parse(await plane.kubectl(['version', '--output', 'json'])) as Record<string, object>;
    expect(version['serverVersion']).toMatchObject({ gitVersion: `v${KUBERNETES_VERSION}` });
    expect(version['clientVersion']).toMatchObject({ gitVersion: `v${KUBERNETES_VERSION}` });
  });

  it('refuses what a user has no role for', async () => {
    const stranger = KubernetesApi.fromKubeconfig(plane.kubeconfigFor('stranger'));
    await expect(stranger.list(SETTINGS)).rejects.toMatchObject({ status: 403 });
    stranger.close();
  });

  it('keeps its objects when the API server is killed and started again', async () => {
    await plane.api.create(SETTINGS, { metadata: { name: 'kept' }, data: { answer: '42' } });
    const before = plane.processes.get('kube-apiserver');
    await plane.stopApiServer('SIGKILL');
    await expect(plane.api.find(`${SETTINGS}/kept`)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
    await plane.startApiServer();
    expect(plane.processes.get('kube-apiserver')).not.toBe(before);
    expect(await plane.api.find(`${SETTINGS}/kept`)).toMatchObject({ data: { answer: '42' } });
  });

  it('acts on objects: what is owned goes with its owner', async () => {
    const owner = await plane.api.create(SETTINGS, { metadata: { name: 'owner' } });
    const uid = owner.metadata.uid ?? '';
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
    await plane.api.create(SETTINGS, { metadata: { name: 'owned', ownerReferences } });
    await plane.api.delete(`${SETTINGS}/owner`);
    await expect.poll(() => plane.api.find(`${SETTINGS}/owned`), { timeout: 60_000, interval: 100 }).toBeNull();
  });
});

describe('the end of a control plane', () => {
  it('leaves no process and no file', { timeout: START_MILLIS }, async () => {
    const plane = await startControlPlane();
    const pids = [...plane.processes.values()];
    expect([...plane.processes.keys()]).toEqual(['etcd', 'kube-apiserver']);
    expect(pids.map(isAlive)).toEqual([true, true]);
    expect(existsSync(join(plane.directory, 'pki'))).toBe(true);
    await plane.stop();
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(existsSync(plane.directory)).toBe(false);
  });

  it('that cannot start tells why, and leaves nothing either', { timeout: START_MILLIS }, async () => {
    const wrong = startControlPlane({ apiServerArguments: ['--no-such-flag'] });
    await expect(wrong).rejects.toThrow(/unknown flag: --no-such-flag/);
  });
});

/** A process that has ended but was not waited for is a zombie, which is no process any more. */
function isAlive(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  return existsSync(status) && !/^State:\s+Z/m.test(readFileSync(status, 'utf8'));
}
