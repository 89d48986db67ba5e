/**
 * What is wrong with a cluster, for the condition Degraded and for people. Nothing is decided by it.
 */
import type { Upkeep } from './action.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Intent, Situation } from './concern.ts';
import { clusterIdsOf } from './founding.ts';
import type { Place } from './place.ts';
import { isForeign, silence } from './place.ts';
import { wasFounded } from './rules.ts';

export interface Problem {
  /** One word, the reason of the condition. */
  readonly reason: string;
  readonly message: string;
}

/** What is planned now: of what failed last, only that is told. */
interface ToDo {
  readonly intent: Intent | null;
  readonly upkeep: readonly Upkeep[];
}

/** All that is wrong, the worst first. */
export function problemsOf(
  situation: Situation,
  clusterId: string | null,
  view: ClusterView | null,
  { intent, upkeep }: ToDo,
): Problem[] {
  const found = [
    secretUnreadable(situation),
    conflictingData(situation, clusterId),
    view === null && clusterId !== null ? noLeader(situation, clusterId) : null,
    failedStep(situation, intent),
    failedUpkeep(situation, upkeep),
    ...(view === null ? [] : unhealthyMembers(view)),
    volumesNotGrowing(situation),
    troubledPods(situation, new Set(view?.voters.map(({ name }) => name))),
  ];
  return found.filter((problem) => problem !== null);
}

function secretUnreadable({ observed: { secretTrouble } }: Situation): Problem | null {
  if (secretTrouble === null) return null;
  return { reason: 'SecretUnreadable', message: `members cannot be asked how they are: ${secretTrouble}` };
}

function conflictingData({ places }: Situation, clusterId: string | null): Problem | null {
  const all = [...places.values()];
  const reason = 'ConflictingData';
  if (clusterId === null) {
    const ids = clusterIdsOf(all);
    if (ids.length < 2) return null;
    return {
      reason,
      message: `kept volumes are of different clusters (${ids.join(', ')}): delete those that are not wanted`,
    };
  }
  const foreign = all.filter((place) => isForeign(clusterId, place)).map(({ name }) => name);
  if (foreign.length === 0) return null;
  return {
    reason,
    message: `volumes of ${foreign.join(', ')} are of another cluster than ${clusterId}, and are left alone`,
  };
}

function noLeader({ observed, places }: Situation, clusterId: string): Problem | null {
  // Who was not asked may well have a leader.
  if (observed.secretTrouble !== null) return null;
  const { status } = observed.resource;
  const all = [...places.values()];
  const hasData = all.some(({ answer }) => answer.kind === 'member' && answer.clusterId === clusterId);
  if (hasData) return wasFounded(status.members) ? quorumLost(all) : null;
  const waiting = all.filter(({ answer }) => answer.kind === 'waiting');
  if (wasFounded(status.members) || status.founder === undefined) {
    if (all.length === 0 || waiting.length < all.length) return quorumLost(all);
    const message = `every member has an empty volume: the data of cluster ${clusterId} is not here. Restore a volume, or delete the GraveyarCluster and make it anew`;
    return { reason: 'DataLost', message };
  }
  const { name, id } = status.founder;
  const founder = places.get(name);
  if (founder?.answer.kind !== 'waiting' || String(founder.answer.memberId) === id) return null;
  const message = `${name} was to found cluster ${clusterId} as ${id}, and has lost its volume. A second founding could lose data: if nothing was written yet, delete the GraveyarCluster and make it anew`;
  return { reason: 'FounderLost', message };
}

function quorumLost(all: readonly Place[]): Problem {
  const reason = 'QuorumLost';
  if (all.length === 0)
    return { reason, message: 'no leader is known, and there is nothing of its members in Kubernetes' };
  const how = all.map((place) => `${place.name}: ${describe(place)}`).join('; ');
  return { reason, message: `no leader is known, and nothing can be appended. ${how}` };
}

function describe(place: Place): string {
  const { answer } = place;
  if (answer.kind !== 'member') return silence(place);
  return answer.leaderId === null ? `${answer.role}, knows no leader` : `${answer.role}, follows ${answer.leaderId}`;
}

function failedStep({ observed: { lastFailures } }: Situation, intent: Intent | null): Problem | null {
  const failure = lastFailures.find(({ action }) => action === intent?.step?.kind);
  if (failure === undefined || intent === null) return null;
  return { reason: 'StepFailed', message: `${intent.message}: ${failure.message}` };
}

const UPKEEP: Readonly<Record<Upkeep['kind'], string>> = {
  'apply-shared-objects': 'not every object of the cluster could be applied',
  'label-member': "members' labels could not be set",
  'label-role': "the leader's label could not be set",
  'set-retention': 'what becomes of the volumes could not be set',
};

function failedUpkeep({ observed: { lastFailures } }: Situation, upkeep: readonly Upkeep[]): Problem | null {
  const kinds = [...new Set(upkeep.map(({ kind }) => kind))];
  const failed = kinds.flatMap((kind) => {
    const messages = lastFailures.filter(({ action }) => action === kind).map(({ message }) => message);
    return messages.length === 0 ? [] : [`${UPKEEP[kind]}: ${[...new Set(messages)].join('; ')}`];
  });
  return failed.length === 0 ? null : { reason: 'ObjectsNotApplied', message: failed.join('; ') };
}

function unhealthyMembers(view: ClusterView): Problem[] {
  const ill = view.voters.filter(({ healthy }) => !healthy);
  if (ill.length === 0) return [];
  const how = ill.map(({ name, place }) => `${name}: ${silence(place)}`).join('; ');
  const message = `${ill.length} of ${view.voters.length} voters are not healthy. ${how}`;
  return [{ reason: 'MemberUnhealthy', message }];
}

function volumesNotGrowing({ places }: Situation): Problem | null {
  const stuck = [...places.values()].flatMap(({ name, claim }) =>
    claim === null || claim.deleting || claim.resizeTrouble === null ? [] : [`${name}: ${claim.resizeTrouble}`],
  );
  if (stuck.length === 0) return null;
  return { reason: 'VolumesNotGrowing', message: `volumes do not grow as they are to. ${stuck.join('; ')}` };
}

/** Pods that cannot run, or cannot be made, of members that are not in the configuration, or of whom nothing else is known. */
function troubledPods({ places }: Situation, but: ReadonlySet<string>): Problem | null {
  const troubled = [...places.values()].filter(({ name, pod, statefulSet }) => {
    if (but.has(name)) return false;
    if (pod === null) return statefulSet !== null && statefulSet.podTrouble !== null;
    return !pod.deleting && (pod.state === 'failing' || pod.trouble !== null);
  });
  if (troubled.length === 0) return null;
  return { reason: 'PodsNotRunning', message: troubled.map((place) => `${place.name}: ${silence(place)}`).join('; ') };
}
