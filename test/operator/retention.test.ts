// What becomes of volumes when the cluster is deleted: seen, planned, carried out.
import { describe, expect, it } from 'vitest';
import { setRetention } from '../../operator/apply/kubernetes-actions.ts';
import type { KubernetesTarget } from '../../operator/apply/kubernetes-actions.ts';
import { ApiError } from '../../operator/kubernetes/api-error.ts';
import type { OwnerReference } from '../../operator/kubernetes/object.ts';
import type { ClusterObjects } from '../../operator/observe/cluster-objects.ts';
import type { StatefulSet } from '../../operator/observe/kinds.ts';
import { observeCluster } from '../../operator/observe/observe-cluster.ts';
import type { Observed } from '../../operator/plan/observed.ts';
import { claimName } from '../../operator/resources/names.ts';
import { memberStatefulSet } from '../../operator/resources/member-stateful-set.ts';
import { clusterWith } from '../support/cluster-specs.ts';
import { ScriptedApi } from '../support/operator/scripted-api.ts';
import { NOTHING_HEARD } from '../support/operator/nothing-heard.ts';
import { hold, member, planned, silent, stepOf, three } from './world/plan-rows.ts';
import type { Scene, SceneMember } from './world/scene.ts';

const toDelete = { resource: { whenDeleted: 'Delete' } } as const;
const deletes = { statefulSet: { whenDeleted: 'Delete' }, claim: { goesWithStatefulSet: true } } as const;

/** The upkeep in short. */
const upkeepOf = (scene: Scene): string[] =>
  planned(scene).upkeep.map((one) =>
    one.kind === 'set-retention' ? `${one.member} ${one.statefulSetUid} ${one.whenDeleted}` : one.kind,
  );
const progressOf = (scene: Scene): string => {
  const found = planned(scene).status.conditions?.find(({ type }) => type === 'Progressing');
  return `${found?.status} ${found?.reason}: ${found?.message}`;
};

describe('what becomes of volumes', () => {
  const all = ['foo-1', 'foo-2', 'foo-3'].map((name) => `${name} sts-${name} Delete`);
  const old = { statefulSet: { templateHash: 'old' }, pod: { templateHash: 'old' } };
  const mute = three.map((one): SceneMember => ({ ...one, ...silent }));

  it.each<readonly [string, Scene, readonly string[]]>([
    ['is told to all StatefulSets', { members: three, ...toDelete }, all],
    ['the other way as well', { members: [member(1), member(2, deletes), member(3)] }, ['foo-2 sts-foo-2 Retain']],
    ['only to those that have it otherwise', { members: [member(1, deletes), member(2)], ...toDelete }, [all[1] ?? '']],
    ['without a leader', { members: mute, leader: null, ...toDelete }, all],
    ['while members are updated', { members: three.map((one) => ({ ...one, ...old })), ...toDelete }, all],
    ['before there is a cluster', { members: [member(1, silent)], status: {}, ...toDelete }, [all[0] ?? '']],
    [
      'to those that are no members',
      { members: [...three.map((one) => ({ ...one, ...deletes })), member(4, { role: 'none' })], ...toDelete },
      ['foo-4 sts-foo-4 Delete'],
    ],
    [
      'not to one that goes anyway',
      { members: [member(1), member(2, { statefulSet: { whenDeleted: 'Delete', deleting: true } }), member(3)] },
      [],
    ],
    ['not while it is paused', { members: three, resource: { whenDeleted: 'Delete', paused: true } }, []],
    ['not when the cluster is deleted', { members: three, resource: { whenDeleted: 'Delete', deleting: true } }, []],
  ])('%s', (_, scene, expected) => {
    expect(upkeepOf(scene).filter((one) => !one.startsWith('label-'))).toEqual(expected);
  });

  it('is not so yet, until StatefulSets say it and claims have followed', () => {
    const message = (names: string, fate = 'go'): string =>
      `True UpdatingRetention: volumes are to ${fate} when the cluster is deleted, which is not so yet of ${names}`;
    const told = member(3, { statefulSet: { whenDeleted: 'Delete' } });
    const followed = [member(1, deletes), member(2, deletes), member(3, deletes)];
    expect(progressOf({ members: three, ...toDelete })).toBe(message('foo-1, foo-2, foo-3'));
    expect(progressOf({ members: [...followed.slice(0, 2), told], ...toDelete })).toBe(message('foo-3'));
    expect(progressOf({ members: followed, ...toDelete })).toMatch(/^False Settled/);
    const tied = member(2, { claim: { goesWithStatefulSet: true } });
    expect(progressOf({ members: [member(1), tied, member(3)] })).toBe(message('foo-2', 'stay'));
    expect(progressOf({ members: three })).toMatch(/^False Settled/);
  });

  it('is told to be to do while it is paused', () => {
    const scene: Scene = { members: three, resource: { whenDeleted: 'Delete', paused: true } };
    expect(progressOf(scene)).toMatch(/^False Paused: .*; to do: volumes are to go when the cluster is deleted/);
  });

  it('is waited for in no claim that somebody else controls, or that goes', () => {
    const strange = member(1, { ...deletes, claim: { goesWithStatefulSet: null } });
    expect(progressOf({ members: [strange], ...toDelete })).toMatch(/^False Settled/);
    const going = [...three, member(4, { role: 'none', claim: { deleting: true, goesWithStatefulSet: true } })];
    expect(progressOf({ members: going })).not.toMatch(/UpdatingRetention/);
  });

  describe('when volumes grow', () => {
    const bigger = { resource: { whenDeleted: 'Delete', storageBytes: 2000 } } as const;
    const asked = { ...deletes.claim, requestedBytes: 2000, capacityBytes: 2000 };
    const one = (more: Partial<SceneMember>): Scene => ({ members: [member(1, { ...deletes, ...more })], ...bigger });
    const free = one({ claim: { ...asked, goesWithStatefulSet: false }, statefulSet: { whenDeleted: 'Retain' } });
    const anew = { statefulSet: { whenDeleted: 'Delete', storageBytes: 2000 } } as const;
    hold([
      ['the claim is asked first', one({}), 'grow-claim foo-1'],
      ['the StatefulSet is not made anew while the claim goes with it', one({ claim: asked }), 'nothing'],
      [
        'nor while it may get to that',
        one({ claim: { ...asked, goesWithStatefulSet: false }, statefulSet: { whenDeleted: 'Delete' } }),
        'nothing',
      ],
      ['but afterwards', free, 'orphan-stateful-set foo-1'],
      ['and is there again', one({ claim: asked, statefulSet: null }), 'apply-stateful-set foo-1'],
    ]);

    it('it is otherwise meanwhile, and as wanted afterwards', () => {
      expect(upkeepOf(one({}))).toEqual([]);
      expect(upkeepOf(one({ claim: asked }))).toEqual(['foo-1 sts-foo-1 Retain']);
      expect(upkeepOf(free)).toEqual([]);
      const late = one({ ...anew, claim: { ...asked, goesWithStatefulSet: false } });
      expect([stepOf(late), progressOf(late)]).toEqual(['nothing', expect.stringMatching(/^True UpdatingRetention/)]);
      expect(progressOf(one({ ...anew, claim: asked }))).toMatch(/^False Settled/);
    });
  });
});

