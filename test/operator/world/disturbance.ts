// What befalls a cluster: failures of pods, nodes, volumes and connections, and people who change the spec. Volumes are lost only as far as a
// store can bear it: the members that keep theirs are a majority, which is the limit of what anybody could mend.
import type { World, WorldPod } from './objects.ts';

export const DISTURBANCES = [
  'nothing',
  'crash',
  'evict',
  'freeze',
  'cut-off',
  'reconnect',
  'mute',
  'unmute',
  'lag',
  'catch-up',
  'lose-volume',
  'lose-claim',
  'delete-claim-by-hand',
  'delete-stateful-set-by-hand',
  'orphan-by-hand',
  'scale',
  'new-template',
  'broken-template',
  'mend-template',
  'grow',
  'keep-or-delete',
  'pause',
  'elect',
  'mislabel',
] as const;

export type Disturbance = (typeof DISTURBANCES)[number];

/** Makes it happen, to the member that `pick` chooses. */
export function disturb(world: World, what: Disturbance, pick: number): void {
  const pods = [...world.api.pods.values()];
  const pod = pods[pick % Math.max(1, pods.length)];
  if (what !== 'nothing') world.history.push(`${what} ${pod?.member ?? ''} ${pick}`);
  if (isOfSpec(what)) changeSpec(world, what, pick);
  else if (pod !== undefined) befall(world, what, pod);
}

const SPEC_CHANGES = [
  'scale',
  'new-template',
  'broken-template',
  'mend-template',
  'grow',
  'keep-or-delete',
  'pause',
] as const satisfies readonly Disturbance[];

type SpecChange = (typeof SPEC_CHANGES)[number];

function isOfSpec(what: Disturbance): what is SpecChange {
  return (SPEC_CHANGES as readonly Disturbance[]).includes(what);
}

function changeSpec(world: World, what: SpecChange, pick: number): void {
  const { resource } = world.api;
  if (what === 'scale') resource.replicas = [1, 3, 5][pick % 3] ?? 3;
  else if (what === 'pause') resource.paused = !resource.paused;
  else if (what === 'grow') resource.storageBytes += 100;
  else if (what === 'keep-or-delete') resource.whenDeleted = resource.whenDeleted === 'Delete' ? 'Retain' : 'Delete';
  else if (what === 'mend-template') mendTemplate(world);
  else {
    resource.templateHash = `t${world.serial()}`;
    if (what === 'broken-template') world.brokenTemplates.add(resource.templateHash);
  }
  resource.generation += 1;
  resource.resourceVersion += 1;
}

function mendTemplate(world: World): void {
  if (world.brokenTemplates.has(world.api.resource.templateHash))
    world.api.resource.templateHash = `t${world.serial()}`;
}

function befall(world: World, what: Exclude<Disturbance, SpecChange>, pod: WorldPod): void {
  const { member } = pod;
  switch (what) {
    case 'crash':
      pod.process = null;
      if (pod.state === 'ready') pod.state = 'running';
      return;
    case 'evict':
      pod.leavingIn ??= 1;
      return;
    case 'freeze':
      pod.process = null;
      pod.frozenFor = 5;
      return;
    case 'cut-off':
      world.cutOff.add(member);
      return;
    case 'reconnect':
      world.cutOff.clear();
      return;
    case 'mute':
      world.mute.add(member);
      return;
    case 'unmute':
      world.mute.clear();
      return;
    case 'lag':
      world.lagging.add(member);
      return;
    case 'catch-up':
      world.lagging.clear();
      return;
    case 'elect':
      for (const store of world.stores.values()) store.leader = null;
      return;
    case 'mislabel':
      pod.leaderLabel = !pod.leaderLabel;
      return;
    case 'nothing':
      return;
    default:
      befallObjects(world, what, pod);
  }
}

function befallObjects(world: World, what: Disturbance, pod: WorldPod): void {
  const { member } = pod;
  const { statefulSets, claims } = world.api;
  if (what === 'delete-stateful-set-by-hand' || what === 'orphan-by-hand') {
    statefulSets.delete(member);
    // Who deletes one whose volume goes with it deletes the volume, which `delete-claim-by-hand` is for.
    const tied = claims.get(member);
    if (tied !== undefined) tied.goesWithStatefulSet = false;
    if (what === 'delete-stateful-set-by-hand') pod.leavingIn ??= 2;
    return;
  }
  const claim = claims.get(member);
  if (claim === undefined || !mayLose(world, claim.volume.id)) return;
  if (what === 'delete-claim-by-hand') {
    claim.deleting = true;
    // It may be about to get a vote, and nobody could know that its volume goes.
    if (world.store()?.configuration.learners.some(({ id }) => id === claim.volume.id) === true) {
      pod.process = null;
      pod.frozenFor = 3;
    }
  } else if (what === 'lose-claim') {
    claim.lost = true;
    pod.process = null;
  } else if (what === 'lose-volume') {
    claims.delete(member);
    pod.process = null;
    pod.leavingIn ??= 1;
    // The StatefulSet's next pod finds no claim, and gets an empty volume.
  }
}

/** The other voters' volumes are a majority, and one of them has all that was acknowledged. */
export function mayLose(world: World, id: number): boolean {
  const store = world.store();
  // Whoever is about to found the cluster has the only copy of what it is.
  if (store === null) return false;
  const stay = (one: number): boolean => {
    if (one === id) return false;
    return [...world.api.claims.values()].some(
      ({ volume, lost, deleting }) => volume.id === one && !lost && !deleting && volume.clusterId === store.clusterId,
    );
  };
  const { voters, outgoing } = store.configuration;
  const complete = [...voters, ...outgoing].some((one) => stay(one.id) && store.match(one.id) >= store.committed);
  return complete && store.majorityOf(stay);
}

/** Ends what failed, so that from now on everything can be mended. */
export function endDisturbances(world: World): void {
  world.cutOff.clear();
  world.mute.clear();
  world.lagging.clear();
  for (const pod of world.api.pods.values()) pod.frozenFor = 0;
  const { resource } = world.api;
  mendTemplate(world);
  resource.paused = false;
  resource.generation += 1;
  resource.resourceVersion += 1;
  world.history.push(`the disturbances end; ${resource.replicas} replicas, template ${resource.templateHash}`);
}
