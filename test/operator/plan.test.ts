// The plan, concern by concern: what is done in a scene, and what is not.
import { describe, expect, it } from 'vitest';
import type { ClusterStatus } from '../../operator/api/cluster-status.ts';
import { plan } from '../../operator/plan/plan.ts';
import { hold, member, planned, silent, stepOf, three } from './world/plan-rows.ts';
import type { Scene, SceneMember } from './world/scene.ts';
import { CLUSTER_ID, observedScene } from './world/scene.ts';

function condition(scene: Scene, type: string): string {
  const found = planned(scene).status.conditions?.find((one) => one.type === type);
  return `${found?.status ?? 'none'} ${found?.reason ?? ''}`;
}

const five = [...three, member(4), member(5)];
const old = { pod: { templateHash: 'old' }, statefulSet: { templateHash: 'old' } };
const oldPod = { pod: { templateHash: 'old' } };

describe('a settled cluster', () => {
  hold([
    ['of one', { members: [member(1)] }, 'nothing'],
    ['of three', { members: three }, 'nothing'],
    ['of five', { members: five }, 'nothing'],
    [
      'that is being deleted, whatever is wrong',
      { members: [member(1, silent)], resource: { deleting: true } },
      'nothing',
    ],
  ]);

  it('is Available, not Progressing, not Degraded', () => {
    const scene = { members: three };
    expect(['Available', 'Progressing', 'Degraded'].map((type) => condition(scene, type))).toEqual([
      'True LeaderServes',
      'False Settled',
      'False Healthy',
    ]);
    expect(planned(scene).status).toMatchObject({
      observedGeneration: 3,
      clusterId: CLUSTER_ID,
      leader: 'foo-1',
      replicas: 3,
      readyReplicas: 3,
      members: [
        { name: 'foo-1', id: '100', role: 'leader', healthy: true, matchIndex: 10_000 },
        { name: 'foo-2', id: '200', role: 'voter', healthy: true },
        { name: 'foo-3', id: '300', role: 'voter', healthy: true },
      ],
    });
  });
});

describe('founding', () => {
  const nobody: ClusterStatus = {};
  const waiting = [member(1, { role: 'none' })];
  const recorded: ClusterStatus = { clusterId: 'fresh-id', founder: { name: 'foo-1', id: '100' } };
  const kept = { claim: { kept: true } };
  hold([
    ['begins with the first member', { members: [], status: nobody, replicas: 3 }, 'apply-stateful-set foo-1'],
    ['is written down before it is done', { members: waiting, status: nobody, replicas: 3 }, 'nothing'],
    ['is done by whom it is written down', { members: waiting, status: recorded, replicas: 3 }, 'found foo-1'],
    [
      'is not done by another id in its place',
      { members: [member(1, { role: 'none', id: 7 })], status: recorded },
      'nothing',
    ],
    [
      'is not done again when there was a cluster',
      {
        members: waiting,
        status: { ...recorded, members: [{ name: 'foo-1', id: '100', role: 'leader', healthy: true }] },
      },
      'nothing',
    ],
    [
      'waits for every volume that was kept',
      {
        members: [member(2, { ...kept, role: 'none', pod: null, statefulSet: null, answers: 'silent' })],
        status: nobody,
      },
      'apply-stateful-set foo-2',
    ],
  ]);

  it('writes the id and the founder, and asks nobody yet', () => {
    const { status, step } = planned({ members: waiting, status: nobody });
    expect(step).toBeNull();
    expect(status).toMatchObject({ clusterId: 'fresh-id', founder: { name: 'foo-1', id: '100' } });
  });

  it('writes nothing while somebody is silent', () => {
    const members = [...waiting, member(2, { ...kept, role: 'none', answers: 'silent' })];
    expect(planned({ members, status: nobody }).status.clusterId).toBeUndefined();
  });

  it('writes nothing when it is paused', () => {
    const scene = { members: waiting, status: nobody, resource: { paused: true } };
    expect(planned(scene).status.clusterId).toBeUndefined();
    expect(condition(scene, 'Progressing')).toBe('False Paused');
  });

  it('adopts the cluster of volumes that were kept, also when one of its members is silent', () => {
    const members = [member(1, kept), member(2, kept), member(3, { ...kept, answers: 'silent' })];
    const { status } = planned({ members, status: nobody });
    expect(status.clusterId).toBe(CLUSTER_ID);
    expect(status.founder).toBeUndefined();
  });

  it('adopts none while a volume that is no member of it is silent', () => {
    const members = [
      ...three.map((one) => ({ ...one, ...kept })),
      member(4, { ...kept, role: 'none', answers: 'silent' }),
    ];
    expect(planned({ members, status: nobody }).status.clusterId).toBeUndefined();
  });

  it('adopts none of two, and says so', () => {
    const scene: Scene = {
      members: [...three, member(4, { ...kept, role: 'none', answers: 'foreign' })],
      status: nobody,
    };
    expect(planned(scene).status.clusterId).toBeUndefined();
    expect(condition(scene, 'Degraded')).toBe('True ConflictingData');
  });

  it('tells when the founder has lost its volume', () => {
    expect(condition({ members: [member(1, { role: 'none', id: 7 })], status: recorded }, 'Degraded')).toBe(
      'True FounderLost',
    );
  });

  it('tells when all have lost theirs', () => {
    const status: ClusterStatus = {
      clusterId: CLUSTER_ID,
      members: [{ name: 'foo-1', id: '9', role: 'leader', healthy: true }],
    };
    expect(condition({ members: waiting, status }, 'Degraded')).toBe('True DataLost');
  });
});

