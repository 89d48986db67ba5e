/**
 * The StatefulSet of one member: one pod, one volume. One StatefulSet a member, so that any member can be replaced or changed alone,
 * and Kubernetes starts pods anew while the operator is down.
 *
 * Its template changes its pod only when the pod is deleted (OnDelete): in which order members start anew is the plan's to decide.
 */
import type { V1StatefulSet } from '@kubernetes/client-node';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { ownedMetadata } from './built-object.ts';
import type { Built } from './built-object.ts';
import { DATA_VOLUME, LABEL, memberSelector, peersServiceName, TEMPLATE_HASH_ANNOTATION } from './names.ts';
import { podTemplate, templateHash } from './pod-template.ts';

/** What is known of a member besides its name. */
export interface KnownMember {
  /** Its id, once it is known. */
  readonly memberId?: number;
  /**
   * What the StatefulSet that is there already asks for as size of its volume, as a claim template cannot be changed. Left out: there is
   * none; the spec's size.
   */
  readonly claimSize?: string;
}

/** The StatefulSet of this member, as the spec has it. */
export function memberStatefulSet(
  cluster: GraveyarCluster,
  member: string,
  { memberId, claimSize }: KnownMember = {},
): Built<V1StatefulSet> {
  const { name } = cluster.metadata;
  const { storage } = cluster.spec;
  const selector = memberSelector(name, member);
  const idLabel = memberId === undefined ? {} : { [LABEL.memberId]: String(memberId) };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: ownedMetadata(cluster.metadata, member, {
      labels: { [LABEL.member]: member, ...idLabel },
      annotations: { [TEMPLATE_HASH_ANNOTATION]: templateHash(cluster) },
    }),
    spec: {
      replicas: 1,
      serviceName: peersServiceName(name),
      selector: { matchLabels: selector },
      podManagementPolicy: 'Parallel',
      revisionHistoryLimit: 1,
      updateStrategy: { type: 'OnDelete' },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: storage.whenDeleted, whenScaled: 'Retain' },
      template: podTemplate(cluster, member),
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: DATA_VOLUME, labels: selector },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: claimSize ?? storage.size } },
            volumeMode: 'Filesystem',
            ...(storage.storageClassName === undefined ? {} : { storageClassName: storage.storageClassName }),
          },
        },
      ],
    },
  };
}
