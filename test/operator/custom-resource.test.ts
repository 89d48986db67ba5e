// The custom resource without an API server: that its definition is one that API servers take (structural), and that what the
// operator reads is checked and defaulted.
import { describe, expect, it } from 'vitest';
import { customResourceDefinition } from '../../operator/api/custom-resource-definition.ts';
import { isPaused, parseGraveyarCluster } from '../../operator/api/graveyar-cluster.ts';
import { clusterWith } from '../support/cluster-specs.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Definition {
  readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] };
}

function schemaOf(): Schema {
  return (customResourceDefinition() as unknown as Definition).spec.versions[0].schema.openAPIV3Schema;
}

/** Every schema within a schema, by its path. */
function schemas(schema: Schema, path = ''): [path: string, schema: Schema][] {
  const parts = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>).map(
    ([key, part]) => [`${path}.${key}`, part] as const,
  );
  const items = ['items', 'additionalProperties'].flatMap((key) => {
    const part = schema[key];
    return typeof part === 'object' && part !== null ? [[`${path}[${key}]`, part as Schema] as const] : [];
  });
  return [[path, schema], ...[...parts, ...items].flatMap(([at, part]) => schemas(part, at))];
}

describe('the definition', () => {
  it('describes every field', () => {
    const silent = schemas(schemaOf()).filter(
      ([path, schema]) =>
        !path.endsWith(']') && !path.startsWith('.metadata') && typeof schema['description'] !== 'string',
    );
    expect(silent.map(([path]) => path)).toEqual([]);
  });

  it('is structural: every schema has a type, and properties and additionalProperties exclude each other', () => {
    const odd = schemas(schemaOf()).filter(
      ([, schema]) =>
        (typeof schema['type'] !== 'string' && schema['x-kubernetes-int-or-string'] !== true) ||
        (schema['properties'] !== undefined && schema['additionalProperties'] !== undefined) ||
        ['$ref', 'oneOf', 'allOf', 'not', 'propertyNames', 'const'].some((key) => key in schema),
    );
    expect(odd.map(([path]) => path)).toEqual([]);
  });

  it('takes unknown fields nowhere', () => {
    expect(JSON.stringify(schemaOf())).not.toContain('preserve-unknown-fields');
  });
});

describe('an object of the API server', () => {
  it('is read with its defaults', () => {
    const { spec } = clusterWith();
    expect(spec).toMatchObject({
      replicas: 3,
      image: { pullPolicy: 'IfNotPresent', pullSecrets: [] },
      storage: { size: '1Gi', whenDeleted: 'Retain' },
      resources: {},
      settings: { electionTimeoutMillis: 1000, logSize: '64Mi', gracePeriodSeconds: 10 },
      service: { type: 'ClusterIP', annotations: {} },
      pod: { labels: {}, annotations: {} },
    });
    expect(spec.tls).toBeUndefined();
  });

  it('is refused with a line for each field that is wrong', () => {
    const { metadata } = clusterWith();
    const read = (): unknown =>
      parseGraveyarCluster({
        apiVersion: 'graveyar.dev/v1alpha1',
        kind: 'GraveyarCluster',
        metadata,
        spec: { replicas: '3', image: {} },
      });
    expect(read).toThrow(/spec\.replicas: .*spec\.image\.reference: .*spec\.storage: /);
  });

  it('is paused by its annotation alone, and only when that says true', () => {
    const annotated = (annotations?: Record<string, string>) => {
      const { metadata } = clusterWith();
      return isPaused({ metadata: annotations === undefined ? metadata : { ...metadata, annotations } });
    };
    expect([
      annotated(),
      annotated({}),
      annotated({ 'graveyar.dev/paused': 'false' }),
      annotated({ 'graveyar.dev/paused': 'true' }),
    ]).toEqual([false, false, false, true]);
  });
});
