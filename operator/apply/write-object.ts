/**
 * Server-side apply of an object of a cluster, unless one of that name is somebody else's. Knows no kind.
 */
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { isApiError } from '../kubernetes/api-error.ts';
import type { Kind } from '../kubernetes/kind.ts';
import type { CallLimits, KubernetesApi } from '../kubernetes/kubernetes-api.ts';
import { refOf } from '../kubernetes/object.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { controllerUid } from '../observe/kinds.ts';
import { clusterLabels } from '../resources/names.ts';

/** An object of that name belongs to somebody else. */
export class ForeignObject extends Error {
  override readonly name = 'ForeignObject';
}

/**
 * Makes it, or makes it so. Rejects with {@link ForeignObject} when there is one that neither this cluster controls nor was left
 * by one of the same name: applying takes fields by force, and a name alone is no permission.
 */
export async function writeObject<T extends KubernetesObject>(
  api: KubernetesApi,
  kind: Kind<T>,
  cluster: GraveyarCluster,
  object: T,
  limits: CallLimits,
): Promise<T> {
  const existing = await find(api, kind, object, limits);
  if (existing === null) return api.apply(kind, object, limits);
  if (!isOwn(cluster, existing)) {
    throw new ForeignObject(
      `${kind.kind} ${refOf(object).name} is there already and does not belong to ${cluster.metadata.name}`,
    );
  }
  // Only that very object: it may have been replaced meanwhile.
  const metadata = { ...object.metadata, uid: existing.metadata?.uid };
  return api.apply(kind, { ...object, metadata }, limits);
}

async function find<T extends KubernetesObject>(
  api: KubernetesApi,
  kind: Kind<T>,
  object: T,
  limits: CallLimits,
): Promise<T | null> {
  try {
    return await api.get(kind, refOf(object), limits);
  } catch (error) {
    if (isApiError(error, 'NOT_FOUND')) return null;
    throw error;
  }
}

function isOwn({ metadata }: GraveyarCluster, existing: KubernetesObject): boolean {
  const controller = controllerUid(existing);
  if (controller !== null) return controller === metadata.uid;
  const labels = existing.metadata?.labels ?? {};
  return Object.entries(clusterLabels(metadata.name)).every(([key, value]) => labels[key] === value);
}
