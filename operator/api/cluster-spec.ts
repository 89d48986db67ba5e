/**
 * What a user says of a cluster: `spec` of a GraveyarCluster. The one source of its TypeScript type, its defaults and its schema in
 * the API server (`custom-resource-definition.ts`), with the rules that compare fields as CEL (`x-kubernetes-validations`).
 *
 * Invariant: every field has a description, and every list and text that a rule goes over has a limit, as the API server
 * estimates the cost of rules by them.
 */
import { z } from 'zod';
import {
  affinity,
  labelMap,
  quantityText,
  resources,
  textMap,
  toleration,
  topologySpreadConstraint,
} from './kubernetes-fields.ts';

/** A rule of the API server, in CEL. `reason` is as in k8s.io/apiextensions-apiserver `FieldValueErrorReason`. */
interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
}

const rules = (...list: Rule[]): { 'x-kubernetes-validations': Rule[] } => ({ 'x-kubernetes-validations': list });

/** Sizes of a cluster; an even number of voters tolerates no more failures than the odd one below it. */
export const CLUSTER_SIZES = [1, 3, 5] as const;

const secretName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

const mebibytes = z
  .string()
  .max(16)
  .regex(/^[1-9][0-9]*(Mi|Gi)$/);

/** Keys that the operator sets itself. */
const OWN_KEYS = "key.startsWith('graveyar.dev/') || key.startsWith('app.kubernetes.io/')";

const image = z.object({
  reference: z
    .string()
    .min(1)
    .max(512)
    .describe('Image of the server, with its tag or digest. A change restarts members one at a time, the leader last.'),
  pullPolicy: z
    .enum(['Always', 'IfNotPresent', 'Never'])
    .default('IfNotPresent')
    .describe('When a node fetches the image.'),
  pullSecrets: z
    .array(z.object({ name: secretName.describe("Name of a Secret in the cluster's namespace.") }))
    .max(16)
    .default([])
    .describe('Secrets to fetch the image with.'),
});

const storage = z
  .object({
    size: quantityText
      .meta({
        ...rules(
          { rule: "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))", message: 'must be more than 0' },
          {
            rule: '!isQuantity(self) || !isQuantity(oldSelf) || quantity(self).compareTo(quantity(oldSelf)) >= 0',
            messageExpression: "'storage only grows: it is ' + oldSelf + ' and cannot become ' + self",
          },
        ),
      })
      .describe("Size of each member's volume. It only grows, and only where the storage class can expand volumes."),
    storageClassName: z
      .string()
      .max(253)
      .describe("Storage class of the volumes. Left out: the cluster's default class. Cannot be changed.")
      .exactOptional(),
    whenDeleted: z
      .enum(['Retain', 'Delete'])
      .default('Retain')
      .describe(
        'What becomes of the volumes when the GraveyarCluster is deleted. With Retain, one of the same name goes on with their data. A change holds once the condition Progressing is Settled again.',
      ),
  })
  .meta(
    rules({
      rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
      message: 'storageClassName cannot be changed',
    }),
  );

const tls = z
  .object({
    client: z
      .object({
        secretName: secretName.describe(
          'Secret of type kubernetes.io/tls (tls.crt, tls.key, ca.crt) with the certificate that members show to clients. It must be valid for localhost, *.<name>-peers.<namespace>.svc, <name>-rw.<namespace>.svc and <name>-r.<namespace>.svc.',
        ),
        clientAuthoritySecretName: secretName
          .describe(
            'Secret with the authority (ca.crt) that certificates of clients must have. Left out: clients need none.',
          )
          .exactOptional(),
        operatorSecretName: secretName
          .describe('Secret of type kubernetes.io/tls with the certificate that the operator shows to members.')
          .exactOptional(),
      })
      .meta(
        rules({
          rule: 'has(self.clientAuthoritySecretName) == has(self.operatorSecretName)',
          message:
            'clientAuthoritySecretName and operatorSecretName go together: when clients need certificates, so does the operator',
        }),
      )
      .describe('TLS towards clients. Cannot be turned on or off later; the names of Secrets can change.')
      .exactOptional(),
    peers: z
      .object({
        secretName: secretName.describe(
          "Secret of type kubernetes.io/tls (tls.crt, tls.key, ca.crt) with the certificate for connections between members, valid for *.<name>-peers.<namespace>.svc. Its authority is that of all members' certificates.",
        ),
      })
      .describe('TLS between members, both sides with certificates. Cannot be turned on or off later.')
      .exactOptional(),
  })
  .describe('TLS of the connections.');

