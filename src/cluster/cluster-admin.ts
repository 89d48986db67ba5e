/**
 * The operations behind the Cluster service, as a port: what can be asked about a cluster and changed in it. Knows no wire.
 *
 * Changes, but for `found`, are made by the leader: elsewhere they reject with NOT_LEADER, and the API layer passes them on. They resolve when
 * the change is committed and applied on the leader, and reject with MEMBERSHIP_REFUSED (with the reason), MEMBER_NOT_FOUND,
 * OUTCOME_UNKNOWN (ask `status` and try again), NOT_SERVING, or with the signal's reason.
 */
import type { MemberInfo } from './member.ts';

export type MemberRole = 'leader' | 'voter' | 'learner';

/** A member, as this process sees it. */
export interface MemberStatus extends MemberInfo {
  readonly role: MemberRole;
  /** Leaving, or on its way from voter to learner, in a joint configuration that is under way. */
  readonly outgoing: boolean;
  /** Heard of within an election timeout. Only the leader knows; null elsewhere. */
  readonly active: boolean | null;
  /** The last entry known to be on its disk. Only the leader knows (and everybody of itself). */
  readonly matchIndex: number | null;
  /** It is being sent a snapshot. Only the leader knows; null elsewhere. */
  readonly snapshotting: boolean | null;
}

export interface ClusterStatus {
  /** Null: this process belongs to no cluster yet. */
  readonly clusterId: string | null;
  /** Who answers. */
  readonly memberId: number;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'waiting' | 'removed';
  readonly term: number;
  /** Null: none is known. */
  readonly leaderId: number | null;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Count of events visible here. */
  readonly appliedEnd: number;
  /**
   * A change of members is under way: a joint configuration is in force, or this leader does not know yet that the newest one outlasts a loss of
   * power. Whoever is no member of it may be needed again until then.
   */
  readonly changing: boolean;
  /** By name. */
  readonly members: readonly MemberStatus[];
}

/** Where the leader serves clients. */
export interface LeaderHint {
  /** Null: none is known. */
  readonly leaderId: number | null;
  /** `host:port` for clients; null when it is not known. */
  readonly endpoint: string | null;
  /** This process leads, and may decide. */
  readonly self: boolean;
}

export interface ClusterAdmin {
  /** What this process knows now, without asking anybody. */
  status(): ClusterStatus;

  /** The leader, as far as this process knows. Cheap. */
  leader(): LeaderHint;

  /** Resolves when a leader is known (or this process leads and may decide), at once when one is. Rejects with the signal's reason. */
  waitForLeader(signal: AbortSignal): Promise<LeaderHint>;

  /**
   * Makes a cluster with this id, of which this member is the only one. Durable when it resolves; again for the same cluster does nothing.
   * MEMBERSHIP_REFUSED when this is not the member `memberId`, when it belongs to another cluster or is about to, and when it
   * was not started to wait for one.
   */
  found(clusterId: string, memberId: number, signal: AbortSignal): Promise<void>;

  /**
   * Adds whoever listens at `peerAddress`, which must belong to no cluster yet, as a learner. Again for a member: only has
   * it described as it is now, wherever it has moved; it keeps its vote.
   * MEMBERSHIP_REFUSED when `memberId` is given and another member is found there.
   */
  addLearner(peerAddress: string, signal: AbortSignal, memberId?: number): Promise<MemberStatus>;

  /** Makes a learner a voter. MEMBERSHIP_REFUSED while it has not caught up. A voter stays one. */
  promote(memberId: number, signal: AbortSignal): Promise<void>;

  /**
   * Removes a member, also this one (it leads no more then). One that is not there: makes sure that it stays so, as ids are never used again.
   * MEMBERSHIP_REFUSED when most of the voters that it would leave do not answer.
   */
  remove(memberId: number, signal: AbortSignal): Promise<void>;

  /** Removes the voter `oldId` and makes the caught-up learner `newId` a voter, in one joint change. */
  replace(oldId: number, newId: number, signal: AbortSignal): Promise<void>;

  /**
   * Hands leadership to this voter, or with null to the one that is furthest on. Resolves when another member is known to lead;
   * MEMBERSHIP_REFUSED when that did not happen within two election timeouts.
   */
  transferLeadership(memberId: number | null, signal: AbortSignal): Promise<void>;

  /** The status now and after every change of role, term, leader, members or progress; changes in between may be left out. */
  watch(signal: AbortSignal): AsyncIterable<ClusterStatus>;
}
