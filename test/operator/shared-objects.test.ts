// The objects that a cluster has once: applied each for itself, whatever is in the way of another.
import { describe, expect, it } from 'vitest';
import { applySharedObjects } from '../../operator/apply/kubernetes-actions.ts';
import type { KubernetesTarget } from '../../operator/apply/kubernetes-actions.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { sharedObjects } from '../../operator/resources/shared-objects.ts';
import { clusterWith } from '../support/cluster-specs.ts';
import { ScriptedApi } from '../support/operator/scripted-api.ts';

const cluster = clusterWith();
const namespace = 'shop';

function targetWith(api: ScriptedApi, signal = new AbortController().signal): KubernetesTarget & { learnt: string[] } {
  const learnt: string[] = [];
  return {
    api,
    cluster,
    objects: { cluster: { metadata: {} }, statefulSets: [], pods: [], claims: [], shared: [] },
    limits: { signal },
    learned: ({ shared = [] }) => learnt.push(...shared.map(({ kind, metadata }) => `${kind} ${metadata?.name}`)),
    learnt,
  };
}

const foreign = (name: string): KubernetesObject => ({ metadata: { namespace, name, labels: { mine: 'yes' } } });
const all = sharedObjects(cluster).map(({ kind, metadata }) => `${kind} ${metadata.name}`);

describe('applying what a cluster has once', () => {
  it('goes on after what is in its way, to the disruption budget', async () => {
    const api = new ScriptedApi();
    await api.create({ apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true }, foreign('orders-rw'));
    const target = targetWith(api);
    await expect(applySharedObjects(target)).rejects.toThrow(
      'Service orders-rw is there already and does not belong to orders',
    );
    expect(target.learnt).toEqual(all.filter((name) => name !== 'Service orders-rw'));
    expect(target.learnt.at(-1)).toBe('PodDisruptionBudget orders');
  });

  it('tells everything that is in its way', async () => {
    const api = new ScriptedApi();
    for (const name of ['orders-rw', 'orders-peers']) {
      await api.create({ apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true }, foreign(name));
    }
    await expect(applySharedObjects(targetWith(api))).rejects.toThrow(/orders-peers is .*; Service orders-rw is /);
  });

  it('is given up when the operator ends', async () => {
    const api = new ScriptedApi();
    const target = targetWith(api, AbortSignal.abort(new Error('the operator ends')));
    await api.create(
      { apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true },
      foreign('orders-peers'),
    );
    await expect(applySharedObjects(target)).rejects.toThrow('the operator ends');
    expect(target.learnt).not.toContain('PodDisruptionBudget orders');
  });
});
