/**
 * The account that members run under, and the little it may do: put the leader's label on the pods of its own cluster, and find out
 * which pods carry it. The operator may grant no more than it may do itself; the rules of its chart follow from these.
 */
import type { V1PolicyRule, V1Role, V1RoleBinding, V1ServiceAccount } from '@kubernetes/client-node';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { ownedMetadata } from './built-object.ts';
import type { Built, Plain } from './built-object.ts';
import { accountName, HIGHEST_MEMBER_NUMBER, memberName, podName } from './names.ts';

/** The account. Its token is mounted in members' pods alone, which say so. */
export function memberServiceAccount(cluster: GraveyarCluster): Built<V1ServiceAccount> {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: ownedMetadata(cluster.metadata, accountName(cluster.metadata.name)),
    automountServiceAccountToken: false,
  };
}

/**
 * Its role. Patching is granted by name: who may patch any pod of a namespace can run an image of his in it, under another account.
 * Lists cannot be granted by label.
 */
export function memberRole(cluster: GraveyarCluster): Built<V1Role> {
  const { name } = cluster.metadata;
  const pods = Array.from({ length: HIGHEST_MEMBER_NUMBER }, (_, at) => podName(memberName(name, at + 1)));
  const rules: Plain<V1PolicyRule>[] = [
    { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    { apiGroups: [''], resources: ['pods'], resourceNames: pods, verbs: ['get', 'patch'] },
  ];
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: ownedMetadata(cluster.metadata, accountName(name)),
    rules,
  };
}

/** Gives the role to the account. */
export function memberRoleBinding(cluster: GraveyarCluster): Built<V1RoleBinding> {
  const { name, namespace } = cluster.metadata;
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: ownedMetadata(cluster.metadata, accountName(name)),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: accountName(name) },
    subjects: [{ kind: 'ServiceAccount', name: accountName(name), namespace }],
  };
}
