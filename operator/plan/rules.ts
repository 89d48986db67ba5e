/**
 * The rules on which safety rests, in one place and replaceable, so that a test can show that each of them is needed. Each answers
 * from a confirmed view of the cluster; what is not known to work counts as lost.
 */
import type { ClusterView, ViewedMember } from './cluster-view.ts';
import { majority, viewCluster } from './cluster-view.ts';
import type { ObservedResource } from './observed.ts';
import type { Place, Places } from './place.ts';
import { answerIn } from './place.ts';

export interface Rules {
  /** The cluster as its confirmed leader has it; null: none is confirmed. */
  readonly viewCluster: (clusterId: string, places: Places) => ClusterView | null;
  /** The voters at work besides this one are a majority: it may stop. */
  readonly mayStop: (view: ClusterView, member: ViewedMember) => boolean;
  /** Before and after this voter is taken out, those at work are a majority. */
  readonly mayRemove: (view: ClusterView, voter: ViewedMember) => boolean;
  /** A learner with a vote makes those at work no less of a majority. */
  readonly mayPromote: (view: ClusterView, learner: ViewedMember) => boolean;
  /** The learner can take the voter's vote, and those at work are a majority before and after. */
  readonly mayReplace: (view: ClusterView, old: ViewedMember, learner: ViewedMember) => boolean;
  /** There is no learner yet, and no change is under way. */
  readonly mayAddLearner: (view: ClusterView) => boolean;
  /** Nobody has ever belonged to the cluster, and here the recorded founder waits. */
  readonly mayFound: (resource: ObservedResource, places: Places) => Place | null;
  /**
   * The volume of this place can go: no member of the configuration is on it, and what is on it is known, or was made for this cluster. Of a
   * configured member that is silent only a volume that Kubernetes itself calls lost.
   */
  readonly mayDeleteVolume: (view: ClusterView, place: Place) => boolean;
  /** Whoever answers there had a part in this cluster and has none any more. */
  readonly isOut: (view: ClusterView, place: Place) => boolean;
}

/** Voters that work, without this one. */
function othersAtWork(view: ClusterView, without?: ViewedMember): number {
  return view.voters.filter((voter) => voter.works && voter.id !== without?.id).length;
}

export const RULES: Rules = {
  viewCluster,

  mayStop: (view, member) => {
    if (member.role === 'learner') return true;
    return othersAtWork(view, member) >= majority(view.voters.length);
  },

  mayRemove: (view, voter) => {
    const { length } = view.voters;
    if (length === 1 || othersAtWork(view) < majority(length)) return false;
    return othersAtWork(view, voter) >= majority(length - 1);
  },

  mayPromote: (view, learner) => {
    if (!learner.healthy) return false;
    return othersAtWork(view) + 1 >= majority(view.voters.length + 1);
  },

  mayReplace: (view, old, learner) => {
    if (!learner.healthy || old.works) return false;
    return othersAtWork(view, old) >= majority(view.voters.length);
  },

  mayAddLearner: (view) => view.learners.length === 0 && !view.changing,

  mayFound: ({ status }, places) => {
    const { clusterId, founder } = status;
    if (clusterId === undefined || founder === undefined) return null;
    if (wasFounded(status.members)) return null;
    const others = [...places.values()].some((place) => place.answer.kind === 'member');
    const place = places.get(founder.name);
    if (others || place?.answer.kind !== 'waiting' || place.claim?.deleting === true) return null;
    return String(place.answer.memberId) === founder.id ? place : null;
  },

  mayDeleteVolume: (view, place) => {
    const { claim, statefulSet, answer } = place;
    const configured = [...view.voters, ...view.learners];
    if (answer.kind === 'member') return isOut(view, place);
    if (answer.kind === 'waiting') return !configured.some(({ id }) => id === answer.memberId);
    if (claim?.phase === 'Lost') return true;
    if (configured.some(({ name }) => name === place.name)) return false;
    return claim === null || !claim.kept || (statefulSet !== null && statefulSet.memberId !== null);
  },

  isOut,
};

/** Members of a configuration were seen once: the cluster has been founded, and is never founded again. */
export function wasFounded(members: ObservedResource['status']['members']): boolean {
  return (members ?? []).some(({ role }) => role !== 'waiting');
}

/**
 * Whoever answers there had a part in this cluster and has none any more: it says so, or the leader has seen every entry that it has and does not
 * count it among the members. (One that has seen more may just have been added.)
 */
function isOut(view: ClusterView, place: Place): boolean {
  const answer = answerIn(view.clusterId, place);
  if (answer === null) return false;
  const { memberId } = answer;
  if ([...view.voters, ...view.learners].some(({ id }) => id === memberId)) return false;
  return answer.role === 'removed' || answer.commitIndex <= view.commitIndex;
}
