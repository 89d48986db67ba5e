/**
 * The cluster as its members describe it, weighed: which leader is to be believed, and how each member of its configuration is.
 *
 * A leader is believed when it has the highest term of all that call themselves leader and a majority of the voters of its
 * configuration follow it in that term (Raft: one leader in a term; a deposed one has lost its majority to a higher term). Its
 * configuration is then the one in force. Without such a leader there is no view, and nothing that depends on one is done.
 */
import type { ConfiguredMember, MemberAnswer } from './observed.ts';
import type { Place, Places } from './place.ts';
import { answerIn } from './place.ts';

/** How far behind the leader a member may be and count as caught up, in entries: what the leader itself asks of a learner, held by a test. */
export const CAUGHT_UP_ENTRIES = 1000;

/** A member of the configuration, with its place. */
export interface ViewedMember extends ConfiguredMember {
  /** Undefined: there is nothing of that name in Kubernetes. */
  readonly place: Place | undefined;
  /** Whoever answers in its place is it, by id. */
  readonly present: boolean;
  /** The leader has heard of it lately, and it has what the leader has but for a little. */
  readonly caughtUp: boolean;
  /** Present, follows this leader, caught up, its pod not going: counts for a majority now. What is not known counts as not. */
  readonly works: boolean;
  /** Its volume is there and is not going, and nobody else's identity is on it as far as can be told. */
  readonly volumeStays: boolean;
  /** Works, its pod is ready (that of a learner: running), and its volume stays. */
  readonly healthy: boolean;
}

export interface ClusterView {
  readonly clusterId: string;
  readonly leader: ViewedMember;
  readonly term: number;
  /** The last entry of the leader's log that it knows to be committed. */
  readonly commitIndex: number;
  /** A change of members is under way. */
  readonly changing: boolean;
  /** Voters by name; in a joint configuration those of both. */
  readonly voters: readonly ViewedMember[];
  /** Learners by name. */
  readonly learners: readonly ViewedMember[];
}

/** More than half. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** The view of this cluster; null: no leader is confirmed. */
export function viewCluster(clusterId: string, places: Places): ClusterView | null {
  const answers = [...places.values()].flatMap((place) => answerIn(clusterId, place) ?? []);
  const leader = believedLeader(answers);
  if (leader === null) return null;
  const members = leader.members.map((member) => viewMember(member, leader, places));
  const self = members.find(({ id }) => id === leader.memberId);
  if (self === undefined) return null;
  return {
    clusterId,
    leader: self,
    term: leader.term,
    commitIndex: leader.commitIndex,
    changing: leader.changing,
    voters: members.filter(({ role }) => role !== 'learner'),
    learners: members.filter(({ role }) => role === 'learner'),
  };
}

function believedLeader(answers: readonly MemberAnswer[]): MemberAnswer | null {
  const leaders = answers.filter(({ role }) => role === 'leader').sort((a, b) => b.term - a.term);
  const leader = leaders[0];
  if (leader === undefined) return null;
  const voters = new Set(leader.members.filter(({ role }) => role !== 'learner').map(({ id }) => id));
  const followers = answers.filter(
    (one) => voters.has(one.memberId) && one.term === leader.term && one.leaderId === leader.memberId,
  );
  return new Set(followers.map(({ memberId }) => memberId)).size >= majority(voters.size) ? leader : null;
}

function viewMember(member: ConfiguredMember, leader: MemberAnswer, places: Places): ViewedMember {
  const place = places.get(member.name);
  const answer = place === undefined ? null : answerIn(leader.clusterId, place);
  const present = answer?.memberId === member.id && answer.role !== 'removed';
  const self = member.id === leader.memberId;
  const behind = leader.lastIndex - (member.matchIndex ?? 0);
  const heard = self || (member.active === true && member.snapshotting !== true);
  const caughtUp = heard && (self || behind <= CAUGHT_UP_ENTRIES);
  const follows = present && answer.term === leader.term && answer.leaderId === leader.memberId;
  const pod = place?.pod ?? null;
  const works = follows && caughtUp && pod !== null && !pod.deleting;
  const claim = place?.claim ?? null;
  const said = place?.answer;
  const emptied = said?.kind === 'waiting' && said.memberId !== member.id;
  const volumeStays = claim !== null && !claim.deleting && claim.phase !== 'Lost' && !emptied;
  const ready = pod?.state === 'ready' || (member.role === 'learner' && pod?.state === 'running');
  return { ...member, place, present, caughtUp, works, volumeStays, healthy: works && ready && volumeStays };
}