describe('scaling up', () => {
  const next = (number: number): SceneMember => member(number, { role: 'none' });
  const starting = (number: number): SceneMember =>
    member(number, { role: 'none', answers: 'silent', pod: { state: 'starting' } });
  const learner = (more: Partial<SceneMember> = {}): SceneMember => member(2, { role: 'learner', ...more });
  hold([
    ['makes the lowest free number', { members: [member(1), next(3)], replicas: 3 }, 'apply-stateful-set foo-2'],
    [
      'makes all that are needed at once',
      { members: [member(1), starting(2)], replicas: 3 },
      'apply-stateful-set foo-3',
    ],
    ['adds who waits', { members: [member(1), next(2), starting(3)], replicas: 3 }, 'add-learner foo-2'],
    ['adds whoever is there first', { members: [member(1), starting(2), next(3)], replicas: 3 }, 'add-learner foo-3'],
    ['adds no second learner', { members: [member(1), learner({ behind: 5000 }), next(3)], replicas: 3 }, 'nothing'],
    ['promotes who has caught up', { members: [member(1), learner(), next(3)], replicas: 3 }, 'promote foo-2'],
    [
      'does not promote who is 1001 behind',
      { members: [member(1), learner({ behind: 1001 }), next(3)], replicas: 3 },
      'nothing',
    ],
    [
      'promotes who is 1000 behind',
      { members: [member(1), learner({ behind: 1000 }), next(3)], replicas: 3 },
      'promote foo-2',
    ],
    [
      'goes to an even number only when the next is there',
      { members: [member(1), learner(), starting(3)], replicas: 3 },
      'nothing',
    ],
    ['removes a learner that is not wanted any more', { members: [member(1), learner()], replicas: 1 }, 'remove foo-2'],
    [
      'removes a learner that has lost its volume',
      { members: [member(1), learner(), member(2, { id: 201, role: 'none' }), next(3)], replicas: 3 },
      'remove foo-2',
    ],
    [
      'does not remove one that is silent',
      { members: [member(1), learner({ answers: 'silent' }), next(3)], replicas: 3 },
      'nothing',
    ],
    [
      'waits while a change is under way',
      { members: [member(1), next(2), next(3)], replicas: 3, joint: true },
      'nothing',
    ],
    [
      'empties the volume of a removed member before it is used again',
      { members: [member(1), member(2, { role: 'none', answers: 'removed' }), next(3)], replicas: 3 },
      'delete-claim foo-2',
    ],
    [
      'leaves alone who has data of another cluster',
      { members: [member(1), member(2, { role: 'none', answers: 'foreign' }), next(3)], replicas: 3 },
      'apply-stateful-set foo-4',
    ],
  ]);
});

