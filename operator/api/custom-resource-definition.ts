/**
 * The CustomResourceDefinition of GraveyarCluster, made from the schemas of `cluster-spec.ts` and `cluster-status.ts`: structural
 * OpenAPI v3 (kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions), with printer columns, status and scale
 * subresources. `npm run generate` writes it into the chart of the operator.
 */
import { z } from 'zod';
import { clusterSpec } from './cluster-spec.ts';
import { clusterStatus } from './cluster-status.ts';
import { API_GROUP, API_VERSION, KIND, PLURAL } from './graveyar-cluster.ts';

type Schema = Record<string, unknown>;

/**
 * The longest name of a cluster. A pod's label `controller-revision-hash` is the member's name, a dash and up to ten letters within 63, and
 * names of Services end in `-peers`; the rest is left to what else is named after a cluster.
 */
export const LONGEST_CLUSTER_NAME = 40;

/** Rules over the whole object; only `metadata.name` of the metadata can be seen by rules. */
const OBJECT_RULES = [
  {
    rule: `self.metadata.name.size() <= ${LONGEST_CLUSTER_NAME}`,
    message: `metadata.name must be at most ${LONGEST_CLUSTER_NAME} characters, as names of pods and Services are made from it`,
  },
  {
    rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message:
      'metadata.name must start with a letter and have lower-case letters, digits and dashes only, as names of Services are made from it',
  },
  {
    rule: '!has(oldSelf.status) || !has(oldSelf.status.clusterId) || (has(self.status) && has(self.status.clusterId) && self.status.clusterId == oldSelf.status.clusterId)',
    message: 'status.clusterId cannot be changed: a cluster is founded once',
  },
  {
    rule: '!has(oldSelf.status) || !has(oldSelf.status.founder) || (has(self.status) && has(self.status.founder) && self.status.founder == oldSelf.status.founder)',
    message: 'status.founder cannot be changed: a cluster is founded once',
  },
];

const COLUMNS = [
  { name: 'Members', type: 'integer', jsonPath: '.status.replicas', description: 'Members with a vote.' },
  { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas', description: 'Those that are ready.' },
  { name: 'Leader', type: 'string', jsonPath: '.status.leader', description: 'The member that leads.' },
  {
    name: 'Available',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Available")].status',
    description: 'Whether appends are served.',
  },
  {
    name: 'Status',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Progressing")].reason',
    description: 'What the operator does.',
  },
  {
    name: 'Degraded',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Degraded")].reason',
    description: 'What is wrong.',
    priority: 1,
  },
  {
    name: 'Image',
    type: 'string',
    jsonPath: '.spec.image.reference',
    description: 'Image of the members.',
    priority: 1,
  },
  { name: 'Cluster', type: 'string', jsonPath: '.status.clusterId', description: 'Id of the cluster.', priority: 1 },
  {
    name: 'Age',
    type: 'date',
    jsonPath: '.metadata.creationTimestamp',
    description: 'Since when there is the object.',
  },
];

/** The definition, ready to be applied. */
export function customResourceDefinition(): Schema {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${PLURAL}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      names: { kind: KIND, listKind: `${KIND}List`, plural: PLURAL, singular: KIND.toLowerCase(), shortNames: ['gyc'] },
      scope: 'Namespaced',
      versions: [
        {
          name: API_VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: COLUMNS,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          schema: { openAPIV3Schema: objectSchema() },
        },
      ],
    },
  };
}

function objectSchema(): Schema {
  return {
    type: 'object',
    description: 'A replicated event store: its members, their volumes and the Services in front of them.',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      // The limit is there for the estimated cost of the rules over the name, which say it better.
      metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 63 } } },
      spec: structural(clusterSpec),
      status: structural(clusterStatus),
    },
    'x-kubernetes-validations': OBJECT_RULES,
  };
}

/** JSON Schema as the API server takes it, which is less than zod can say. */
function structural(schema: z.ZodType): Schema {
  const made: Schema = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => {
      const node: Schema = jsonSchema;
      // Refused next to `additionalProperties`; keys are text anyway.
      delete node['propertyNames'];
      if (node['x-kubernetes-int-or-string'] === true) node['anyOf'] = [{ type: 'integer' }, { type: 'string' }];
      // The bounds of a safe integer are no rule of ours.
      if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete node['maximum'];
      if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete node['minimum'];
    },
  });
  delete made['$schema'];
  completeDefaults(made);
  return made;
}

/** Writes an object's default out in full: the API server holds it against the rules before it fills in what is missing. */
function completeDefaults(schema: Schema): void {
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
  for (const property of Object.values(properties)) completeDefaults(property);
  const fallback = schema['default'];
  if (typeof fallback !== 'object' || fallback === null || Array.isArray(fallback)) return;
  const parts = Object.entries(properties).filter(([, property]) => 'default' in property);
  schema['default'] = {
    ...Object.fromEntries(parts.map(([key, property]) => [key, property['default']])),
    ...fallback,
  };
}
