/**
 * What a member knows of its cluster, as messages.
 */
import type { ClusterStatus, MemberRole as Role, MemberStatus } from '../cluster/cluster-admin.ts';
import { MemberRole } from './gen/graveyar/v1/cluster.ts';
import type { ClusterMember, ClusterState } from './gen/graveyar/v1/cluster.ts';

const roles: Readonly<Record<Role, MemberRole>> = {
  leader: MemberRole.MEMBER_ROLE_LEADER,
  voter: MemberRole.MEMBER_ROLE_VOTER,
  learner: MemberRole.MEMBER_ROLE_LEARNER,
};

/** The ClusterMember message. What is not known is not set. */
export function memberMessage(member: MemberStatus): ClusterMember {
  const { id, name, peerAddress, clientAddress, role, outgoing, active, matchIndex, snapshotting } = member;
  return {
    id,
    name,
    peerAddress,
    clientAddress,
    role: roles[role],
    outgoing,
    active: active ?? undefined,
    matchIndex: matchIndex ?? undefined,
    snapshotting: snapshotting ?? undefined,
  };
}

/** The ClusterState message. */
export function stateMessage(status: ClusterStatus): ClusterState {
  const { clusterId, memberId, role, term, leaderId, lastIndex, commitIndex, appliedIndex, appliedEnd, changing } =
    status;
  return {
    clusterId: clusterId ?? '',
    memberId,
    role,
    term,
    leaderId: leaderId ?? undefined,
    lastIndex,
    commitIndex,
    appliedIndex,
    events: appliedEnd,
    changing,
    members: status.members.map(memberMessage),
  };
}
