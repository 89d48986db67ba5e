// The operator itself, as a process with the rights of its chart and no others: it makes a cluster's objects, tells its status and events,
// holds its lease, and never asks for what it may not do.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { customResourceDefinition } from '../../operator/api/custom-resource-definition.ts';
import { operatorKubeconfig } from '../support/charts/operator-rights.ts';
import { clusterWith, MINIMAL_SPEC } from '../support/cluster-specs.ts';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';

/** The programs may have to be built. */
const BUILD_MILLIS = 45 * 60_000;
const MAIN = new URL('../../operator/main.ts', import.meta.url).pathname;
const SOON = { timeout: 180_000, interval: 500 };
const TEST_MILLIS = 10 * 60_000;

let plane: ControlPlane;
let operator: ChildProcess | null = null;
let log = '';

beforeAll(async () => {
  plane = await startControlPlane({ controllers: true });
  await plane.api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', customResourceDefinition());
  await plane.kubectl(['wait', '--for=condition=Established', 'crd/graveyarclusters.graveyar.dev', '--timeout=60s']);
  for (const name of ['shop', 'stage']) await plane.api.create('/api/v1/namespaces', { metadata: { name } });
}, BUILD_MILLIS);

afterAll(async () => {
  await stopOperator();
  await plane.stop();
});

function startOperator(kubeconfig: string, ...flags: readonly string[]): void {
  log = '';
  const places = ['--lease-namespace', 'shop', '--lease-name', 'keeper', '--metrics-port', '0', '--resync', '1s'];
  const args = [MAIN, '--kubeconfig', kubeconfig, ...places, '--log-level', 'debug', ...flags];
  operator = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  operator.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
}

async function stopOperator(): Promise<void> {
  if (operator === null || operator.exitCode !== null) return;
  const ended = once(operator, 'exit');
  operator.kill('SIGTERM');
  await ended;
}

async function names(api: string, plural: string, namespace: string): Promise<string[]> {
  const objects = await plane.api.list(`${api}/namespaces/${namespace}/${plural}?labelSelector=graveyar.dev/cluster`);
  return objects.map(({ metadata }) => metadata.name).sort();
}

function createCluster(namespace: string, name: string): Promise<unknown> {
  const { apiVersion, kind } = clusterWith();
  const path = `/apis/graveyar.dev/v1alpha1/namespaces/${namespace}/graveyarclusters`;
  return plane.api.create(path, { apiVersion, kind, metadata: { name }, spec: { ...MINIMAL_SPEC, replicas: 1 } });
}

describe.each([
  ['everywhere', 'stage', [] as readonly string[]],
  ['in one namespace', 'shop', ['shop'] as readonly string[]],
])('an operator with rights %s', (_, namespace, watched) => {
  it('does its work without asking for more', { timeout: TEST_MILLIS }, async () => {
    const kubeconfig = await operatorKubeconfig(plane, watched);
    startOperator(kubeconfig, ...(watched.length === 0 ? [] : ['--namespaces', watched.join()]));
    const name = `of-${namespace}`;
    await createCluster(namespace, name);
    try {
      await expect.poll(() => names('/apis/apps/v1', 'statefulsets', namespace), SOON).toEqual([`${name}-1`]);
      expect(await names('/api/v1', 'services', namespace)).toEqual([`${name}-peers`, `${name}-r`, `${name}-rw`]);
      expect(await names('/apis/rbac.authorization.k8s.io/v1', 'rolebindings', namespace)).toEqual([`${name}-members`]);
      expect(await names('/apis/policy/v1', 'poddisruptionbudgets', namespace)).toEqual([name]);
      const path = `/apis/graveyar.dev/v1alpha1/namespaces/${namespace}/graveyarclusters/${name}`;
      await expect
        .poll(() => plane.api.find(path), SOON)
        .toMatchObject({ status: { conditions: expect.anything() as unknown } });
      await expect
        .poll(() => plane.kubectl(['get', 'events', '--namespace', namespace]), SOON)
        .toContain(`graveyarcluster/${name}`);
      expect(await plane.api.find('/apis/coordination.k8s.io/v1/namespaces/shop/leases/keeper')).not.toBeNull();
    } catch (error) {
      throw new Error(`the operator's log:\n${log}`, { cause: error });
    } finally {
      await stopOperator();
    }
    expect(log).toContain(name);
    expect(log).not.toMatch(/forbidden|\b403\b/i);
  });
});
