// Carries out actions in a simulated cluster, as `operator/apply` does in a real one: with its preconditions, and with refusals.
import type { ClusterStatus } from '../../../operator/api/cluster-status.ts';
import type { Observed } from '../../../operator/plan/observed.ts';
import type { Step, Upkeep } from '../../../operator/plan/action.ts';
import type { World } from './objects.ts';
import { Refused, Store } from './store.ts';

/** Writes the status if it differs. Refused when the resource is not the one that was observed. */
export function writeStatus(world: World, observedVersion: number, status: ClusterStatus): void {
  const { resource } = world.api;
  if (resource.resourceVersion !== observedVersion) throw new Refused('conflict');
  if (JSON.stringify(status) === JSON.stringify(resource.status)) return;
  const { clusterId, founder } = resource.status;
  if (clusterId !== undefined && clusterId !== status.clusterId) world.violate('changes the id of the cluster');
  if (founder !== undefined && JSON.stringify(founder) !== JSON.stringify(status.founder)) {
    world.violate('changes the founder');
  }
  resource.status = status;
  resource.resourceVersion += 1;
}

export function carryOutUpkeep(world: World, action: Upkeep): void {
  if (action.kind === 'apply-shared-objects') return;
  const pod = world.api.pods.get(action.member);
  if (action.kind === 'label-role') {
    if (pod?.uid === action.podUid) pod.leaderLabel = action.leader;
    return;
  }
  const statefulSet = world.api.statefulSets.get(action.member);
  if (action.kind === 'set-retention') {
    if (statefulSet?.uid === action.statefulSetUid) statefulSet.whenDeleted = action.whenDeleted;
    return;
  }
  if (statefulSet !== undefined) statefulSet.memberId = action.memberId;
  if (pod !== undefined) pod.memberId = action.memberId;
}

/** Throws {@link Refused} when it is refused; nothing has changed then. */
export function carryOut(world: World, step: Step, { templateHash, resource }: Observed): void {
  const { statefulSets, pods, claims } = world.api;
  const gone = (uid: string | undefined, wanted: string): void => {
    if (uid !== wanted) throw new Refused('NotFound or Conflict: another uid');
  };
  switch (step.kind) {
    case 'apply-stateful-set': {
      const there = statefulSets.get(step.member);
      const { storageBytes, whenDeleted } = resource;
      if (there !== undefined) Object.assign(there, { templateHash, whenDeleted });
      else {
        const { member } = step;
        const uid = world.uid();
        statefulSets.set(member, { member, uid, templateHash, storageBytes, whenDeleted, memberId: null });
      }
      return;
    }
    case 'delete-pod': {
      const pod = pods.get(step.member);
      gone(pod?.uid, step.podUid);
      if (pod !== undefined) pod.leavingIn ??= 1 + world.random.integer(3);
      return;
    }
    case 'delete-stateful-set':
    case 'orphan-stateful-set': {
      gone(statefulSets.get(step.member)?.uid, step.statefulSetUid);
      statefulSets.delete(step.member);
      const claim = claims.get(step.member);
      if (claim !== undefined) claim.goesWithStatefulSet = false;
      const pod = pods.get(step.member);
      if (pod !== undefined && step.kind === 'delete-stateful-set') pod.leavingIn ??= 1 + world.random.integer(3);
      return;
    }
    case 'delete-claim': {
      const claim = claims.get(step.member);
      gone(claim?.uid, step.claimUid);
      if (claim !== undefined) claim.deleting = true;
      return;
    }
    case 'grow-claim': {
      const claim = claims.get(step.member);
      gone(claim?.uid, step.claimUid);
      if (claim !== undefined) claim.requestedBytes = Math.max(claim.requestedBytes, step.bytes);
      return;
    }
    default:
      changeMembers(world, step);
  }
}

type MemberStep = Extract<Step, { memberId: number }>;

function changeMembers(world: World, step: MemberStep): void {
  if (step.kind === 'found') {
    found(world, step.member, step.clusterId, step.memberId);
    return;
  }
  const store = world.store();
  if (store?.leader == null) throw new Refused('NOT_LEADER');
  switch (step.kind) {
    case 'add-learner':
      store.addLearner(step.member, step.memberId);
      return;
    case 'promote':
      store.promote(step.memberId);
      return;
    case 'remove':
      store.remove(step.memberId);
      return;
    case 'replace':
      store.replace(step.oldMemberId, step.memberId);
      return;
    case 'transfer-leadership':
      store.transferLeadership(step.memberId);
  }
}

function found(world: World, member: string, clusterId: string, id: number): void {
  const volume = world.volumeOf(member);
  if (!world.api.pods.get(member)?.process || volume === null) throw new Refused('nobody is there');
  if (volume.id !== id) throw new Refused('another member is there');
  if (volume.clusterId === clusterId) return;
  if (volume.clusterId !== null) throw new Refused('it belongs to another cluster');
  world.foundings += 1;
  if (world.foundings > 1) world.violate('founds a second time');
  volume.clusterId = clusterId;
  volume.match = 1;
  new Store(world, clusterId, [{ id, name: member }]);
}
