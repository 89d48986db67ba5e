/**
 * The values of the chart `graveyar-db`: mostly the spec of the GraveyarCluster that it makes, with the names that charts have for
 * images and the like. Its values.schema.json and the table of its README are made from this.
 */
import { z } from 'zod';
import { CLUSTER_SIZES, clusterSpec } from '../../../operator/api/cluster-spec.ts';
import { LONGEST_CLUSTER_NAME } from '../../../operator/api/custom-resource-definition.ts';
import { annotations, image, labels, networkPolicyPeers, secretName, serviceName } from './shared-values.ts';

const spec = clusterSpec.shape;

/** The chart's values. */
export const clusterValues = z
  .object({
    fullnameOverride: serviceName(LONGEST_CLUSTER_NAME).describe(
      'Name of the GraveyarCluster, which its Services begin with. Empty: the name of the release.',
    ),
    replicas: z.literal(CLUSTER_SIZES).describe('Number of members with a vote: 1, 3 or 5.'),
    image: image('Repository of the image of the server.', 'The image that members run.'),
    storage: spec.storage,
    resources: spec.resources,
    tls: spec.tls,
    scheduling: spec.scheduling,
    settings: spec.settings,
    service: spec.service,
    pod: spec.pod,
    paused: z.boolean().describe('The operator changes nothing of the cluster.'),
    annotations: annotations.describe('Annotations of the GraveyarCluster.'),
    labels: labels.describe('Labels of the GraveyarCluster.'),
    serviceMonitor: z
      .object({
        enabled: z.boolean().describe("Make a ServiceMonitor for members' metrics. Needs the Prometheus Operator."),
        interval: z.string().describe("How often to scrape. Empty: Prometheus's default."),
        labels: labels.describe('Labels of the ServiceMonitor, by which a Prometheus selects it.'),
      })
      .describe('Scraping by the Prometheus Operator.'),
    networkPolicy: z
      .object({
        enabled: z
          .boolean()
          .describe('Make a NetworkPolicy: only members reach each other, and clients the client port.'),
        clients: networkPolicyPeers.describe(
          'Who reaches the client port, as in a NetworkPolicy; the operator does in any case. Empty: everybody.',
        ),
        metrics: networkPolicyPeers.describe('Who reaches the metrics port, as in a NetworkPolicy. Empty: everybody.'),
      })
      .describe('Who reaches the members.'),
    test: z
      .object({
        enabled: z.boolean().describe('Have a pod that `helm test` runs: it appends an event and reads it back.'),
        secretName: secretName.describe(
          "Secret of type kubernetes.io/tls with the certificate that it shows where clients need one. Empty: the operator's (tls.client.operatorSecretName).",
        ),
      })
      .describe('The test of the release.'),
  })
  .describe('Values of the chart graveyar-db.');
