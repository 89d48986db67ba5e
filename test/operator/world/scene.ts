// Scenes for tests of the plan: a cluster as it is observed, told in a few words, all that is not told being well.
import type { ClusterStatus } from '../../../operator/api/cluster-status.ts';
import type {
  Answer,
  ConfiguredMember,
  MemberAnswer,
  Observed,
  ObservedClaim,
  ObservedPod,
  ObservedResource,
  ObservedStatefulSet,
} from '../../../operator/plan/observed.ts';

export const CLUSTER_ID = 'c0ffee';
export const TEMPLATE = 'current';
const TERM = 7;
const LAST_INDEX = 10_000;

/** A place, and the member that is there. */
export interface SceneMember {
  /** Its number. */
  readonly number: number;
  /** Its id; by default 100 times its number. */
  readonly id?: number;
  /** In the configuration; `none`: only a place. By default a voter. */
  readonly role?: 'voter' | 'learner' | 'none';
  /** How it answers; by default as a member that follows, `waiting` for one that is not in the configuration. */
  readonly answers?: Answer | 'silent' | 'waiting' | 'removed' | 'foreign' | 'alone';
  /** Entries that it lacks. */
  readonly behind?: number;
  /** Null: there is none. */
  readonly pod?: Partial<ObservedPod> | null;
  readonly statefulSet?: Partial<ObservedStatefulSet> | null;
  readonly claim?: Partial<ObservedClaim> | null;
}

export interface Scene {
  readonly members: readonly SceneMember[];
  /** Number of the leader; null: there is none. By default 1. */
  readonly leader?: number | null;
  /** By default as many as there are voters. */
  readonly replicas?: number;
  readonly resource?: Partial<ObservedResource>;
  readonly status?: ClusterStatus;
  readonly joint?: boolean;
  readonly observed?: Partial<Observed>;
}

const nameOf = (number: number): string => `foo-${number}`;
const idOf = ({ id, number }: SceneMember): number => id ?? 100 * number;

/** As the operator would observe it. */
export function observedScene(scene: Scene): Observed {
  const { members } = scene;
  const voters = members.filter(({ role }) => (role ?? 'voter') === 'voter');
  const places = [...new Map(members.map((member) => [member.number, member])).values()];
  return {
    now: '2026-05-04T03:02:01Z',
    freshClusterId: 'fresh-id',
    resource: {
      name: 'foo',
      generation: 3,
      deleting: false,
      paused: false,
      replicas: scene.replicas ?? voters.length,
      storageBytes: 1000,
      whenDeleted: 'Retain',
      status: scene.status ?? {
        clusterId: CLUSTER_ID,
        members: [{ name: 'foo-1', id: '100', role: 'leader', healthy: true }],
      },
      ...scene.resource,
    },
    templateHash: TEMPLATE,
    sharedObjectsCurrent: true,
    statefulSets: places.flatMap((one) => statefulSet(one)),
    pods: places.flatMap((one) => pod(one, scene)),
    claims: places.flatMap((one) => claim(one)),
    answers: new Map(places.map((one) => [nameOf(one.number), answer(one, scene)])),
    secretTrouble: null,
    lastFailures: [],
    ...scene.observed,
  };
}

function statefulSet(member: SceneMember): ObservedStatefulSet[] {
  if (member.statefulSet === null) return [];
  const name = nameOf(member.number);
  const base = { member: name, uid: `sts-${name}`, deleting: false, templateHash: TEMPLATE, storageBytes: 1000 };
  return [{ ...base, whenDeleted: 'Retain', memberId: idOf(member), podTrouble: null, ...member.statefulSet }];
}

function pod(member: SceneMember, { leader = 1 }: Scene): ObservedPod[] {
  if (member.pod === null) return [];
  const name = nameOf(member.number);
  const ready = (member.role ?? 'voter') === 'voter';
  return [
    {
      member: name,
      uid: `pod-${name}`,
      deleting: false,
      state: ready ? 'ready' : 'running',
      trouble: null,
      templateHash: TEMPLATE,
      leaderLabel: leader === member.number,
      memberId: idOf(member),
      ...member.pod,
    },
  ];
}

function claim(member: SceneMember): ObservedClaim[] {
  if (member.claim === null) return [];
  const name = nameOf(member.number);
  const base = { member: name, uid: `claim-${name}`, deleting: false, phase: 'Bound', kept: false } as const;
  const size = { requestedBytes: 1000, capacityBytes: 1000, resizeNeedsRestart: false, resizeTrouble: null };
  return [{ ...base, ...size, goesWithStatefulSet: false, ...member.claim }];
}

function answer(member: SceneMember, scene: Scene): Answer {
  const { answers, role = 'voter' } = member;
  if (typeof answers === 'object') return answers;
  const memberId = idOf(member);
  const how = answers ?? (role === 'none' ? 'waiting' : 'member');
  if (how === 'silent') return { kind: 'unreachable', reason: 'no connection' };
  if (how === 'waiting') return { kind: 'waiting', memberId };
  return memberAnswer(member, scene, how);
}

function memberAnswer(member: SceneMember, scene: Scene, how: string): MemberAnswer {
  const leader = how === 'member' ? (scene.leader === undefined ? 1 : scene.leader) : null;
  const leads = leader === member.number;
  const lastIndex = LAST_INDEX - (member.behind ?? 0);
  return {
    kind: 'member',
    clusterId: how === 'foreign' ? 'another' : CLUSTER_ID,
    memberId: idOf(member),
    role: how === 'removed' ? 'removed' : leads ? 'leader' : member.role === 'learner' ? 'learner' : 'follower',
    term: TERM,
    leaderId: leader === null ? null : 100 * leader,
    lastIndex,
    commitIndex: lastIndex,
    appliedIndex: lastIndex,
    changing: scene.joint ?? false,
    members: configured(scene, leads),
  };
}

function configured({ members, leader = 1 }: Scene, leads: boolean): ConfiguredMember[] {
  return members
    .filter(({ role }) => role !== 'none')
    .map((one) => ({
      id: idOf(one),
      name: nameOf(one.number),
      role: one.role === 'learner' ? 'learner' : one.number === leader ? 'leader' : 'voter',
      outgoing: false,
      active: leads ? one.answers !== 'silent' && one.answers !== 'waiting' : null,
      matchIndex: leads ? LAST_INDEX - (one.behind ?? 0) : null,
      snapshotting: leads ? false : null,
    }));
}
