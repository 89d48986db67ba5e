/**
 * A cluster's status as text, in the words of the GraveyarCluster resource (`kubectl get graveyarclusters`): leader, voters, who is
 * healthy (`member-health.ts`), how far each log is. Pure.
 */
import type { ClusterMember, ClusterState } from '../../client/index.ts';
import { grouped, renderTable } from '../table.ts';
import { isHealthy } from './member-health.ts';

/** What one member says of itself, and below it the members as far as it, or the leader, knows them. */
export function statusText(state: ClusterState): string {
  const leader = state.members.find(({ id }) => id === state.leaderId);
  const self = state.members.find(({ id }) => id === state.memberId);
  const rows = [
    ['cluster', state.clusterId ?? 'none yet'],
    ['leader', leader === undefined ? 'none known' : `${leader.name} at ${leader.clientAddress}`],
    ['health', healthText(state)],
    ['events', grouped(state.events)],
    [
      'asked',
      `${self?.name ?? 'a member without a cluster'} (${state.memberId}), ${state.role} in term ${grouped(state.term)}`,
    ],
    [
      'its log',
      `last ${grouped(state.lastIndex)}, committed ${grouped(state.commitIndex)}, applied ${grouped(state.appliedIndex)}`,
    ],
  ];
  const facts = rows.map(([title = '', value = '']) => `${title.padEnd(8)} ${value}`).join('\n');
  return state.members.length === 0 ? facts : `${facts}\n\n${tableOf(state.members)}`;
}

function healthText({ members, changing }: ClusterState): string {
  if (members.length === 0) return 'no members yet';
  const voters = members.filter(({ role, outgoing }) => role !== 'learner' && !outgoing);
  const healthy = voters.filter((voter) => isHealthy(voter, members) === true).length;
  const learners = members.filter(({ role }) => role === 'learner').length;
  const known = members.some(({ active }) => active !== null);
  const parts = [
    known ? `${healthy} of ${voters.length} voters are healthy` : `unknown, as no leader says; ${voters.length} voters`,
    ...(learners === 0 ? [] : [`${learners} without a vote`]),
    ...(changing ? ['a change is under way'] : []),
  ];
  return parts.join('; ');
}

function tableOf(members: readonly ClusterMember[]): string {
  const columns = [
    { title: 'name' },
    { title: 'id', align: 'right' as const },
    { title: 'role' },
    { title: 'healthy' },
    { title: 'match index', align: 'right' as const },
  ];
  const words = new Map([
    [null, 'unknown'],
    [true, 'yes'],
    [false, 'no'],
  ]);
  const rows = members.map((member) => [
    member.name,
    String(member.id),
    member.role,
    words.get(isHealthy(member, members)) ?? '',
    member.matchIndex === null ? '' : grouped(member.matchIndex),
  ]);
  return renderTable(columns, rows);
}
