/**
 * The pod of a member, as its StatefulSet makes it: restricted by the Pod Security Standards (kubernetes.io/docs/concepts/security/pod-security-standards),
 * spread over nodes and zones, with the cluster's account to label itself.
 */
import type { V1PodSpec, V1Volume } from '@kubernetes/client-node';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import type { Plain } from './built-object.ts';
import { memberContainer, VOLUME } from './member-container.ts';
import { accountName, clusterLabels, clusterSelector, LABEL, TEMPLATE_HASH_ANNOTATION } from './names.ts';
import { hashOf } from './template-hash.ts';

/** A pod template with its hash in it. */
export interface PodTemplate {
  readonly metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  readonly spec: Plain<V1PodSpec>;
}

/** Of the image's user; owns the volume. */
const USER_ID = 65_532;

/** What a stop takes beyond the server's own grace period: handing leadership over, closing the store. */
const SHUTDOWN_MARGIN_SECONDS = 10;

/** Read by the group of the container, by nobody else. */
const SECRET_MODE = 0o440;

/** The template of this member's pod. */
export function podTemplate(cluster: GraveyarCluster, member: string): PodTemplate {
  const { metadata, spec } = unhashedTemplate(cluster, member);
  const annotations = { ...metadata.annotations, [TEMPLATE_HASH_ANNOTATION]: templateHash(cluster) };
  return { metadata: { ...metadata, annotations }, spec };
}

/** The hash of the template that the cluster's spec asks for, the same for all its members. */
export function templateHash(cluster: GraveyarCluster): string {
  return hashOf(unhashedTemplate(cluster, ''));
}

function unhashedTemplate(cluster: GraveyarCluster, member: string): PodTemplate {
  const { pod } = cluster.spec;
  return {
    metadata: {
      labels: { ...pod.labels, ...clusterLabels(cluster.metadata.name), [LABEL.member]: member },
      annotations: pod.annotations,
    },
    spec: podSpec(cluster, member),
  };
}

function podSpec(cluster: GraveyarCluster, member: string): Plain<V1PodSpec> {
  const { image, scheduling, settings } = cluster.spec;
  return {
    automountServiceAccountToken: true,
    containers: [memberContainer(cluster, member)],
    // Variables for each Service of the namespace are of no use here.
    enableServiceLinks: false,
    ...(image.pullSecrets.length === 0 ? {} : { imagePullSecrets: image.pullSecrets }),
    securityContext: {
      fsGroup: USER_ID,
      fsGroupChangePolicy: 'OnRootMismatch',
      runAsGroup: USER_ID,
      runAsNonRoot: true,
      runAsUser: USER_ID,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    serviceAccountName: accountName(cluster.metadata.name),
    terminationGracePeriodSeconds: settings.gracePeriodSeconds + SHUTDOWN_MARGIN_SECONDS,
    topologySpreadConstraints: spread(cluster),
    volumes: volumes(cluster),
    ...(scheduling.nodeSelector === undefined ? {} : { nodeSelector: scheduling.nodeSelector }),
    ...(scheduling.affinity === undefined ? {} : { affinity: scheduling.affinity }),
    ...(scheduling.tolerations === undefined ? {} : { tolerations: scheduling.tolerations }),
    ...(scheduling.priorityClassName === undefined ? {} : { priorityClassName: scheduling.priorityClassName }),
  };
}

/** As far as possible only: a cluster of three on one node is better than none. */
function spread(cluster: GraveyarCluster): NonNullable<Plain<V1PodSpec>['topologySpreadConstraints']> {
  const labelSelector = { matchLabels: clusterSelector(cluster.metadata.name) };
  const given = cluster.spec.scheduling.topologySpreadConstraints;
  if (given !== undefined) return given.map((constraint) => ({ labelSelector, ...constraint }));
  return ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector,
  }));
}

function volumes({ spec: { tls } }: GraveyarCluster): Plain<V1Volume>[] {
  const secret = (name: string, secretName: string | undefined): Plain<V1Volume>[] =>
    secretName === undefined ? [] : [{ name, secret: { secretName, defaultMode: SECRET_MODE } }];
  return [
    { name: VOLUME.scratch, emptyDir: {} },
    ...secret(VOLUME.clientTls, tls?.client?.secretName),
    ...secret(VOLUME.clientAuthority, tls?.client?.clientAuthoritySecretName),
    ...secret(VOLUME.peerTls, tls?.peers?.secretName),
  ];
}
