/**
 * The actions of a plan that change who belongs to a cluster, through one of its members. The store refuses what is not safe; each may be
 * repeated.
 */
import type { ClusterClient } from '../../src/client/cluster-client.ts';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { unreachable } from '../../src/lib/assert.ts';
import type { Step } from '../plan/action.ts';
import { peerAddress } from '../resources/names.ts';

/** Steps that a member carries out. */
export type MemberStep = Extract<
  Step,
  { readonly kind: 'found' | 'add-learner' | 'promote' | 'replace' | 'remove' | 'transfer-leadership' }
>;

/** Whether a member carries it out. */
export function isMemberStep(step: Step): step is MemberStep {
  return ['found', 'add-learner', 'promote', 'replace', 'remove', 'transfer-leadership'].includes(step.kind);
}

/** The member to ask: the leader, or whoever is to found the cluster. */
export function askedMember(step: MemberStep): string {
  return step.kind === 'found' ? step.member : step.leader;
}

/** Carries it out; `client` talks to {@link askedMember}. Rejects with a GraveyarError. */
export async function applyMemberStep(
  cluster: GraveyarCluster,
  step: MemberStep,
  client: ClusterClient,
  limits: { readonly signal: AbortSignal; readonly deadlineMillis: number },
): Promise<void> {
  switch (step.kind) {
    case 'found':
      return client.found(step.clusterId, step.memberId, limits);
    case 'add-learner': {
      const { name, namespace } = cluster.metadata;
      const address = peerAddress(name, namespace, step.member);
      await client.addLearner(address, { ...limits, memberId: step.memberId });
      return;
    }
    case 'promote':
      return client.promote(step.memberId, limits);
    case 'replace':
      return client.replace(step.oldMemberId, step.memberId, limits);
    case 'remove':
      return client.remove(step.memberId, limits);
    case 'transfer-leadership':
      return client.transferLeadership(step.memberId, limits);
    default:
      return unreachable(step, 'step');
  }
}
