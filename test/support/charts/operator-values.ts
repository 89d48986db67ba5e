/**
 * The values of the chart `graveyar-db-operator`. Its values.schema.json and the table of its README are made from this.
 */
import { z } from 'zod';
import {
  affinity,
  resources,
  textMap,
  toleration,
  topologySpreadConstraint,
} from '../../../operator/api/kubernetes-fields.ts';
import { annotations, image, labels, networkPolicyPeers, secretName, serviceName } from './shared-values.ts';

/** A namespace's name (RFC 1123 label). */
const namespace = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

/** The chart's values. */
export const operatorValues = z
  .object({
    nameOverride: z
      .string()
      .max(63)
      .regex(/^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$/)
      .describe("Name in place of the chart's, in names and labels."),
    fullnameOverride: serviceName(53).describe("Name of all objects. Empty: made of the release's and the chart's."),
    image: image('Repository of the image, the same as that of the server.', 'The image of the operator.'),
    replicas: z.int().min(1).max(5).describe('Operators; one works, the others stand by.'),
    watchNamespaces: z
      .array(namespace)
      .describe('Namespaces whose clusters are operated, each with a Role. Empty: all of them, with a ClusterRole.'),
    logLevel: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug']).describe('Least important lines to log.'),
    crds: z
      .object({
        enabled: z.boolean().describe('Install the definition of GraveyarCluster with this release.'),
        keep: z.boolean().describe('Keep it, and with it all clusters, when the release is uninstalled.'),
      })
      .describe('The definition of the custom resource.'),
    rbac: z
      .object({
        create: z.boolean().describe('Make the roles and their bindings.'),
        secrets: z
          .boolean()
          .describe(
            'May read all Secrets of the namespaces it watches. It or secretNames is needed for clusters with TLS towards clients.',
          ),
        secretNames: z
          .array(secretName.min(1))
          .describe(
            'Names of the Secrets that it may read, and no others: tls.client.secretName and operatorSecretName of each cluster.',
          ),
      })
      .describe('What the operator may do.'),
    serviceAccount: z
      .object({
        create: z.boolean().describe('Make the account.'),
        name: z
          .string()
          .max(253)
          .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/)
          .describe(
            'Name of the account. Empty: made up. Without create it is needed, unless rbac.create is false too.',
          ),
        annotations: annotations.describe('Annotations of the account.'),
      })
      .describe('The account that the operator runs under.'),
    podAnnotations: annotations.describe('Annotations of the pods.'),
    podLabels: labels.describe('Labels of the pods.'),
    resources: resources.describe('Resources of each operator.'),
    nodeSelector: textMap.describe('Labels that a node must have.'),
    tolerations: z.array(toleration).describe('Taints of nodes that do not matter.'),
    affinity: affinity.describe('Near to what, and away from what, pods are placed.'),
    topologySpreadConstraints: z
      .array(topologySpreadConstraint)
      .describe(
        'How several operators are spread. Left out: over nodes and zones as far as possible. An empty list: not at all.',
      )
      .exactOptional(),
    priorityClassName: z.string().max(253).describe('Priority class of the pods.'),
    serviceMonitor: z
      .object({
        enabled: z
          .boolean()
          .describe("Make a ServiceMonitor for the operator's metrics. Needs the Prometheus Operator."),
        interval: z.string().describe("How often to scrape. Empty: Prometheus's default."),
        labels: labels.describe('Labels of the ServiceMonitor, by which a Prometheus selects it.'),
      })
      .describe('Scraping by the Prometheus Operator.'),
    networkPolicy: z
      .object({
        enabled: z.boolean().describe('Make a NetworkPolicy: only the metrics port is reached.'),
        metrics: networkPolicyPeers.describe('Who reaches it, as in a NetworkPolicy. Empty: everybody.'),
      })
      .describe('Who reaches the operator.'),
  })
  .describe('Values of the chart graveyar-db-operator.');
