/**
 * Parts of a pod that a GraveyarCluster takes as they are: resources, affinity, tolerations and the like, with the names and
 * shapes of `core/v1` (k8s.io/api/core/v1/types.go). What Kubernetes checks there is only checked for its shape here.
 */
import { z } from 'zod';

/** As k8s.io/apimachinery/pkg/api/resource/quantity.go reads them. */
const QUANTITY = /^\+?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE][+-]?[0-9]+))?$/;

/** A label's value (k8s.io/apimachinery/pkg/util/validation): at most 63 of these, or nothing. */
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** An amount such as `10Gi` or `500m`, as text. */
export const quantityText = z.string().regex(QUANTITY).max(32);

/** An amount as users write them in YAML, where `2` is a number. */
const quantity = z
  .union([z.int().nonnegative(), quantityText])
  .meta({ 'x-kubernetes-int-or-string': true, pattern: QUANTITY.source });

const quantities = (what: string): z.ZodRecord<z.ZodString, typeof quantity> =>
  z.record(z.string(), quantity).meta({ description: what });

/** How much of the node's resources a container asks for and may use. */
export const resources = z.object({
  requests: quantities(
    'What a node must have free for the pod to be placed on it, such as cpu and memory.',
  ).exactOptional(),
  limits: quantities('What the container may use at most.').exactOptional(),
});

/** Labels or annotations. */
export const textMap = z.record(z.string(), z.string());

/** Labels, their values as short as Kubernetes wants them. */
export const labelMap = z.record(z.string(), z.string().max(63).regex(LABEL_VALUE));

const requirement = (what: string, operators: readonly [string, ...string[]]) =>
  z.object({
    key: z.string().describe(`Key of the ${what}.`),
    operator: z.enum(operators).describe('How the values are compared.'),
    values: z.array(z.string()).describe('The values to compare with.').exactOptional(),
  });

const labelRequirement = requirement('label', ['In', 'NotIn', 'Exists', 'DoesNotExist']);
const nodeRequirement = requirement('label or field', ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']);
const weight = z.int().min(1).max(100).describe('How much this counts among what is preferred.');

const labelSelector = z.object({
  matchLabels: textMap.describe('Labels that must be there with these values.').exactOptional(),
  matchExpressions: z.array(labelRequirement).describe('Conditions that must all hold.').exactOptional(),
});

const nodeTerm = z.object({
  matchExpressions: z.array(nodeRequirement).describe("Conditions on the node's labels.").exactOptional(),
  matchFields: z.array(nodeRequirement).describe("Conditions on the node's fields.").exactOptional(),
});

const podTerm = z.object({
  labelSelector: labelSelector.describe('The pods that are meant.').exactOptional(),
  namespaceSelector: labelSelector.describe('The namespaces whose pods are meant.').exactOptional(),
  namespaces: z.array(z.string()).describe('Names of namespaces whose pods are meant.').exactOptional(),
  topologyKey: z.string().min(1).describe('Label of nodes; nodes with the same value are one place.'),
  matchLabelKeys: z
    .array(z.string())
    .describe('Labels whose values must be those of the pod to place.')
    .exactOptional(),
  mismatchLabelKeys: z
    .array(z.string())
    .describe('Labels whose values must not be those of the pod to place.')
    .exactOptional(),
});

const podTerms = {
  requiredDuringSchedulingIgnoredDuringExecution: z
    .array(podTerm)
    .describe('What must hold for a node to be taken.')
    .exactOptional(),
  preferredDuringSchedulingIgnoredDuringExecution: z
    .array(z.object({ weight, podAffinityTerm: podTerm.describe('What is preferred.') }))
    .describe('What is preferred, each with a weight.')
    .exactOptional(),
};

/** `core/v1` Affinity. */
export const affinity = z.object({
  nodeAffinity: z
    .object({
      requiredDuringSchedulingIgnoredDuringExecution: z
        .object({ nodeSelectorTerms: z.array(nodeTerm).describe('Any of these must hold.') })
        .describe('What must hold for a node to be taken.')
        .exactOptional(),
      preferredDuringSchedulingIgnoredDuringExecution: z
        .array(z.object({ weight, preference: nodeTerm.describe('What is preferred.') }))
        .describe('What is preferred, each with a weight.')
        .exactOptional(),
    })
    .describe('On which nodes pods may be placed.')
    .exactOptional(),
  podAffinity: z.object(podTerms).describe('Near which pods they are placed.').exactOptional(),
  podAntiAffinity: z.object(podTerms).describe('Away from which pods they are placed.').exactOptional(),
});

/** `core/v1` Toleration. */
export const toleration = z.object({
  key: z.string().describe('Key of the taint. Left out with operator Exists: every taint.').exactOptional(),
  operator: z.enum(['Exists', 'Equal']).describe('How the value is compared. Equal when left out.').exactOptional(),
  value: z.string().describe('Value of the taint.').exactOptional(),
  effect: z
    .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
    .describe('The effect that is tolerated.')
    .exactOptional(),
  tolerationSeconds: z.int().describe('For how long NoExecute is tolerated. Left out: for ever.').exactOptional(),
});

/** `core/v1` TopologySpreadConstraint. */
export const topologySpreadConstraint = z.object({
  maxSkew: z.int().min(1).describe('By how many pods two places may differ.'),
  topologyKey: z.string().min(1).describe('Label of nodes; nodes with the same value are one place.'),
  whenUnsatisfiable: z.enum(['DoNotSchedule', 'ScheduleAnyway']).describe('What happens when it cannot be kept.'),
  minDomains: z.int().min(1).describe('The least number of places.').exactOptional(),
  labelSelector: labelSelector.describe("The pods that are counted. Left out: the cluster's own.").exactOptional(),
  matchLabelKeys: z
    .array(z.string())
    .describe('Labels whose values must be those of the pod to place.')
    .exactOptional(),
  nodeAffinityPolicy: z
    .enum(['Honor', 'Ignore'])
    .describe("Whether nodes that the pod's affinity rules out are counted.")
    .exactOptional(),
  nodeTaintsPolicy: z
    .enum(['Honor', 'Ignore'])
    .describe('Whether nodes with taints that the pod does not tolerate are counted.')
    .exactOptional(),
});