describe('scaling down', () => {
  const three4 = [...three, member(4)];
  const unseen = { answers: 'silent', claim: { kept: true } } as const;
  const isOut = (more: Partial<SceneMember>): SceneMember => member(3, { role: 'none', answers: 'removed', ...more });
  hold([
    ['removes the highest number', { members: five, replicas: 3 }, 'remove foo-5'],
    ['passes through an even number', { members: three4, replicas: 3 }, 'remove foo-4'],
    ['hands over first when that one leads', { members: three, leader: 3, replicas: 1 }, 'transfer-leadership foo-1'],
    [
      'removes who is not healthy first',
      { members: [member(1), member(2, silent), member(3)], replicas: 1 },
      'remove foo-2',
    ],
    [
      'removes who has lost its volume before who is silent',
      {
        members: [member(1), member(2), member(3, silent), member(4), member(5, { claim: { phase: 'Lost' } })],
        replicas: 3,
      },
      'remove foo-5',
    ],
    ['removes nobody without a majority', { members: [member(1), member(2, silent)], replicas: 1 }, 'nothing'],
    [
      'removes all voters before it cleans up',
      { members: [member(1), member(2), isOut({})], replicas: 1 },
      'remove foo-2',
    ],
    ['then the volume', { members: [member(1), isOut({})], replicas: 1 }, 'delete-claim foo-3'],
    [
      'then the StatefulSet',
      { members: [member(1), isOut({ claim: { deleting: true } })], replicas: 1 },
      'delete-stateful-set foo-3',
    ],
    [
      'a claim alone too',
      { members: [member(1), isOut({ answers: 'silent', pod: null, statefulSet: null })] },
      'delete-claim foo-3',
    ],
    [
      'but not one that was kept, of which nothing is known',
      { members: [member(1), isOut({ ...unseen, pod: null, statefulSet: null })] },
      'nothing',
    ],
    ['nor one of another cluster', { members: [member(1), isOut({ answers: 'foreign' })] }, 'nothing'],
    [
      'a pod that does not run gets its StatefulSet again, to tell what is on its volume',
      { members: [member(1), isOut({ ...silent, claim: { kept: true }, statefulSet: null })] },
      'apply-stateful-set foo-3',
    ],
    ['one that runs is left alone', { members: [member(1), isOut({ ...unseen, statefulSet: null })] }, 'nothing'],
  ]);
});

describe('a rolling update', () => {
  const all = three.map((one) => ({ ...one, ...old }));
  hold([
    ['gives the last follower the template first', { members: all }, 'apply-stateful-set foo-3'],
    ['then restarts it', { members: [member(1, old), member(2, old), member(3, oldPod)] }, 'delete-pod foo-3'],
    [
      'waits until it is back',
      { members: [member(1, old), member(2, old), member(3, { pod: { state: 'running' } })] },
      'nothing',
    ],
    ['goes on with the next', { members: [member(1, old), member(2, old), member(3)] }, 'apply-stateful-set foo-2'],
    [
      'gives the leader its template last',
      { members: [member(1, old), member(2), member(3)] },
      'apply-stateful-set foo-1',
    ],
    ['and lets it hand over', { members: [member(1, oldPod), member(2), member(3)] }, 'transfer-leadership foo-2'],
    [
      'stops after a member that does not come back',
      { members: [member(1, old), member(2, old), member(3, silent)] },
      'nothing',
    ],
    [
      'goes on there with a mended template',
      { members: [member(1, old), member(2, old), member(3, { ...silent, ...old })] },
      'apply-stateful-set foo-3',
    ],
    [
      'takes the unhealthy first',
      { members: [member(1, old), member(2, { answers: 'silent', ...oldPod }), member(3, old)] },
      'delete-pod foo-2',
    ],
    ['restarts the only member', { members: [member(1, oldPod)] }, 'delete-pod foo-1'],
    [
      'not when its volume goes too',
      { members: [member(1, { ...oldPod, claim: { deleting: true } })] },
      'apply-stateful-set foo-2',
    ],
    [
      'but not while there are to be more',
      {
        members: [
          member(1, oldPod),
          member(2, { role: 'none', answers: 'silent', pod: { state: 'unscheduled' } }),
          member(3, { role: 'none', answers: 'silent', pod: { state: 'unscheduled' } }),
        ],
        replicas: 3,
      },
      'nothing',
    ],
    [
      'restarts what is down without a leader',
      { members: [member(1, { ...silent, pod: { state: 'failing', templateHash: 'old' } })], leader: null },
      'delete-pod foo-1',
    ],
    [
      'not what answers without a leader',
      { members: [member(1, oldPod), member(2, oldPod), member(3, oldPod)], leader: null },
      'nothing',
    ],
    ['nothing when it is paused', { members: all, resource: { paused: true } }, 'nothing'],
  ]);
});