const scheduling = z.object({
  nodeSelector: textMap.describe('Labels that a node must have.').exactOptional(),
  affinity: affinity.describe('Near to what, and away from what, pods are placed.').exactOptional(),
  tolerations: z.array(toleration).max(64).describe('Taints of nodes that do not matter.').exactOptional(),
  topologySpreadConstraints: z
    .array(topologySpreadConstraint)
    .max(16)
    .describe('How pods are spread. Left out: over nodes and zones as far as possible. An empty list: not at all.')
    .exactOptional(),
  priorityClassName: z.string().max(253).describe('Priority class of the pods.').exactOptional(),
});

const settings = z
  .object({
    electionTimeoutMillis: z
      .int()
      .min(100)
      .max(60_000)
      .default(1000)
      .describe('How long without a leader before another is elected, in milliseconds.'),
    heartbeatIntervalMillis: z
      .int()
      .min(10)
      .max(10_000)
      .default(100)
      .describe('How often a leader says that it is there, in milliseconds.'),
    logLevel: z
      .enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug'])
      .default('info')
      .describe('Least important lines to log.'),
    logSize: mebibytes
      .default('64Mi')
      .describe('How far the log may grow before its old part is cut: 1Mi to 64Gi. Bounds the restart time.'),
    segmentSize: mebibytes.default('64Mi').describe('Size of one file of the log: 1Mi to 1Gi.'),
    gracePeriodSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(10)
      .describe('How long a shutdown may take to hand leadership over and finish what was admitted, in seconds.'),
  })
  .meta(
    rules(
      {
        rule: 'self.electionTimeoutMillis >= 5 * self.heartbeatIntervalMillis',
        message: 'electionTimeoutMillis must be at least 5 times heartbeatIntervalMillis',
      },
      {
        rule: '!isQuantity(self.logSize) || !isQuantity(self.segmentSize) || quantity(self.logSize).compareTo(quantity(self.segmentSize)) >= 0',
        message: 'logSize must be at least segmentSize, as the log is cut by whole files',
      },
      {
        rule: "!isQuantity(self.logSize) || quantity(self.logSize).compareTo(quantity('64Gi')) <= 0",
        message: 'logSize must be at most 64Gi',
      },
      {
        rule: "!isQuantity(self.segmentSize) || quantity(self.segmentSize).compareTo(quantity('1Gi')) <= 0",
        message: 'segmentSize must be at most 1Gi',
      },
    ),
  );

const service = z.object({
  type: z
    .enum(['ClusterIP', 'NodePort', 'LoadBalancer'])
    .default('ClusterIP')
    .describe('Type of the Services <name>-rw (the leader) and <name>-r (any ready member).'),
  annotations: textMap.default({}).describe('Annotations of these Services.'),
});

const pod = z.object({
  labels: labelMap
    .meta({
      maxProperties: 64,
      ...rules({
        rule: `!self.exists(key, ${OWN_KEYS})`,
        message: 'labels of graveyar.dev/ and app.kubernetes.io/ are set by the operator',
      }),
    })
    .default({})
    .describe('Labels of the pods, besides those of the operator.'),
  annotations: textMap
    .meta({
      maxProperties: 64,
      ...rules({
        rule: "!self.exists(key, key.startsWith('graveyar.dev/'))",
        message: 'annotations of graveyar.dev/ are set by the operator',
      }),
    })
    .default({})
    .describe('Annotations of the pods, besides those of the operator.'),
});

/** `spec`. */
export const clusterSpec = z
  .object({
    replicas: z
      .int()
      .min(1)
      .max(5)
      .default(3)
      .meta(
        rules({
          rule: `self in [${CLUSTER_SIZES.join(', ')}]`,
          message: 'must be 1, 3 or 5',
        }),
      )
      .describe('Number of members with a vote: 1, 3 or 5. A change is made one member at a time.'),
    image: image.describe('The image that members run.'),
    storage: storage.describe("Members' volumes."),
    resources: resources.default({}).describe('Resources of each member.'),
    tls: tls.exactOptional(),
    scheduling: scheduling.default({}).describe('Where pods are placed.'),
    settings: settings
      .prefault({})
      .describe("Settings of the members' servers. A change restarts members one at a time."),
    service: service.prefault({}).describe('How clients reach the cluster.'),
    pod: pod.prefault({}).describe('What is added to each pod.'),
  })
  .meta(
    rules({
      rule: '(has(self.tls) && has(self.tls.client)) == (has(oldSelf.tls) && has(oldSelf.tls.client)) && (has(self.tls) && has(self.tls.peers)) == (has(oldSelf.tls) && has(oldSelf.tls.peers))',
      message: 'TLS cannot be turned on or off later: members with and without it do not understand each other',
    }),
  )
  .describe('The cluster as it should be.');

/** `spec` with its defaults, as the API server returns it. */
export type ClusterSpec = z.output<typeof clusterSpec>;

/** `spec` as a user may write it. */
export type ClusterSpecInput = z.input<typeof clusterSpec>;
