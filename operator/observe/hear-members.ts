/**
 * Where the members of a cluster are and what they say now. A Secret that cannot be read is one cluster's trouble: its members are not asked then,
 * and everything else of the cluster is observed all the same.
 */
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import type { CallLimits } from '../kubernetes/kubernetes-api.ts';
import type { Answer } from '../plan/observed.ts';
import { askMembers, targetOf } from './ask-members.ts';
import type { PodAddress } from './ask-members.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import type { MemberPool, MemberTarget } from './member-pool.ts';
import { SecretUnreadable } from './member-tls.ts';
import type { MemberTls, MemberTlsSource } from './member-tls.ts';
import { memberOf, memberPods, ownStatefulSets } from './observe-cluster.ts';

/** What members are asked with. */
export interface Hearing {
  readonly pool: MemberPool;
  readonly tls: MemberTlsSource;
  readonly addressOf: PodAddress;
  /** For a member's status. */
  readonly askMillis: number;
}

/** By member name: for every StatefulSet and pod there is. */
export interface Heard {
  /** Null: it cannot be asked now. */
  readonly targets: ReadonlyMap<string, MemberTarget | null>;
  readonly answers: ReadonlyMap<string, Answer>;
  /** Why nobody was asked; null: who has an address was. */
  readonly secretTrouble: string | null;
}

/** Rejects only with the signal's reason. */
export async function hearMembers(
  { pool, tls, addressOf, askMillis }: Hearing,
  clusterKey: string,
  cluster: GraveyarCluster,
  { statefulSets, pods }: ClusterObjects,
  { signal }: CallLimits,
): Promise<Heard> {
  const targets = new Map<string, MemberTarget | null>(
    ownStatefulSets(cluster, statefulSets).map((set) => [memberOf(set), null]),
  );
  const own = memberPods(pods);
  for (const pod of own) targets.set(memberOf(pod), null);
  const read = own.length === 0 ? null : await readTls(tls, cluster, { signal });
  if (read instanceof SecretUnreadable) {
    pool.retain(clusterKey, new Set());
    const answer = { kind: 'unreachable', reason: read.message } as const;
    const answers = new Map([...targets.keys()].map((member) => [member, answer] as const));
    return { targets, answers, secretTrouble: read.message };
  }
  for (const pod of own) targets.set(memberOf(pod), targetOf(cluster, pod, read, addressOf));
  pool.retain(clusterKey, new Set([...targets.values()].flatMap((target) => target?.podUid ?? [])));
  const answers = await askMembers(pool, clusterKey, targets, { signal, deadlineMillis: askMillis });
  return { targets, answers, secretTrouble: null };
}

async function readTls(
  source: MemberTlsSource,
  cluster: GraveyarCluster,
  limits: CallLimits,
): Promise<MemberTls | SecretUnreadable | null> {
  try {
    return await source.of(cluster, limits);
  } catch (error) {
    if (error instanceof SecretUnreadable) return error;
    throw error;
  }
}