describe('growing volumes', () => {
  const bigger = { resource: { storageBytes: 2000 } };
  const asked = { claim: { requestedBytes: 2000 } };
  const grown = { claim: { requestedBytes: 2000, capacityBytes: 2000 } };
  const done = { ...grown, statefulSet: { storageBytes: 2000 } };
  hold([
    ['asks for more, one by one', { members: three, ...bigger }, 'grow-claim foo-1'],
    [
      'makes the StatefulSet anew around its pod',
      { members: [member(1, asked), member(2), member(3)], ...bigger },
      'orphan-stateful-set foo-1',
    ],
    [
      'puts it back',
      { members: [member(1, { ...asked, statefulSet: null }), member(2), member(3)], ...bigger },
      'apply-stateful-set foo-1',
    ],
    [
      'waits until it has grown',
      { members: [member(1, { ...asked, statefulSet: { storageBytes: 2000 } }), member(2), member(3)], ...bigger },
      'nothing',
    ],
    ['goes on with the next', { members: [member(1, done), member(2), member(3)], ...bigger }, 'grow-claim foo-2'],
    [
      'waits while somebody is not healthy',
      { members: [member(1), member(2, silent), member(3)], ...bigger },
      'nothing',
    ],
    [
      'restarts a pod whose file system grows by it',
      {
        members: [
          member(1, done),
          member(2, { ...done, claim: { ...grown.claim, resizeNeedsRestart: true } }),
          member(3, done),
        ],
        ...bigger,
      },
      'delete-pod foo-2',
    ],
    [
      'waits until the old StatefulSet is gone',
      {
        members: [member(1, { ...asked, statefulSet: { deleting: true } }), member(2, done), member(3, done)],
        ...bigger,
      },
      'nothing',
    ],
    ['never shrinks', { members: [member(1, done), member(2, done), member(3, done)] }, 'nothing'],
  ]);
});

it('a StatefulSet that is being deleted is not what the spec says', () => {
  const scene: Scene = { members: [member(1), member(2, { statefulSet: { deleting: true } }), member(3)] };
  expect(stepOf(scene)).toBe('nothing');
  expect(condition(scene, 'Progressing')).toBe('True Starting');
});

