/**
 * How many members of a cluster may be evicted at once, by draining a node for example: one.
 *
 * A single member may be evicted too: a budget of none would hold up every drain of its node for ever, and keep no quorum either.
 * Pods that are not ready count as disrupted already and are only evicted when the others suffice (IfHealthyBudget, the default): a
 * member that is not ready has a vote all the same.
 */
import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { ownedMetadata } from './built-object.ts';
import type { Built } from './built-object.ts';
import { clusterSelector } from './names.ts';

/** The budget of a cluster, named like it. */
export function disruptionBudget(cluster: GraveyarCluster): Built<V1PodDisruptionBudget> {
  const { name } = cluster.metadata;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: ownedMetadata(cluster.metadata, name),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: clusterSelector(name) },
      unhealthyPodEvictionPolicy: 'IfHealthyBudget',
    },
  };
}
