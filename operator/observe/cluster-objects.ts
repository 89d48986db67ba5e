/**
 * The objects of one cluster, as the API server has them: from caches that follow it, or listed at this moment. Knows which objects belong to
 * a cluster, and nothing of what they mean.
 */
import { LABEL } from '../resources/names.ts';
import { clusterSelectorText } from '../resources/names.ts';
import { isApiError } from '../kubernetes/api-error.ts';
import type { Kind } from '../kubernetes/kind.ts';
import type { CallLimits, KubernetesApi } from '../kubernetes/kubernetes-api.ts';
import type { KubernetesObject, ObjectRef } from '../kubernetes/object.ts';
import { claimKind, clusterKind, podKind, statefulSetKind } from './kinds.ts';
import type { Claim, Pod, StatefulSet } from './kinds.ts';

/** All of them. */
export interface ClusterObjects {
  /** The GraveyarCluster, not checked. */
  readonly cluster: KubernetesObject;
  readonly statefulSets: readonly StatefulSet[];
  readonly pods: readonly Pod[];
  readonly claims: readonly Claim[];
  /** Services, accounts, roles and so on, of the kinds in `sharedKinds`. */
  readonly shared: readonly KubernetesObject[];
}

/** What every object of any cluster has; the value of the second label is the cluster's name. */
export const ANY_CLUSTER = `app.kubernetes.io/name=graveyar-db,${LABEL.cluster}`;

const PAGE = 500;
/** A cluster has some dozens. */
const MOST_PAGES = 20;

/** What the API server has now, but for the shared objects, which are `known`. Null: there is no such cluster. */
export async function listLive(
  api: KubernetesApi,
  ref: ObjectRef,
  known: readonly KubernetesObject[],
  limits: CallLimits,
): Promise<ClusterObjects | null> {
  const scope = { namespace: ref.namespace, labelSelector: clusterSelectorText(ref.name) };
  try {
    const [cluster, statefulSets, pods, claims] = await Promise.all([
      api.get(clusterKind, ref, limits),
      listAll(api, statefulSetKind, scope, limits),
      listAll(api, podKind, scope, limits),
      listAll(api, claimKind, scope, limits),
    ]);
    return { cluster, statefulSets, pods, claims, shared: known };
  } catch (error) {
    if (isApiError(error, 'NOT_FOUND')) return null;
    throw error;
  }
}

async function listAll<T extends KubernetesObject>(
  api: KubernetesApi,
  kind: Kind<T>,
  scope: { readonly namespace: string | null; readonly labelSelector: string },
  limits: CallLimits,
): Promise<readonly T[]> {
  const objects: T[] = [];
  let continueToken: string | null = null;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page: { readonly items: readonly T[]; readonly continueToken: string | null } = await api.list(
      kind,
      scope,
      { limit: PAGE, continueToken },
      limits,
    );
    objects.push(...page.items);
    ({ continueToken } = page);
    if (continueToken === null) break;
  }
  return objects;
}
