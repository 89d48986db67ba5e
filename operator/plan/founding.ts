/**
 * How a cluster begins, exactly once. Without a cluster id in the status: volumes that were kept from an earlier life are brought up
 * and, when a majority of their cluster follows one leader and nobody is silent but its members, that cluster is adopted; only when every volume there is has told that it is empty is a
 * cluster id, with the one member that may found it, written down. Only with both in the status is that member asked to found it.
 *
 * Invariant: whoever has data keeps a new cluster from being founded, and so does whoever is silent and has a volume.
 */
import type { ClusterStatus } from '../api/cluster-status.ts';
import { memberName } from '../resources/names.ts';
import type { Intent, Situation } from './concern.ts';
import { doStep, hold } from './concern.ts';
import { mendWithoutLeader } from './leaderless.ts';
import type { Place } from './place.ts';
import { silence } from './place.ts';

export interface Beginning {
  readonly intent: Intent;
  /** What the status has to have from now on. */
  readonly decided: Pick<ClusterStatus, 'clusterId' | 'founder'> | null;
}

/** What to do while the status has no cluster id. */
export function begin(situation: Situation): Beginning {
  const { observed, places } = situation;
  const all = [...places.values()];
  const unclaimed = all.find(({ statefulSet }) => statefulSet === null)?.name;
  const member = unclaimed ?? (all.length === 0 ? memberName(observed.resource.name, 1) : null);
  if (member !== null) {
    const message = unclaimed === undefined ? `creating ${member}` : `creating ${member} for the volume that was kept`;
    return undecided(doStep('Founding', { kind: 'apply-stateful-set', member }, 'CreatingMember', message));
  }
  const mending = mendWithoutLeader(situation) ?? renewVolumes(all);
  if (mending !== null) return undecided(mending);
  const ids = clusterIdsOf(all);
  if (ids.length > 1) return undecided(hold('Adopting', `kept volumes are of different clusters: ${ids.join(', ')}`));
  const clusterId = ids[0];
  return clusterId === undefined ? found(situation, all) : adopt(situation, clusterId, all);
}

/** Ids of clusters that somebody there has data of, sorted. */
export function clusterIdsOf(places: readonly Place[]): string[] {
  const ids = places.flatMap(({ answer }) => (answer.kind === 'member' ? [answer.clusterId] : []));
  return [...new Set(ids)].sort();
}

function found({ observed }: Situation, all: readonly Place[]): Beginning {
  const silent = all.find(({ answer }) => answer.kind !== 'waiting');
  if (silent !== undefined) {
    return undecided(hold('Founding', `${silent.name} is to tell what is on its volume: ${silence(silent)}`));
  }
  const founder = all[0];
  if (founder?.answer.kind !== 'waiting') return undecided(hold('Founding', 'there is no member yet'));
  const id = String(founder.answer.memberId);
  const clusterId = observed.freshClusterId;
  return {
    intent: hold('Founding', `${founder.name} (${id}) is to found cluster ${clusterId}`),
    decided: { clusterId, founder: { name: founder.name, id } },
  };
}

/** Volumes that are lost, or being deleted, before anybody has written to them. */
function renewVolumes(all: readonly Place[]): Intent | null {
  for (const { name, claim, pod, answer } of all) {
    if (claim === null || answer.kind === 'member') continue;
    if (claim.phase === 'Lost' && !claim.kept && !claim.deleting) {
      const step = { kind: 'delete-claim', member: name, claimUid: claim.uid } as const;
      return doStep('Founding', step, 'DeletingVolume', `deleting the volume claim of ${name}: the volume is lost`);
    }
    if (!claim.deleting || (claim.kept && answer.kind !== 'waiting')) continue;
    if (pod === null || pod.deleting) return hold('Founding', `the volume of ${name} is going`);
    const step = { kind: 'delete-pod', member: name, podUid: pod.uid } as const;
    return doStep('Founding', step, 'RestartingMember', `restarting ${name}, whose volume is being deleted`);
  }
  return null;
}

function adopt({ places, rules }: Situation, clusterId: string, all: readonly Place[]): Beginning {
  const view = rules.viewCluster(clusterId, places);
  // A volume that is lost can tell nothing else any more.
  const silent = all.filter(({ answer, claim }) => answer.kind === 'unreachable' && claim?.phase !== 'Lost');
  const members = new Set(view === null ? [] : [...view.voters, ...view.learners].map(({ name }) => name));
  const unknown = silent.find(({ name }) => !members.has(name));
  if (view !== null && unknown === undefined) {
    const message = `the kept volumes hold cluster ${clusterId}, which ${view.leader.name} leads`;
    const event = { type: 'Normal', reason: 'AdoptedCluster', message } as const;
    return { intent: { ...hold('Adopting', message), event }, decided: { clusterId } };
  }
  const whom = unknown === undefined ? 'no leader yet' : `${unknown.name}: ${silence(unknown)}`;
  const lacks = view === null ? 'a majority of it is not there yet' : 'not every volume has told what is on it';
  return undecided(hold('Adopting', `kept volumes hold cluster ${clusterId}; ${lacks} (${whom})`));
}

function undecided(intent: Intent): Beginning {
  return { intent, decided: null };
}
