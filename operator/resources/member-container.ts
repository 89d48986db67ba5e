/**
 * The container of a member: how the settings of a cluster become flags of `graveyar serve`, where Secrets are mounted, and how
 * the kubelet asks how it is.
 *
 * Ready means serving, live means that the process works; neither asks for a quorum, so that a lost one restarts nobody.
 */
import type { V1Container, V1Probe } from '@kubernetes/client-node';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import type { Plain } from './built-object.ts';
import { clientAddress, CONTAINER, DATA_VOLUME, peerAddress, PORTS } from './names.ts';

/** Names of the pod's other volumes. */
export const VOLUME = {
  scratch: 'tmp',
  clientTls: 'client-tls',
  clientAuthority: 'client-authority',
  peerTls: 'peer-tls',
} as const;

const MOUNT = {
  data: '/data',
  scratch: '/tmp',
  clientTls: '/etc/graveyar/client-tls',
  clientAuthority: '/etc/graveyar/client-authority',
  peerTls: '/etc/graveyar/peer-tls',
} as const;

/** All addresses of the pod, of whichever family its network gives. */
const EVERYWHERE = '::';

/** The container of this member. */
export function memberContainer(cluster: GraveyarCluster, member: string): Plain<V1Container> {
  const { image, resources } = cluster.spec;
  return {
    name: CONTAINER,
    image: image.reference,
    imagePullPolicy: image.pullPolicy,
    args: ['serve', ...flags(cluster, member).map(([name, value]) => (value === null ? name : `${name}=${value}`))],
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
    ports: Object.entries(PORTS).map(([name, containerPort]) => ({ name, containerPort, protocol: 'TCP' })),
    ...probes(),
    ...(Object.keys(resources).length === 0 ? {} : { resources: textResources(resources) }),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: mounts(cluster),
  };
}

/** Flags of the server; null: one without a value. */
function flags(cluster: GraveyarCluster, member: string): [string, string | number | null][] {
  const { name, namespace } = cluster.metadata;
  const { settings } = cluster.spec;
  return [
    ['--name', member],
    ['--data-directory', MOUNT.data],
    ['--host', EVERYWHERE],
    ['--port', PORTS.grpc],
    ['--metrics-host', EVERYWHERE],
    ['--metrics-port', PORTS.metrics],
    ['--peer-host', EVERYWHERE],
    ['--peer-port', PORTS.peers],
    ['--advertise-peer', peerAddress(name, namespace, member)],
    ['--advertise-client', clientAddress(name, namespace, member)],
    ['--wait-for-cluster', null],
    ['--kubernetes-pod', '$(POD_NAME)'],
    ['--election-timeout', `${settings.electionTimeoutMillis}ms`],
    ['--heartbeat-interval', `${settings.heartbeatIntervalMillis}ms`],
    ['--log-level', settings.logLevel],
    ['--log-format', 'json'],
    ['--log-size', `${settings.logSize}B`],
    ['--segment-size', `${settings.segmentSize}B`],
    ['--grace-period', `${settings.gracePeriodSeconds}s`],
    ...tlsFlags(cluster),
  ];
}

function tlsFlags({ spec: { tls } }: GraveyarCluster): [string, string][] {
  const client: [string, string][] = [
    ['--tls-certificate', `${MOUNT.clientTls}/tls.crt`],
    ['--tls-key', `${MOUNT.clientTls}/tls.key`],
    ['--tls-authority', `${MOUNT.clientTls}/ca.crt`],
  ];
  const peers: [string, string][] = [
    ['--peer-tls-certificate', `${MOUNT.peerTls}/tls.crt`],
    ['--peer-tls-key', `${MOUNT.peerTls}/tls.key`],
    ['--peer-tls-authority', `${MOUNT.peerTls}/ca.crt`],
  ];
  return [
    ...(tls?.client === undefined ? [] : client),
    ...(tls?.client?.clientAuthoritySecretName === undefined
      ? []
      : [['--tls-client-authority', `${MOUNT.clientAuthority}/ca.crt`] as [string, string]]),
    ...(tls?.peers === undefined ? [] : peers),
  ];
}

function mounts({ spec: { tls } }: GraveyarCluster): NonNullable<Plain<V1Container>['volumeMounts']> {
  return [
    { name: DATA_VOLUME, mountPath: MOUNT.data },
    { name: VOLUME.scratch, mountPath: MOUNT.scratch },
    ...(tls?.client === undefined ? [] : [{ name: VOLUME.clientTls, mountPath: MOUNT.clientTls, readOnly: true }]),
    ...(tls?.client?.clientAuthoritySecretName === undefined
      ? []
      : [{ name: VOLUME.clientAuthority, mountPath: MOUNT.clientAuthority, readOnly: true }]),
    ...(tls?.peers === undefined ? [] : [{ name: VOLUME.peerTls, mountPath: MOUNT.peerTls, readOnly: true }]),
  ];
}

/** Liveness waits long: a busy disk is no reason to start a member anew, which would be one more thing to wait for. */
function probes(): Record<'startupProbe' | 'livenessProbe' | 'readinessProbe', Plain<V1Probe>> {
  const get = (path: string): Pick<Plain<V1Probe>, 'httpGet'> => ({
    httpGet: { path, port: 'metrics', scheme: 'HTTP' },
  });
  const always = { successThreshold: 1 };
  return {
    startupProbe: { ...get('/livez'), ...always, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120 },
    livenessProbe: { ...get('/livez'), ...always, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { ...get('/readyz'), ...always, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
  };
}

/** Amounts as text, whatever the user wrote: `2` and `"2"` are the same template. */
function textResources(resources: GraveyarCluster['spec']['resources']): NonNullable<Plain<V1Container>['resources']> {
  const texts = (amounts: Record<string, string | number>): Record<string, string> =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, String(amount)]));
  const { requests, limits } = resources;
  return {
    ...(requests === undefined ? {} : { requests: texts(requests) }),
    ...(limits === undefined ? {} : { limits: texts(limits) }),
  };
}
