/**
 * All objects of a cluster that are there once, whatever its members: in the order in which they are applied, so that pods find their
 * account and their names when they start.
 */
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import type { BuiltObject } from './built-object.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { memberRole, memberRoleBinding, memberServiceAccount } from './member-account.ts';
import { peersService, readService, readWriteService } from './services.ts';

/** The objects, whole. */
export function sharedObjects(cluster: GraveyarCluster): BuiltObject[] {
  return [
    memberServiceAccount,
    memberRole,
    memberRoleBinding,
    peersService,
    readService,
    readWriteService,
    disruptionBudget,
  ].map((build) => build(cluster));
}
