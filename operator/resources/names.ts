/**
 * What the objects of a cluster are called, how they are labelled, and where their pods listen: the one place. People and
 * charts rely on it, so a change here is a change of the interface.
 *
 * Invariant: names of two clusters of a namespace never meet, and no name is longer than its kind allows
 * (`LONGEST_CLUSTER_NAME`, held by the API server; tests hold the rest).
 */

/** Ports of a member's container, by their names. */
export const PORTS = { grpc: 4000, metrics: 4001, peers: 4002 } as const;

export const LABEL = {
  /** Name of the GraveyarCluster. */
  cluster: 'graveyar.dev/cluster',
  /** Name of the member: that of its StatefulSet, and in the store. */
  member: 'graveyar.dev/member',
  /** Id of the member, on its StatefulSet and pod once it is known. Never in the pod template, which would start it anew. */
  memberId: 'graveyar.dev/member-id',
  /** `leader` on the pod of the leader; on no other. Set by the members themselves. */
  role: 'graveyar.dev/role',
  /** Which Service of the cluster this is: `rw`, `r` or `peers`. */
  service: 'graveyar.dev/service',
} as const;

/** Value of {@link LABEL.role}. */
export const LEADER_ROLE = 'leader';

/** On a StatefulSet and in its pod template: the hash of the template that was applied. */
export const TEMPLATE_HASH_ANNOTATION = 'graveyar.dev/template-hash';

/** On an object that a cluster has once: the hash of all that was applied: what was wanted once and is no more shows by it. */
export const OBJECT_HASH_ANNOTATION = 'graveyar.dev/object-hash';

/** Who applies, in `metadata.managedFields`. */
export const FIELD_MANAGER = 'graveyar-db-operator';

/** Members are numbered from 1 to this; the lowest free number is taken. */
export const HIGHEST_MEMBER_NUMBER = 9;

/** Name of the member's container. */
export const CONTAINER = 'graveyar';

/** Name of the claim template, and of the volume in the pod. */
export const DATA_VOLUME = 'data';

/** `foo-2`: name of a member and of its StatefulSet. */
export function memberName(cluster: string, number: number): string {
  return `${cluster}-${number}`;
}

/** The number in a member's name, or null when it is no name of a member of this cluster. */
export function memberNumber(cluster: string, member: string): number | null {
  const digits = member.startsWith(`${cluster}-`) ? member.slice(cluster.length + 1) : '';
  return /^[1-9]$/.test(digits) && Number(digits) <= HIGHEST_MEMBER_NUMBER ? Number(digits) : null;
}

/** `foo-2-0`: the pod of a member. */
export function podName(member: string): string {
  return `${member}-0`;
}

/** `data-foo-2-0`: the volume claim of a member. */
export function claimName(member: string): string {
  return `${DATA_VOLUME}-${podName(member)}`;
}

/** The Service that leads to the leader. */
export function readWriteServiceName(cluster: string): string {
  return `${cluster}-rw`;
}

/** The Service that leads to any ready member. */
export function readServiceName(cluster: string): string {
  return `${cluster}-r`;
}

/** The headless Service that gives members their names. */
export function peersServiceName(cluster: string): string {
  return `${cluster}-peers`;
}

/** Of ServiceAccount, Role and RoleBinding. Not the cluster's own name, so that one called `default` takes over no account. */
export function accountName(cluster: string): string {
  return `${cluster}-members`;
}

/** A member's name in DNS, the same on every node of the pod network and in its namespace. */
export function memberHost(cluster: string, namespace: string, member: string): string {
  return `${podName(member)}.${peersServiceName(cluster)}.${namespace}.svc`;
}

/** Host and port where other members reach it. */
export function peerAddress(cluster: string, namespace: string, member: string): string {
  return `${memberHost(cluster, namespace, member)}:${PORTS.peers}`;
}

/** Host and port where clients, and the operator, reach it. */
export function clientAddress(cluster: string, namespace: string, member: string): string {
  return `${memberHost(cluster, namespace, member)}:${PORTS.grpc}`;
}

/** What selects all pods of a cluster. */
export function clusterSelector(cluster: string): Record<string, string> {
  return { 'app.kubernetes.io/name': 'graveyar-db', [LABEL.cluster]: cluster };
}

/** The same as text, for `status.selector` and lists. */
export function clusterSelectorText(cluster: string): string {
  return selectorText(clusterSelector(cluster));
}

/** What selects the pod of one member. */
export function memberSelector(cluster: string, member: string): Record<string, string> {
  return { ...clusterSelector(cluster), [LABEL.member]: member };
}

/** Labels of every object of a cluster. */
export function clusterLabels(cluster: string): Record<string, string> {
  return {
    ...clusterSelector(cluster),
    'app.kubernetes.io/instance': cluster,
    'app.kubernetes.io/managed-by': FIELD_MANAGER,
  };
}

/** Labels as the API takes them in a list's query: `a=b,c=d`. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