/** What the API server has of one member. */
function objectsOf(whenDeleted: 'Retain' | 'Delete', ownerReferences: readonly OwnerReference[] = []): ClusterObjects {
  const cluster = clusterWith({ storage: { size: '1Gi', whenDeleted } });
  const set = memberStatefulSet(cluster, 'orders-1');
  const { metadata } = set;
  const claim = { metadata: { name: claimName('orders-1'), labels: metadata.labels, uid: 'c', ownerReferences } };
  const statefulSet = { ...set, metadata: { ...metadata, uid: 's', resourceVersion: '7' } } as unknown as StatefulSet;
  return { cluster, statefulSets: [statefulSet], pods: [], claims: [claim], shared: [] };
}

describe('what is seen of it', () => {
  const observed = (objects: ClusterObjects): Observed =>
    observeCluster(clusterWith({ storage: { size: '1Gi', whenDeleted: 'Delete' } }), objects, NOTHING_HEARD);
  const owner = (kind: string, name: string, controller = true): OwnerReference => {
    return { apiVersion: 'v1', kind, name, uid: 'u', controller };
  };

  it('is what is wanted, and what each StatefulSet has', () => {
    for (const has of ['Retain', 'Delete'] as const) {
      const { resource, statefulSets } = observed(objectsOf(has));
      expect([resource.whenDeleted, statefulSets[0]?.whenDeleted]).toEqual(['Delete', has]);
    }
    const objects = objectsOf('Delete');
    const bare = objects.statefulSets.map((set) => ({ ...set, spec: {} }));
    expect(observed({ ...objects, statefulSets: bare }).statefulSets[0]?.whenDeleted).toBe('Retain');
  });

  it.each([
    ['nobody’s', [], false],
    ['its StatefulSet’s', [owner('StatefulSet', 'orders-1')], true],
    ['its StatefulSet’s, as older controllers write it', [owner('StatefulSet', 'orders-1', false)], true],
    ['that of somebody who controls nothing', [owner('Backup', 'daily', false)], false],
    ['somebody else’s', [owner('Backup', 'daily')], null],
    ['another StatefulSet’s', [owner('StatefulSet', 'orders-2')], null],
  ] as const)('is whether the claim is %s', (_, owners, goes) => {
    expect(observed(objectsOf('Delete', owners)).claims[0]?.goesWithStatefulSet).toBe(goes);
  });
});

describe('setting it', () => {
  const carriedOut = async (api: ScriptedApi, statefulSetUid = 's'): Promise<unknown[]> => {
    const objects = objectsOf('Retain');
    const learned: unknown[] = [];
    const target: KubernetesTarget = {
      api,
      cluster: clusterWith(),
      objects,
      limits: { signal: new AbortController().signal },
      learned: ({ statefulSets = [] }) => learned.push(...statefulSets),
    };
    await setRetention(target, { kind: 'set-retention', member: 'orders-1', statefulSetUid, whenDeleted: 'Delete' });
    return learned;
  };
  const withSet = (): ScriptedApi => {
    const api = new ScriptedApi();
    for (const set of objectsOf('Retain').statefulSets) api.objects.set('shop/orders-1', set);
    return api;
  };

  it('changes that field of the very object that was seen, and nothing else', async () => {
    const api = withSet();
    expect(await carriedOut(api)).toHaveLength(1);
    const metadata = { uid: 's', resourceVersion: '7' };
    const spec = { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } };
    expect(api.calls).toEqual([`patch ${JSON.stringify({ metadata, spec })}`]);
  });

  it('does nothing when that is gone or was changed', async () => {
    const api = withSet();
    expect(await carriedOut(api, 'another')).toEqual([]);
    expect(api.calls).toEqual([]);
    for (const code of ['NOT_FOUND', 'CONFLICT'] as const) {
      api.failure = new ApiError(code, 'so it is');
      expect(await carriedOut(api)).toEqual([]);
    }
    api.failure = new ApiError('FORBIDDEN', 'so it is');
    await expect(carriedOut(api)).rejects.toThrow('so it is');
  });
});
