/**
 * The custom resource GraveyarCluster, `graveyar.dev/v1alpha1`: its names in the API, and the object as the operator handles it. What
 * the API server returns has been checked and defaulted there; `parseGraveyarCluster` turns it into the type without trust.
 */
import { z } from 'zod';
import { clusterSpec } from './cluster-spec.ts';
import { clusterStatus } from './cluster-status.ts';

export const API_GROUP = 'graveyar.dev';
export const API_VERSION = 'v1alpha1';
export const API_GROUP_VERSION = `${API_GROUP}/${API_VERSION}`;
export const KIND = 'GraveyarCluster';
export const PLURAL = 'graveyarclusters';

/** With the value `"true"` on a GraveyarCluster, the operator changes nothing of it and only keeps its status. */
export const PAUSED_ANNOTATION = 'graveyar.dev/paused';

const text = z.string();
const texts = z.record(z.string(), z.string());

const metadata = z.object({
  name: text,
  namespace: text,
  uid: text,
  resourceVersion: text,
  generation: z.int(),
  creationTimestamp: text.exactOptional(),
  deletionTimestamp: text.exactOptional(),
  labels: texts.exactOptional(),
  annotations: texts.exactOptional(),
});

const graveyarCluster = z.object({
  apiVersion: z.literal(API_GROUP_VERSION),
  kind: z.literal(KIND),
  metadata,
  spec: clusterSpec,
  status: clusterStatus.exactOptional(),
});

/** An object as the API server returns it, with all defaults. */
export type GraveyarCluster = z.output<typeof graveyarCluster>;

/** What a builder of the cluster's objects has to know of it. */
export type ClusterIdentity = Pick<GraveyarCluster['metadata'], 'name' | 'namespace' | 'uid'>;

/** The object, typed; unknown fields are dropped. Throws with one line for each field that is not as the schema says. */
export function parseGraveyarCluster(object: unknown): GraveyarCluster {
  const result = graveyarCluster.safeParse(object);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);
  throw new TypeError(`not a ${KIND} of ${API_GROUP_VERSION}: ${problems.join('; ')}`);
}

/** Whether the operator has to leave it alone. */
export function isPaused(cluster: Pick<GraveyarCluster, 'metadata'>): boolean {
  return cluster.metadata.annotations?.[PAUSED_ANNOTATION] === 'true';
}
