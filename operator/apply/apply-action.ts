/**
 * Carrying out one action of a plan.
 */
import { unreachable } from '../../src/lib/assert.ts';
import type { MemberPool, MemberTarget } from '../observe/member-pool.ts';
import type { Step, Upkeep } from '../plan/action.ts';
import {
  applySharedObjects,
  applyStatefulSet,
  deleteClaim,
  deletePod,
  deleteStatefulSet,
  growClaim,
  labelMember,
  labelRole,
  setRetention,
} from './kubernetes-actions.ts';
import type { KubernetesTarget } from './kubernetes-actions.ts';
import { applyMemberStep, askedMember, isMemberStep } from './member-actions.ts';
import type { MemberStep } from './member-actions.ts';

/** What actions are carried out with. */
export interface ActionTarget extends KubernetesTarget {
  readonly pool: MemberPool;
  readonly clusterKey: string;
  /** Where each member is; null: nowhere now. */
  readonly members: ReadonlyMap<string, MemberTarget | null>;
  /** How long a change of members may take. */
  readonly memberDeadlineMillis: number;
}

/** Resolves when it is done. Rejects with an ApiError, a GraveyarError or a ForeignObject, and with the signal's reason. */
export async function applyAction(target: ActionTarget, action: Step | Upkeep): Promise<void> {
  switch (action.kind) {
    case 'apply-shared-objects':
      return applySharedObjects(target);
    case 'label-member':
      return labelMember(target, action);
    case 'label-role':
      return labelRole(target, action);
    case 'set-retention':
      return setRetention(target, action);
    case 'apply-stateful-set':
      return applyStatefulSet(target, action);
    case 'delete-pod':
      return deletePod(target, action);
    case 'delete-stateful-set':
    case 'orphan-stateful-set':
      return deleteStatefulSet(target, action);
    case 'delete-claim':
      return deleteClaim(target, action);
    case 'grow-claim':
      return growClaim(target, action);
    default:
      return isMemberStep(action) ? askMember(target, action) : unreachable(action, 'action');
  }
}

async function askMember(target: ActionTarget, step: MemberStep): Promise<void> {
  const asked = askedMember(step);
  const address = target.members.get(asked) ?? null;
  if (address === null) throw new Error(`${asked} has no address`);
  const client = target.pool.clientOf(target.clusterKey, address);
  const { signal } = target.limits;
  await applyMemberStep(target.cluster, step, client, { signal, deadlineMillis: target.memberDeadlineMillis });
}
