// What the plan tells people: problems, conditions and events, scene by scene.
import { describe, expect, it } from 'vitest';
import { hold, member, planned, three } from './world/plan-rows.ts';
import type { Scene } from './world/scene.ts';
import { CLUSTER_ID } from './world/scene.ts';

/** `<status> <reason>: <message>` */
function told(scene: Scene, type: string): string {
  const found = planned(scene).status.conditions?.find((one) => one.type === type);
  return `${found?.status ?? 'none'} ${found?.reason ?? ''}: ${found?.message ?? ''}`;
}

describe('a Secret that cannot be read', () => {
  const secretTrouble = 'Secret shop/server cannot be read: it is forbidden';
  const answers = { kind: 'unreachable', reason: secretTrouble } as const;
  const observed = { secretTrouble };
  const mute = member(1, { answers, pod: { state: 'running', templateHash: 'old' } });
  const unread: Scene = { members: three.map((one) => ({ ...one, answers })), observed };

  it('is told of a running cluster, which is not said to serve, nor to have lost its quorum', () => {
    expect(told(unread, 'Degraded')).toBe(
      `True SecretUnreadable: members cannot be asked how they are: ${secretTrouble}`,
    );
    expect(told(unread, 'Available')).toMatch(/^Unknown MembersUnreachable: /);
    expect(planned(unread).events).toContainEqual(
      expect.objectContaining({ type: 'Warning', reason: 'SecretUnreadable' }),
    );
  });

  it('is told of a cluster that waits to be founded', () => {
    const scene: Scene = { members: [member(1, { answers, role: 'none' })], observed, status: {} };
    expect(told(scene, 'Degraded')).toMatch(/^True SecretUnreadable: /);
    expect(told(scene, 'Progressing')).toContain(`it does not answer: ${secretTrouble}`);
  });

  hold([
    ['stops nobody', { ...unread, resource: { storageBytes: 2000 }, replicas: 1 }, 'nothing'],
    ['nor the only member, whose silence means nothing', { members: [mute], observed }, 'nothing'],
    [
      'which is restarted when it was asked and is silent',
      { members: [{ ...mute, answers: 'silent' }] },
      'delete-pod foo-1',
    ],
    ['nor one that is not founded yet', { members: [mute], observed, status: {} }, 'nothing'],
    [
      'lets what does not run have its template, such as one with another Secret',
      { members: [{ ...mute, pod: { state: 'starting', templateHash: 'old' } }], observed },
      'delete-pod foo-1',
    ],
    [
      'founds nothing',
      {
        members: [member(1, { answers })],
        observed,
        status: { clusterId: CLUSTER_ID, founder: { name: 'foo-1', id: '100' } },
      },
      'nothing',
    ],
  ]);
});

describe('what failed last', () => {
  const failure = (action: string, message: string): { action: string; message: string } => ({ action, message });
  const shared = failure('apply-shared-objects', 'Service foo-rw is there already');
  const unlabelled = member(1, { pod: { memberId: null } });

  it('is told of shared objects, with a warning, while they are to be applied', () => {
    const observed = { sharedObjectsCurrent: false, lastFailures: [shared] };
    const scene: Scene = { members: three, observed };
    expect(told(scene, 'Degraded')).toBe(
      'True ObjectsNotApplied: not every object of the cluster could be applied: Service foo-rw is there already',
    );
    expect(planned(scene).events.map(({ type, reason }) => `${type} ${reason}`)).toContain('Warning ObjectsNotApplied');
    for (const current of [
      { ...scene, observed: { ...observed, sharedObjectsCurrent: true } },
      { ...scene, resource: { paused: true } },
    ]) {
      expect(told(current, 'Degraded')).toMatch(/^False /);
    }
  });

  it('is told of every action that failed, each once', () => {
    const labels = failure('label-member', 'may not');
    const lastFailures = [shared, labels, labels, failure('grow-claim', 'cannot')];
    const observed = { sharedObjectsCurrent: false, lastFailures };
    const message = told({ members: [unlabelled], resource: { storageBytes: 2000 }, observed }, 'Degraded');
    expect(message).toContain('True StepFailed: growing the volume of foo-1 to 0 MiB: cannot | not every object');
    expect(message).toContain("Service foo-rw is there already; members' labels could not be set: may not");
    expect(message.match(/may not/g)).toHaveLength(1);
  });
});

describe('a pod that is not made', () => {
  const podTrouble = 'no pod was made: exceeded quota';
  const absent = { pod: null, answers: 'silent' } as const;
  const refused = { ...absent, statefulSet: { podTrouble } };

  it('is told of a cluster that waits to be founded, and of a member to be added', () => {
    const founding: Scene = { members: [member(1, { ...refused, role: 'none' })], status: {} };
    expect(told(founding, 'Degraded')).toBe(`True PodsNotRunning: foo-1: ${podTrouble}`);
    expect(told(founding, 'Progressing')).toContain(podTrouble);
    const adding: Scene = { members: [member(1), member(2, { ...refused, role: 'none' })], replicas: 3 };
    expect(told(adding, 'Degraded')).toBe(`True PodsNotRunning: foo-2: ${podTrouble}`);
  });

  it('is told of a voter once, with why', () => {
    const scene: Scene = { members: [member(1), member(2, refused), member(3)] };
    expect(told(scene, 'Degraded')).toBe(`True MemberUnhealthy: 1 of 3 voters are not healthy. foo-2: ${podTrouble}`);
  });

  it('is no problem in the moment in which it is made', () => {
    const founding: Scene = { members: [member(1, { ...absent, role: 'none' })], status: {} };
    expect(told(founding, 'Degraded')).toMatch(/^False /);
    expect(told(founding, 'Progressing')).toContain('it has no pod');
  });
});

describe('a cluster in which nothing is wrong', () => {
  const status = { clusterId: CLUSTER_ID, founder: { name: 'foo-1', id: '100' } };

  it('is not said to have healthy members before it has any', () => {
    const young: readonly Scene[] = [
      { members: [], status: {} },
      { members: [member(1, { role: 'none' })], status: {} },
      { members: [member(1, { role: 'none' })], status },
      { members: [member(1)], leader: null, status },
    ];
    for (const scene of young)
      expect(told(scene, 'Degraded')).toMatch(/^False NotFounded: the cluster is still to be founded/);
  });

  it('has healthy members once it is led', () => {
    expect(told({ members: three, status }, 'Degraded')).toBe('False Healthy: every member is healthy');
  });
});

describe('a volume that does not grow', () => {
  const resizeTrouble = 'ControllerResizeInfeasible, ControllerResizeError: the pool is full';
  const asked = { statefulSet: { storageBytes: 2000 }, claim: { requestedBytes: 2000 } };
  const resource = { storageBytes: 2000 };
  const stuck = member(1, { ...asked, claim: { ...asked.claim, resizeTrouble } });

  it('is told with what its claim says', () => {
    const scene: Scene = { members: [stuck, member(2, asked), member(3, asked)], resource };
    expect(told(scene, 'Degraded')).toBe(
      `True VolumesNotGrowing: volumes do not grow as they are to. foo-1: ${resizeTrouble}`,
    );
    expect(told(scene, 'Progressing')).toContain(resizeTrouble);
    expect(planned(scene).step).toBeNull();
  });

  it('is no problem while its claim says nothing', () => {
    const scene: Scene = { members: [member(1, asked)], resource };
    expect(told(scene, 'Degraded')).toMatch(/^False Healthy/);
    expect(told(scene, 'Progressing')).toContain('its storage class grows it');
  });
});
