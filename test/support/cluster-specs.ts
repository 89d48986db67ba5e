/**
 * GraveyarClusters for tests: one with as little said as can be, and any that the API server would take.
 */
import fc from 'fast-check';
import type { ClusterSpecInput } from '../../operator/api/cluster-spec.ts';
import { CLUSTER_SIZES } from '../../operator/api/cluster-spec.ts';
import { API_GROUP_VERSION, KIND, parseGraveyarCluster } from '../../operator/api/graveyar-cluster.ts';
import type { GraveyarCluster } from '../../operator/api/graveyar-cluster.ts';

/** The least that can be said. */
export const MINIMAL_SPEC: ClusterSpecInput = { image: { reference: 'graveyar_db:1' }, storage: { size: '1Gi' } };

/** A cluster with this spec, as the API server would return it. */
export function clusterWith(
  spec: Partial<ClusterSpecInput> = {},
  name = 'orders',
  namespace = 'shop',
): GraveyarCluster {
  return parseGraveyarCluster({
    apiVersion: API_GROUP_VERSION,
    kind: KIND,
    metadata: { name, namespace, uid: 'b5f3f3c2-0000-4000-8000-000000000001', resourceVersion: '1', generation: 1 },
    spec: { ...MINIMAL_SPEC, ...spec },
  });
}

const key = fc.stringMatching(/^[a-z]{1,8}\.example\/[a-z]{1,8}$/);
const value = fc.stringMatching(/^[a-z0-9]{0,12}$/);
const map = fc.dictionary(key, value, { maxKeys: 4 });
const secret = fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/);
const size = fc
  .tuple(fc.integer({ min: 1, max: 900 }), fc.constantFrom('Mi', 'Gi', 'Ti'))
  .map(([n, unit]) => `${n}${unit}`);
const amounts = fc.record(
  { cpu: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constantFrom('250m', '1.5')), memory: size },
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, number | string>>;

/** What Kubernetes takes for the name of a cluster here. */
export const anyName = fc.stringMatching(/^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/);

const settings = fc
  .record({
    heartbeatIntervalMillis: fc.integer({ min: 10, max: 10_000 }),
    rounds: fc.integer({ min: 5, max: 20 }),
    logLevel: fc.constantFrom('silent', 'fatal', 'error', 'warn', 'info', 'debug'),
    segment: fc.integer({ min: 1, max: 1024 }),
    segments: fc.integer({ min: 1, max: 64 }),
    gracePeriodSeconds: fc.integer({ min: 0, max: 3600 }),
  })
  .map(({ rounds, segment, segments, heartbeatIntervalMillis, logLevel, gracePeriodSeconds }) => ({
    heartbeatIntervalMillis,
    electionTimeoutMillis: Math.min(60_000, Math.max(100, heartbeatIntervalMillis * rounds)),
    logLevel,
    segmentSize: `${segment}Mi`,
    logSize: `${segment * segments}Mi`,
    gracePeriodSeconds,
  }));

const scheduling = fc.record(
  {
    nodeSelector: map,
    affinity: fc.constantFrom(
      {},
      { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] } },
    ),
    tolerations: fc.array(fc.record({ key, operator: fc.constant('Exists' as const) }), { maxLength: 2 }),
    topologySpreadConstraints: fc.array(
      fc.record({
        maxSkew: fc.integer({ min: 1, max: 3 }),
        topologyKey: key,
        whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
      }),
      { maxLength: 2 },
    ),
    priorityClassName: secret,
  },
  { requiredKeys: [] },
);

/** Any spec that the API server takes. */
export const anySpec = fc.record(
  {
    image: fc.record({ reference: secret, pullSecrets: fc.array(fc.record({ name: secret }), { maxLength: 2 }) }),
    storage: fc.record(
      { size, storageClassName: secret, whenDeleted: fc.constantFrom('Retain', 'Delete') },
      { requiredKeys: ['size'] },
    ),
    replicas: fc.constantFrom(...CLUSTER_SIZES),
    resources: fc.record({ requests: amounts, limits: amounts }, { requiredKeys: [] }),
    tls: fc.record(
      {
        client: fc.oneof(
          fc.record({ secretName: secret }),
          fc.record({ secretName: secret, clientAuthoritySecretName: secret, operatorSecretName: secret }),
        ),
        peers: fc.record({ secretName: secret }),
      },
      { requiredKeys: [] },
    ),
    scheduling,
    settings,
    service: fc.record({ type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'), annotations: map }),
    pod: fc.record({ labels: map, annotations: map }),
  },
  { requiredKeys: ['image', 'storage'] },
);

/** Any cluster. */
export const anyCluster: fc.Arbitrary<GraveyarCluster> = fc
  .tuple(anySpec, anyName, anyName)
  .map(([spec, name, namespace]) => clusterWith(spec as Partial<ClusterSpecInput>, name, namespace));
