/**
 * Values that turn everything on, for both charts.
 */
import type { ClusterSpecInput } from '../../../operator/api/cluster-spec.ts';

const scheduling = {
  nodeSelector: { disk: 'fast' },
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'Exists' as const }] }],
      },
    },
  },
  tolerations: [{ key: 'dedicated', operator: 'Exists' as const }],
  priorityClassName: 'system-cluster-critical',
};

const monitoring = {
  serviceMonitor: { enabled: true, interval: '15s', labels: { prometheus: 'main' } },
  networkPolicy: { enabled: true, metrics: [{ namespaceSelector: { matchLabels: { team: 'watch' } } }] },
};

/** Of `graveyar-db`, the part that is the spec. */
export const FULL_SPEC: Omit<ClusterSpecInput, 'image'> = {
  replicas: 5,
  storage: { size: '20Gi', storageClassName: 'fast', whenDeleted: 'Delete' },
  resources: { requests: { cpu: 2, memory: '4Gi' }, limits: { memory: '4Gi' } },
  tls: { client: { secretName: 'store-client' }, peers: { secretName: 'store-peers' } },
  scheduling: {
    ...scheduling,
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
    ],
  },
  settings: {
    electionTimeoutMillis: 2000,
    heartbeatIntervalMillis: 200,
    logLevel: 'debug',
    logSize: '1Gi',
    segmentSize: '128Mi',
    gracePeriodSeconds: 30,
  },
  service: { type: 'LoadBalancer', annotations: { 'example.com/internal': 'true' } },
  pod: { labels: { team: 'shop' }, annotations: { 'example.com/note': 'here' } },
};

/** Of `graveyar-db`. */
export const FULL_CLUSTER_VALUES = {
  ...FULL_SPEC,
  ...monitoring,
  networkPolicy: { ...monitoring.networkPolicy, clients: [{ podSelector: { matchLabels: { app: 'shop' } } }] },
  fullnameOverride: 'orders',
  image: {
    repository: 'images.example/graveyar',
    tag: '2.0.0',
    digest: `sha256:${'a'.repeat(64)}`,
    pullPolicy: 'Always',
    pullSecrets: [{ name: 'pull' }],
  },
  paused: true,
  annotations: { 'example.com/owner': 'shop' },
  labels: { team: 'shop' },
};

/** Of `graveyar-db-operator`. */
export const FULL_OPERATOR_VALUES = {
  ...monitoring,
  ...scheduling,
  fullnameOverride: 'keeper',
  image: {
    repository: 'images.example/graveyar',
    tag: '2.0.0',
    digest: `sha256:${'b'.repeat(64)}`,
    pullPolicy: 'Always',
    pullSecrets: [{ name: 'pull' }],
  },
  replicas: 2,
  watchNamespaces: ['shop', 'stage'],
  logLevel: 'debug',
  rbac: { create: true, secrets: true },
  serviceAccount: { create: true, name: 'keeper-account', annotations: { 'example.com/role': 'keeper' } },
  podAnnotations: { 'example.com/note': 'here' },
  podLabels: { team: 'shop' },
  resources: { limits: { memory: '1Gi' } },
};
