// What Kubernetes does by itself, a tick at a time: StatefulSets make claims and pods, pods start, fail, become ready and end, volumes
// grow, and members start on what their volumes hold.
import type { World, WorldPod } from './objects.ts';

/** Moves everything on by one tick. */
export function tick(world: World): void {
  removePods(world);
  makePods(world);
  for (const pod of world.api.pods.values()) movePod(world, pod);
  for (const store of world.stores.values()) store.tick();
  for (const pod of world.api.pods.values()) showReadiness(world, pod);
  labelLeader(world);
  growVolumes(world);
  tieVolumes(world);
}

function removePods(world: World): void {
  const { pods, claims } = world.api;
  for (const pod of [...pods.values()]) {
    if (pod.leavingIn === null || pod.frozenFor > 0) continue;
    pod.leavingIn -= 1;
    if (pod.leavingIn <= 0) pods.delete(pod.member);
  }
  for (const claim of [...claims.values()]) {
    if (claim.deleting && !pods.has(claim.member)) claims.delete(claim.member);
  }
}

function makePods(world: World): void {
  const { statefulSets, pods, claims } = world.api;
  for (const { member, templateHash } of statefulSets.values()) {
    if (pods.has(member) || claims.get(member)?.deleting === true) continue;
    if (!claims.has(member)) world.newClaim(member);
    pods.set(member, {
      member,
      uid: world.uid(),
      leavingIn: null,
      state: 'unscheduled',
      templateHash,
      leaderLabel: false,
      memberId: null,
      process: null,
      frozenFor: 0,
    });
  }
}

function movePod(world: World, pod: WorldPod): void {
  if (pod.frozenFor > 0) {
    pod.frozenFor -= 1;
    return;
  }
  if (pod.leavingIn !== null) return;
  const claim = world.api.claims.get(pod.member);
  if (claim === undefined || claim.lost) {
    pod.process = null;
    pod.state = pod.state === 'unscheduled' ? 'unscheduled' : 'failing';
    return;
  }
  if (pod.state === 'unscheduled') pod.state = 'starting';
  else if (pod.process === null) start(world, pod);
}

function start(world: World, pod: WorldPod): void {
  const claim = world.api.claims.get(pod.member);
  if (world.brokenTemplates.has(pod.templateHash) || claim === undefined) {
    pod.state = 'failing';
    return;
  }
  const { volume } = claim;
  if (volume.id === 0) volume.id = world.serial() + 1000;
  claim.resizeNeedsRestart = false;
  const term = volume.clusterId === null ? 0 : (world.stores.get(volume.clusterId)?.term ?? 0);
  pod.state = 'running';
  pod.process = { term, leaderId: null, configurationIndex: volume.match };
}

function showReadiness(world: World, pod: WorldPod): void {
  if (pod.process === null || pod.leavingIn !== null) return;
  const volume = world.volumeOf(pod.member);
  const store = volume?.clusterId == null ? undefined : world.stores.get(volume.clusterId);
  const serves = store?.leader != null && volume !== null && store.isMember(volume.id) && store.isHealthy(volume.id);
  pod.state = serves ? 'ready' : 'running';
}

/** Members label their own pods when they lead; sometimes they cannot. */
function labelLeader(world: World): void {
  for (const store of world.stores.values()) {
    for (const pod of world.api.pods.values()) {
      const volume = world.volumeOf(pod.member);
      if (pod.process === null || volume?.clusterId !== store.clusterId || world.random.integer(4) === 0) continue;
      pod.leaderLabel = volume.id === store.leader;
    }
  }
}

function growVolumes(world: World): void {
  for (const claim of world.api.claims.values()) {
    if (claim.capacityBytes >= claim.requestedBytes || world.random.integer(3) === 0) continue;
    claim.capacityBytes = claim.requestedBytes;
    claim.resizeNeedsRestart = world.random.integer(2) === 0;
  }
}

/** Claims follow what their StatefulSets say becomes of them, when these get to it. */
function tieVolumes(world: World): void {
  const { statefulSets, pods, claims } = world.api;
  for (const { member, whenDeleted } of statefulSets.values()) {
    const claim = claims.get(member);
    if (claim === undefined || pods.get(member)?.leavingIn !== null) continue;
    const goes = whenDeleted === 'Delete';
    if (claim.goesWithStatefulSet !== goes && world.random.integer(3) > 0) claim.goesWithStatefulSet = goes;
  }
}
