// What the operator sees of a simulated cluster: the API server's objects, perhaps an old state of them, and what members answer now,
// perhaps not all of them.
import type { Answer, ConfiguredMember, Observed } from '../../../operator/plan/observed.ts';
import type { ApiObjects, Process, Volume, World } from './objects.ts';
import type { Identity, Store } from './store.ts';

/** A copy of the API server's objects as they are now. */
export function copyObjects(world: World): ApiObjects {
  return structuredClone(world.api);
}

export interface Seen {
  readonly resource: ApiObjects;
  readonly statefulSets: ApiObjects;
  readonly pods: ApiObjects;
  readonly claims: ApiObjects;
}

/** `seen` tells which state of each kind is seen; `deaf` which members do not answer besides those that cannot. */
export function observe(world: World, seen: Seen, deaf: ReadonlySet<string> = new Set()): Observed {
  const { resource } = seen.resource;
  const members = new Set([...seen.statefulSets.statefulSets.keys(), ...seen.pods.pods.keys()]);
  return {
    now: new Date(world.history.length * 1000).toISOString().replace('.000', ''),
    freshClusterId: `cluster-${world.serial()}`,
    resource: { ...resource, deleting: false },
    templateHash: resource.templateHash,
    sharedObjectsCurrent: true,
    statefulSets: [...seen.statefulSets.statefulSets.values()].map((one) => ({
      ...one,
      deleting: false,
      podTrouble: null,
    })),
    pods: [...seen.pods.pods.values()].map(({ leavingIn, state, frozenFor, ...pod }) => ({
      ...pod,
      deleting: leavingIn !== null,
      state: frozenFor > 0 && state === 'ready' ? 'running' : state,
      trouble: state === 'failing' ? 'CrashLoopBackOff' : null,
    })),
    claims: [...seen.claims.claims.values()].map((claim) => ({
      member: claim.member,
      uid: claim.uid,
      deleting: claim.deleting,
      phase: claim.lost ? 'Lost' : 'Bound',
      requestedBytes: claim.requestedBytes,
      capacityBytes: claim.capacityBytes,
      resizeNeedsRestart: claim.resizeNeedsRestart,
      resizeTrouble: null,
      goesWithStatefulSet: claim.goesWithStatefulSet,
      kept: claim.kept,
    })),
    answers: new Map([...members].map((member) => [member, answer(world, member, deaf)])),
    secretTrouble: null,
    lastFailures: [],
  };
}

function answer(world: World, member: string, deaf: ReadonlySet<string>): Answer {
  const process = world.api.pods.get(member)?.process ?? null;
  const volume = world.volumeOf(member);
  if (process === null || volume === null || world.mute.has(member) || deaf.has(member)) {
    return { kind: 'unreachable', reason: 'no connection' };
  }
  if (volume.clusterId === null) return { kind: 'waiting', memberId: volume.id };
  const store = world.stores.get(volume.clusterId);
  if (store === undefined) throw new Error(`no store ${volume.clusterId}`);
  return memberAnswer(world, store, volume, process, member);
}

function memberAnswer(world: World, store: Store, volume: Volume, process: Process, name: string): Answer {
  const { voters, learners, outgoing } = store.configurationAt(process.configurationIndex);
  const leads = process.leaderId === volume.id;
  const learner = learners.some(({ id }) => id === volume.id);
  const show = ({ id, name: called }: Identity, voter: boolean, leaving: boolean): ConfiguredMember => ({
    id,
    name: called,
    role: id === process.leaderId ? 'leader' : voter ? 'voter' : 'learner',
    outgoing: leaving,
    // A leader that was just cut off has not noticed yet.
    active: leads ? world.isUp(id) || world.cutOff.has(name) : null,
    matchIndex: leads || id === volume.id ? store.match(id) : null,
    snapshotting: leads ? store.lastIndex - store.match(id) > 5000 : null,
  });
  const leaving = outgoing.filter(({ id }) => !voters.some((one) => one.id === id));
  return {
    kind: 'member',
    clusterId: store.clusterId,
    memberId: volume.id,
    role: volume.removed ? 'removed' : leads ? 'leader' : learner ? 'learner' : 'follower',
    term: process.term,
    leaderId: process.leaderId,
    lastIndex: leads ? store.lastIndex : volume.match,
    commitIndex: Math.min(volume.match, store.committed),
    appliedIndex: Math.min(volume.match, store.committed),
    changing: outgoing.length > 0,
    members: [
      ...voters.map((one) => show(one, true, false)),
      ...leaving.map((one) => show(one, true, true)),
      ...learners.map((one) => show(one, false, false)),
    ],
  };
}