describe('whom to believe', () => {
  it('is the leader of the highest term, when a majority follows it', () => {
    const observed = observedScene({ members: three, leader: 2 });
    const deposed = observedScene({ members: three, leader: 1 }).answers.get('foo-1');
    if (deposed?.kind !== 'member') throw new Error('foo-1 answers');
    const answers = new Map([...observed.answers, ['foo-1', { ...deposed, term: 6 }] as const]);
    expect(plan({ ...observed, answers }).status.leader).toBe('foo-2');
  });

  it('is nobody when no majority follows', () => {
    const scene: Scene = {
      members: [member(1), member(2, { answers: 'alone' }), member(3, { answers: 'silent' })],
      replicas: 1,
    };
    expect(planned(scene).status.leader).toBeUndefined();
    expect(stepOf(scene)).toBe('nothing');
    expect(condition(scene, 'Degraded')).toBe('True QuorumLost');
    expect(condition(scene, 'Available')).toBe('False NoLeader');
  });

  it('is Unknown when pods are ready and nobody can be asked', () => {
    const mute = three.map((one): SceneMember => ({ ...one, answers: 'silent' }));
    expect(condition({ members: mute }, 'Available')).toBe('Unknown MembersUnreachable');
  });
});

describe('upkeep', () => {
  it('puts the label of the leader where it belongs, by the pod that was seen', () => {
    const members = [member(1, { pod: { leaderLabel: false } }), member(2, { pod: { leaderLabel: true } }), member(3)];
    expect(planned({ members }).upkeep).toEqual([
      { kind: 'label-role', member: 'foo-1', podUid: 'pod-foo-1', leader: true },
      { kind: 'label-role', member: 'foo-2', podUid: 'pod-foo-2', leader: false },
    ]);
  });

  it('touches no role without a leader', () => {
    const members = three.map((one): SceneMember => ({ ...one, pod: { leaderLabel: true } }));
    expect(planned({ members, leader: null }).upkeep).toEqual([]);
  });

  it('labels members by id, but not those of another cluster', () => {
    const unlabelled = { pod: { memberId: null } };
    const members = [member(1, unlabelled), member(2, { ...unlabelled, role: 'none', answers: 'foreign' })];
    expect(planned({ members }).upkeep).toEqual([{ kind: 'label-member', member: 'foo-1', memberId: 100 }]);
  });

  it('makes shared objects again, but not when it is paused', () => {
    const observed = { sharedObjectsCurrent: false };
    expect(planned({ members: three, observed }).upkeep).toEqual([{ kind: 'apply-shared-objects' }]);
    expect(condition({ members: three, observed }, 'Progressing')).toBe('True ApplyingObjects');
    expect(planned({ members: three, observed, resource: { paused: true } }).upkeep).toEqual([]);
  });
});

describe('conditions', () => {
  const before = (status: 'True' | 'False'): ClusterStatus => ({
    clusterId: CLUSTER_ID,
    conditions: [{ type: 'Available', status, reason: 'X', message: '', lastTransitionTime: '2020-01-01T00:00:00Z' }],
  });

  it('keep their time while their status stays, and take the new one when it changes', () => {
    const time = (status: 'True' | 'False'): string | undefined =>
      planned({ members: three, status: before(status) }).status.conditions?.[0]?.lastTransitionTime;
    expect(time('True')).toBe('2020-01-01T00:00:00Z');
    expect(time('False')).toBe('2026-05-04T03:02:01Z');
  });

  it('tell people once when they change', () => {
    const reasons = (status: 'True' | 'False'): string[] =>
      planned({ members: three, status: before(status) }).events.map(({ reason }) => reason);
    expect(reasons('True')).toEqual([]);
    expect(reasons('False')).toEqual(['LeaderServes']);
  });

  it('say why a member is not healthy, and that a step failed', () => {
    const ill: Scene = { members: [member(1), member(2, silent), member(3)] };
    expect(condition(ill, 'Degraded')).toBe('True MemberUnhealthy');
    const message = planned(ill).status.conditions?.[2]?.message;
    expect(message).toBe('1 of 3 voters are not healthy. foo-2: its pod does not run: CrashLoopBackOff');
    const observed = { lastFailures: [{ action: 'grow-claim', message: 'the storage class cannot' }] };
    expect(condition({ members: three, resource: { storageBytes: 2000 }, observed }, 'Degraded')).toBe(
      'True StepFailed',
    );
  });

  it('are the same for the same observation', () => {
    const scene: Scene = { members: [member(1), member(2, silent), member(3, old)] };
    expect(planned(scene)).toEqual(planned(scene));
  });
});
