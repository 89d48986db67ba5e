/** What a member can say about its cluster now, put together from its driver. */
import { StateType } from '../raft/ready.ts';
import { ProgressState } from '../raft/status.ts';
import type { ClusterStatus, MemberStatus } from './cluster-admin.ts';
import { memberIds } from './configuration.ts';
import type { RaftDriver } from './raft-driver.ts';

/** @param removed This member has found out that it was removed. */
export function clusterStatus(driver: RaftDriver, removed: boolean): ClusterStatus {
  const { clusterId, confState, members } = driver.configuration;
  const status = driver.status();
  const progress = new Map(status.progress.map((one) => [one.id, one]));
  const voting = new Set([...confState.voters, ...confState.votersOutgoing]);
  const shown = members.map((member): MemberStatus => {
    const seen = progress.get(member.id);
    const self = member.id === driver.id;
    const role = member.id === driver.leaderId ? 'leader' : voting.has(member.id) ? 'voter' : 'learner';
    return {
      ...member,
      role,
      outgoing: confState.votersOutgoing.includes(member.id) && !confState.voters.includes(member.id),
      active: seen === undefined ? null : driver.answers(member.id, status.progress),
      matchIndex: seen?.match ?? (self ? status.lastIndex : null),
      snapshotting: seen === undefined ? null : seen.state === ProgressState.Snapshot,
    };
  });
  return {
    clusterId,
    memberId: driver.id,
    role: roleOf(driver, removed),
    term: driver.term,
    leaderId: driver.leaderId === 0 ? null : driver.leaderId,
    lastIndex: status.lastIndex,
    commitIndex: driver.commitIndex,
    appliedIndex: driver.applier.appliedIndex,
    appliedEnd: driver.applier.appliedEnd,
    changing: confState.votersOutgoing.length > 0 || (driver.leading && !driver.settling.done),
    members: shown.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id)),
  };
}

function roleOf(driver: RaftDriver, removed: boolean): ClusterStatus['role'] {
  const { confState } = driver.configuration;
  if (removed) return 'removed';
  if (driver.leading) return 'leader';
  if (!memberIds(confState).has(driver.id)) return 'waiting';
  if (confState.learners.includes(driver.id)) return 'learner';
  return driver.role === StateType.Follower ? 'follower' : 'candidate';
}
