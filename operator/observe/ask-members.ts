/**
 * What each member says of itself now: all are asked at once, each within a deadline. A member that does not answer is an answer as well.
 */
import type { ClusterMember, ClusterState } from '../../src/client/cluster-client.ts';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import type { Answer, ConfiguredMember, MemberAnswer } from '../plan/observed.ts';
import { LABEL, memberHost, PORTS } from '../resources/names.ts';
import type { Pod } from './kinds.ts';
import type { MemberPool, MemberTarget } from './member-pool.ts';
import type { MemberTls } from './member-tls.ts';

/** Where a pod serves clients, `host:port`; null: nowhere yet. Replaced in tests, whose pods have addresses of their own. */
export type PodAddress = (pod: Pod) => string | null;

/** By the pod's own address: its name in DNS may not be known yet, or still mean the pod before. */
export const podAddress: PodAddress = ({ status }) => {
  const ip = status?.podIP ?? '';
  if (ip === '') return null;
  return ip.includes(':') ? `[${ip}]:${PORTS.grpc}` : `${ip}:${PORTS.grpc}`;
};

/** How to reach the member of a pod; null: it has no address yet. */
export function targetOf(
  cluster: GraveyarCluster,
  pod: Pod,
  tls: MemberTls | null,
  addressOf: PodAddress,
): MemberTarget | null {
  const address = addressOf(pod);
  const member = pod.metadata?.labels?.[LABEL.member];
  if (address === null || member === undefined) return null;
  const { name, namespace } = cluster.metadata;
  const serverName = memberHost(name, namespace, member);
  return { podUid: pod.metadata?.uid ?? '', address, serverName, tls };
}

/** By member. `targets`: null for those that cannot be asked. Never rejects, but with the signal's reason. */
export async function askMembers(
  pool: MemberPool,
  clusterKey: string,
  targets: ReadonlyMap<string, MemberTarget | null>,
  limits: { readonly signal: AbortSignal; readonly deadlineMillis: number },
): Promise<ReadonlyMap<string, Answer>> {
  const answers = [...targets].map(async ([member, target]): Promise<[string, Answer]> => {
    if (target === null) return [member, { kind: 'unreachable', reason: 'its pod has no address' }];
    try {
      return [member, answerOf(await pool.clientOf(clusterKey, target).status(limits), member)];
    } catch (error) {
      limits.signal.throwIfAborted();
      return [member, { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) }];
    }
  });
  return new Map(await Promise.all(answers));
}

const ROLES: readonly MemberAnswer['role'][] = ['leader', 'follower', 'candidate', 'learner', 'removed'];

/** What the status that came from the pod of this member means. Who has another name answers for another pod, which is no answer. */
export function answerOf(state: ClusterState, member: string): Answer {
  const { clusterId, memberId } = state;
  const name = state.members.find(({ id }) => id === memberId)?.name ?? member;
  if (name !== member) return { kind: 'unreachable', reason: `${name} answers at its address` };
  if (clusterId === null) return { kind: 'waiting', memberId };
  const role = ROLES.find((known) => known === state.role);
  if (role === undefined) return { kind: 'unreachable', reason: `its role is ${state.role}` };
  return {
    kind: 'member',
    clusterId,
    memberId,
    role,
    term: state.term,
    leaderId: state.leaderId,
    lastIndex: state.lastIndex,
    commitIndex: state.commitIndex,
    appliedIndex: state.appliedIndex,
    changing: state.changing,
    members: state.members.map(configuredMember),
  };
}

function configuredMember(member: ClusterMember): ConfiguredMember {
  const { id, name, role, outgoing, active, matchIndex, snapshotting } = member;
  return { id, name, role, outgoing, active, matchIndex, snapshotting };
}
