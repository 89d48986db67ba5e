/**
 * The status of the custom resource: what the cluster is now, by its leader's word; without one, what was known last, with nobody healthy.
 */
import type { ClusterStatus, MemberStatus } from '../api/cluster-status.ts';
import { clusterSelectorText } from '../resources/names.ts';
import type { ClusterView, ViewedMember } from './cluster-view.ts';
import { conditionsOf } from './conditions.ts';
import type { Intent, Situation } from './concern.ts';
import type { Places } from './place.ts';
import type { Problem } from './problem.ts';
import { wasFounded } from './rules.ts';

/** The schema takes no more. */
const MOST_MEMBERS = 16;

/** The whole status, with what was decided now. */
export function statusOf(
  situation: Situation,
  view: ClusterView | null,
  intent: Intent | null,
  problems: readonly Problem[],
  decided: Pick<ClusterStatus, 'clusterId' | 'founder'> | null,
): ClusterStatus {
  const { resource } = situation.observed;
  const { clusterId, founder, replicas } = resource.status;
  const ready = view?.voters.filter((voter) => voter.present && voter.place?.pod?.state === 'ready').length;
  return {
    observedGeneration: resource.generation,
    ...(clusterId === undefined ? {} : { clusterId }),
    ...(founder === undefined ? {} : { founder }),
    ...(decided ?? {}),
    ...(view === null ? {} : { leader: view.leader.name }),
    replicas: view?.voters.length ?? replicas ?? 0,
    readyReplicas: ready ?? 0,
    selector: clusterSelectorText(resource.name),
    members: membersOf(situation, view),
    conditions: conditionsOf(situation, view, intent, problems),
  };
}

function membersOf({ observed, places }: Situation, view: ClusterView | null): MemberStatus[] {
  const members = view === null ? remembered(observed.resource.status) : configured(view);
  const known = new Set(members.map(({ id }) => id));
  const all = [...members, ...waitingIn(places).filter(({ id }) => !known.has(id))];
  const unique = [...new Map(all.map((member) => [member.id, member])).values()];
  return unique
    .slice(0, MOST_MEMBERS)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : Number(a.id) - Number(b.id)));
}

function configured(view: ClusterView): MemberStatus[] {
  return [...view.voters, ...view.learners].map((member: ViewedMember): MemberStatus => {
    const { name, id, matchIndex, healthy } = member;
    const role = id === view.leader.id ? 'leader' : member.role === 'learner' ? 'learner' : 'voter';
    return { name, id: String(id), role, healthy, ...(matchIndex === null ? {} : { matchIndex }) };
  });
}

function remembered({ members }: ClusterStatus): MemberStatus[] {
  if (!wasFounded(members)) return [];
  return (members ?? [])
    .filter(({ role }) => role !== 'waiting')
    .map(({ name, id, role }) => ({ name, id, role: role === 'leader' ? 'voter' : role, healthy: false }));
}

function waitingIn(places: Places): MemberStatus[] {
  return [...places.values()].flatMap(({ name, answer }): MemberStatus[] => {
    return answer.kind === 'waiting' ? [{ name, id: String(answer.memberId), role: 'waiting', healthy: false }] : [];
  });
}
