// Pods that StatefulSets do not make: told after a while, in the words of the newest Event if it may be read.
import { beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../operator/kubernetes/api-error.ts';
import type { EventObject } from '../../operator/kubernetes/event-recorder.ts';
import type { ListPage } from '../../operator/kubernetes/kubernetes-api.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import type { ClusterObjects } from '../../operator/observe/cluster-objects.ts';
import { MissingPods, POD_GRACE_MILLIS } from '../../operator/observe/missing-pods.ts';
import { clusterWith } from '../support/cluster-specs.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ScriptedApi } from '../support/operator/scripted-api.ts';

const cluster = clusterWith();
const labels = { 'graveyar.dev/member': 'orders-1' };
const owner = { apiVersion: 'v1', kind: 'x', name: 'orders', uid: cluster.metadata.uid, controller: true };
const set = { metadata: { namespace: 'shop', name: 'orders-1', uid: 's1', labels, ownerReferences: [owner] } };
const pod = { metadata: { namespace: 'shop', name: 'orders-1-0', uid: 'p1', labels } };
const claim = { metadata: { namespace: 'shop', name: 'data-orders-1-0', labels, deletionTimestamp: 'now' } };
const lone: ClusterObjects = { cluster: { metadata: {} }, statefulSets: [set], pods: [], claims: [], shared: [] };

function eventsOf(...messages: readonly (readonly [time: string, message: string])[]): ListPage<KubernetesObject> {
  const items = messages.map(([lastTimestamp, message]): EventObject => ({ lastTimestamp, message }));
  return { items, resourceVersion: '1', continueToken: null };
}

let api: ScriptedApi;
let clock: ManualClock;
let missing: MissingPods;
beforeEach(() => {
  [api, clock] = [new ScriptedApi(), new ManualClock()];
  missing = new MissingPods(api, clock);
  api.lists = [eventsOf()];
});

async function look(objects: ClusterObjects = lone, signal = new AbortController().signal): Promise<string | null> {
  return (await missing.troubles('shop/orders', cluster, objects, { signal })).get('orders-1') ?? null;
}

/** Looks, and again after the time in which no pod is normal. */
async function lookLate(objects: ClusterObjects = lone): Promise<string | null> {
  await look(objects);
  clock.advance(POD_GRACE_MILLIS);
  return look(objects);
}

describe('a pod that is missing', () => {
  it('is told once its time is over, and not a moment before', async () => {
    expect(await look()).toBeNull();
    clock.advance(POD_GRACE_MILLIS - 1);
    expect(await look()).toBeNull();
    expect(api.calls).toEqual([]);
    clock.advance(1);
    expect(await look()).toBe('no pod was made; see kubectl describe statefulset orders-1');
  });

  it('has its time again when there was one meanwhile', async () => {
    expect(await lookLate({ ...lone, pods: [pod] })).toBeNull();
    expect(await look()).toBeNull();
    expect(await lookLate()).not.toBeNull();
  });

  it('is not told of a StatefulSet that is going, is another one, or waits for a claim to go', async () => {
    const going = { metadata: { ...set.metadata, deletionTimestamp: 'now' } };
    expect(await lookLate({ ...lone, statefulSets: [going] })).toBeNull();
    expect(await lookLate({ ...lone, claims: [claim] })).toBeNull();
    expect(await lookLate()).not.toBeNull();
    expect(await look({ ...lone, statefulSets: [{ metadata: { ...set.metadata, uid: 's2' } }] })).toBeNull();
  });

  it('is told in the words of the newest event, which are asked for every ten seconds', async () => {
    const older = ['2026-05-04T03:02:01Z', 'exceeded quota'] as const;
    const newer = ['2026-05-04T03:02:03Z', 'no PriorityClass with name x'] as const;
    api.lists = [eventsOf(older, newer, ['2026-05-04T03:02:02Z', 'between']), eventsOf(older)];
    expect(await lookLate()).toBe('no pod was made: no PriorityClass with name x');
    clock.advance(9_999);
    expect(await look()).toBe('no pod was made: no PriorityClass with name x');
    expect(api.calls).toEqual(['list']);
    clock.advance(1);
    expect(await look()).toBe('no pod was made: exceeded quota');
    expect(api.calls).toEqual(['list', 'list']);
  });

  it('is told without them when they may not be read, and not at all when the operator ends', async () => {
    api.lists = [new ApiError('FORBIDDEN', 'may not')];
    expect(await lookLate()).toBe('no pod was made; see kubectl describe statefulset orders-1');
    clock.advance(POD_GRACE_MILLIS);
    await expect(look(lone, AbortSignal.abort(new Error('the operator ends')))).rejects.toThrow('the operator ends');
  });
});
