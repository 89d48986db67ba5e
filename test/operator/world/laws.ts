// What must never happen, whatever fails: checked at every step, against what was true when the operator looked, as what changed since then
// nobody could know.
import type { Step } from '../../../operator/plan/action.ts';
import type { Observed } from '../../../operator/plan/observed.ts';
import type { World } from './objects.ts';

/** What was true at a moment. */
export interface Truth {
  readonly clusterId: string | null;
  readonly leader: number | null;
  readonly voters: readonly number[];
  /** Voters that run, are not far behind, reach the others, and are not being stopped: as far as anybody can know. */
  readonly healthy: ReadonlySet<number>;
  /** Id on the volume of each member. */
  readonly ids: ReadonlyMap<string, number>;
}

export function truthOf(world: World): Truth {
  const store = world.store();
  const configuration = store?.configuration;
  const voters = configuration?.voters.map(({ id }) => id) ?? [];
  const leaving = (id: number): boolean => world.runningMember(id)?.leavingIn !== null;
  // A single voter needs to reach nobody.
  const alone = (id: number): boolean => voters.length === 1 && world.runningMember(id) !== null;
  return {
    clusterId: store?.clusterId ?? null,
    leader: store?.leader ?? null,
    voters,
    healthy: new Set(voters.filter((id) => (store?.seemsHealthy(id) === true || alone(id)) && !leaving(id))),
    ids: new Map([...world.api.claims.values()].map(({ member, volume }) => [member, volume.id])),
  };
}

const most = (count: number): number => Math.floor(count / 2) + 1;

/** A step that is about to be carried out. `fresh`: the operator saw the API server's objects as they were at `truth`. */
export function checkStep(world: World, step: Step, observed: Observed, truth: Truth, fresh: boolean): void {
  checkForeign(world, step, observed);
  if (step.kind === 'found') checkFounding(world, step);
  if (step.kind === 'delete-claim') checkVolume(world, step.member, step.claimUid);
  if (step.kind === 'add-learner' && (world.store()?.configuration.learners.length ?? 0) > 0) {
    const { learners } = world.store()?.configuration ?? { learners: [] };
    if (learners.every(({ id }) => id !== step.memberId)) world.violate('asks for a second learner');
  }
  if (fresh) checkQuorum(world, step, truth);
  if (fresh) checkTied(world, step, observed);
}

/** A volume that goes with its StatefulSet does not go with one that is made anew, or of a member. */
function checkTied(world: World, step: Step, { claims }: Observed): void {
  if (step.kind !== 'orphan-stateful-set' && step.kind !== 'delete-stateful-set') return;
  const claim = claims.find(({ member }) => member === step.member);
  if (claim?.goesWithStatefulSet !== true) return;
  if (step.kind === 'orphan-stateful-set') world.violate(`orphans the volume of ${step.member}, which goes with it`);
  else checkVolume(world, step.member, claim.uid);
}

/** Founding: once in the life of the resource, and never while somebody has data. */
function checkFounding(world: World, step: Extract<Step, { kind: 'found' }>): void {
  const { status } = world.api.resource;
  if (status.clusterId !== step.clusterId) world.violate('founds a cluster that is not written down');
  for (const { volume, member } of world.api.claims.values()) {
    if (volume.clusterId !== null && volume.id !== step.memberId) world.violate(`founds while ${member} has data`);
  }
}

/** A volume goes only when nobody of the configuration is on it. */
function checkVolume(world: World, member: string, uid: string): void {
  const claim = world.api.claims.get(member);
  if (claim?.uid !== uid || claim.lost) return;
  const { id, clusterId } = claim.volume;
  const own = world.api.resource.status.clusterId;
  if (claim.kept && clusterId !== null && clusterId !== own) world.violate(`deletes the kept volume of ${member}`);
  if (clusterId !== null && world.stores.get(clusterId)?.isMember(id) === true) {
    world.violate(`deletes the volume of member ${member} (${id})`);
  }
}

/** Hands off places that have said that they have another cluster's data. */
function checkForeign(world: World, step: Step, observed: Observed): void {
  const own = observed.resource.status.clusterId;
  if (own === undefined || step.kind === 'apply-stateful-set') return;
  const answer = observed.answers.get(step.member);
  if (answer?.kind === 'member' && answer.clusterId !== own) world.violate(`${step.kind} at foreign ${step.member}`);
}

/** Nobody who is needed for a majority is stopped or removed, and no leader without handing over. */
function checkQuorum(world: World, step: Step, { voters, healthy, leader, ids }: Truth): void {
  if (voters.length === 0) return;
  const besides = (id: number): number => [...healthy].filter((one) => one !== id).length;
  if (step.kind === 'remove' && voters.includes(step.memberId)) {
    if (besides(step.memberId) < most(voters.length - 1))
      world.violate(`removes ${step.member}, and the quorum with it`);
    if (healthy.size < most(voters.length)) world.violate(`removes ${step.member} without a quorum`);
  }
  if (step.kind === 'promote' && healthy.size + 1 < most(voters.length + 1)) {
    world.violate(`promotes ${step.member} into a majority that is not there`);
  }
  if (step.kind === 'replace' && besides(step.oldMemberId) < most(voters.length)) {
    world.violate(`replaces ${step.oldMemberId} without a quorum besides it`);
  }
  const stops = step.kind === 'delete-pod' || step.kind === 'delete-stateful-set';
  if (!stops || voters.length === 1 || healthy.size < most(voters.length)) return;
  const id = ids.get(step.member) ?? 0;
  if (!healthy.has(id)) return;
  if (besides(id) < most(voters.length)) world.violate(`${step.kind} ${step.member}: the others are no majority`);
  if (leader === id) world.violate(`${step.kind} ${step.member}, which leads`);
}
