/**
 * All objects of a cluster that are there once, whatever its members: in the order in which they are applied, so that pods find their
 * account and their names when they start.
 *
 * Each carries the hash of itself. That it has all that is wanted can be seen by comparing, but not that it has something that was wanted once, as
 * others add to it too; when it is applied anew, server-side apply takes away what the operator alone had put there.
 */
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import type { BuiltObject } from './built-object.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { memberRole, memberRoleBinding, memberServiceAccount } from './member-account.ts';
import { OBJECT_HASH_ANNOTATION } from './names.ts';
import { peersService, readService, readWriteService } from './services.ts';
import { hashOf } from './template-hash.ts';

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
  ].map((build) => hashed(build(cluster)));
}

function hashed(object: BuiltObject): BuiltObject {
  const annotations = { ...object.metadata.annotations, [OBJECT_HASH_ANNOTATION]: hashOf(object) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
