// The GraveyarCluster resource in a real API server: every rule from both sides, what it fills in, what kubectl shows, the scale subresource.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { customResourceDefinition } from '../../operator/api/custom-resource-definition.ts';
import { parseGraveyarCluster } from '../../operator/api/graveyar-cluster.ts';
import { clusterSelectorText } from '../../operator/resources/names.ts';
import { FULL_SPEC } from '../support/charts/chart-values.ts';
import { clusterWith, MINIMAL_SPEC } from '../support/cluster-specs.ts';
import { startControlPlane } from '../support/kubernetes/control-plane.ts';
import type { ControlPlane } from '../support/kubernetes/control-plane.ts';

/** The API server may have to be built. */
const BUILD_MILLIS = 45 * 60_000;
const CLUSTERS = '/apis/graveyar.dev/v1alpha1/namespaces/default/graveyarclusters';
const FULL = { ...FULL_SPEC, image: MINIMAL_SPEC.image };

let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane();
  await plane.api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', customResourceDefinition());
  await plane.kubectl(['wait', '--for=condition=Established', 'crd/graveyarclusters.graveyar.dev', '--timeout=60s']);
}, BUILD_MILLIS);

afterAll(() => plane.stop());

function object(spec: object, name = 'orders'): object {
  return {
    apiVersion: 'graveyar.dev/v1alpha1',
    kind: 'GraveyarCluster',
    metadata: { name, namespace: 'default' },
    spec,
  };
}

/** Resolves when the API server would take it. */
async function accept(spec: object, name?: string): Promise<void> {
  await plane.api.create(`${CLUSTERS}?dryRun=All&fieldValidation=Strict`, object(spec, name));
}

/** Resolves when the API server would take the change of one that says `before`. */
async function change(before: object, after: object): Promise<void> {
  await plane.api.delete(`${CLUSTERS}/changing`);
  await plane.api.create(CLUSTERS, object(before, 'changing'));
  await plane.kubectl(
    ['replace', '--dry-run=server', '--validate=strict', '-f', '-'],
    JSON.stringify(object(after, 'changing')),
  );
}

const minimal = (spec: object): object => ({ ...MINIMAL_SPEC, ...spec });
const withStorage = (storage: object): object => minimal({ storage: { size: '1Gi', ...storage } });
const withSettings = (settings: object): object => minimal({ settings });
const labels = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`example.com/l${at}`, 'x']));

describe('a new cluster', () => {
  it.each<[what: string, spec: object, name?: string]>([
    ['with the least that can be said', MINIMAL_SPEC],
    ['with all that can be said', FULL],
    ['of 1', minimal({ replicas: 1 })],
    ['of 3', minimal({ replicas: 3 })],
    ['of 5', minimal({ replicas: 5 })],
    ['with a name of 40 characters', MINIMAL_SPEC, 'a'.repeat(40)],
    ['with a name with digits and dashes', MINIMAL_SPEC, 'a-1-b2'],
    ['with a fraction of storage', withStorage({ size: '1.5Gi' })],
    [
      'with heartbeats of a fifth of the election timeout',
      withSettings({ electionTimeoutMillis: 500, heartbeatIntervalMillis: 100 }),
    ],
    ['with a log of one file', withSettings({ logSize: '1Gi', segmentSize: '1Gi' })],
    ['with the largest log', withSettings({ logSize: '64Gi', segmentSize: '1Gi' })],
    ['with a label of its own', minimal({ pod: { labels: { team: 'shop' } } })],
    ['with 64 labels', minimal({ pod: { labels: labels(64) } })],
    ['with clients that need no certificate', minimal({ tls: { client: { secretName: 'a' } } })],
    [
      'with clients that need one',
      minimal({ tls: { client: { secretName: 'a', clientAuthoritySecretName: 'b', operatorSecretName: 'c' } } }),
    ],
    ['with resources as numbers', minimal({ resources: { requests: { cpu: 2 }, limits: { memory: '1Gi' } } })],
  ])('is taken %s', async (_, spec, name) => {
    await expect(accept(spec, name)).resolves.toBeUndefined();
  });

  it.each<[what: string, spec: object, message: RegExp, name?: string]>([
    ['of 2', minimal({ replicas: 2 }), /spec\.replicas.*must be 1, 3 or 5/],
    ['of 4', minimal({ replicas: 4 }), /spec\.replicas.*must be 1, 3 or 5/],
    ['of 0', minimal({ replicas: 0 }), /spec\.replicas.*greater than or equal to 1/],
    ['of 7', minimal({ replicas: 7 }), /spec\.replicas.*less than or equal to 5/],
    ['without an image', { storage: { size: '1Gi' } }, /spec\.image: Required value/],
    ['without storage', { image: MINIMAL_SPEC.image }, /spec\.storage: Required value/],
    ['with a name of 41 characters', MINIMAL_SPEC, /metadata\.name must be at most 40 characters/, 'a'.repeat(41)],
    ['with a name that starts with a digit', MINIMAL_SPEC, /metadata\.name must start with a letter/, '1a'],
    ['with a name with a dot', MINIMAL_SPEC, /metadata\.name must start with a letter/, 'a.b'],
    ['with no storage at all', withStorage({ size: '0' }), /must be more than 0/],
    ['with storage that is no amount', withStorage({ size: 'much' }), /spec\.storage\.size.*should match/],
    ['with less storage than nothing', withStorage({ size: '-1Gi' }), /spec\.storage\.size.*should match/],
    [
      'with slow heartbeats',
      withSettings({ electionTimeoutMillis: 499, heartbeatIntervalMillis: 100 }),
      /electionTimeoutMillis must be at least 5 times heartbeatIntervalMillis/,
    ],
    ['with a log smaller than its files', withSettings({ logSize: '32Mi' }), /logSize must be at least segmentSize/],
    ['with a log that is too large', withSettings({ logSize: '65Gi' }), /logSize must be at most 64Gi/],
    [
      'with files that are too large',
      withSettings({ logSize: '4Gi', segmentSize: '2Gi' }),
      /segmentSize must be at most 1Gi/,
    ],
    ['with a log in units of ten', withSettings({ logSize: '64M' }), /logSize.*should match/],
    [
      'with a label of the operator',
      minimal({ pod: { labels: { 'graveyar.dev/role': 'leader' } } }),
      /are set by the operator/,
    ],
    [
      'with a label of Kubernetes',
      minimal({ pod: { labels: { 'app.kubernetes.io/name': 'mine' } } }),
      /are set by the operator/,
    ],
    [
      'with an annotation of the operator',
      minimal({ pod: { annotations: { 'graveyar.dev/template-hash': '0' } } }),
      /are set by the operator/,
    ],
    ['with 65 labels', minimal({ pod: { labels: labels(65) } }), /must have at most 64 items/],
    [
      'with an authority for clients, of which the operator is one, and no certificate for it',
      minimal({ tls: { client: { secretName: 'a', clientAuthoritySecretName: 'b' } } }),
      /go together/,
    ],
    [
      'with a certificate for the operator that nobody wants',
      minimal({ tls: { client: { secretName: 'a', operatorSecretName: 'b' } } }),
      /go together/,
    ],
    ['with a field that does not exist', minimal({ replica: 3 }), /unknown field \\?"spec\.replica\\?"/],
    [
      'with a misspelt part of an affinity',
      minimal({ scheduling: { affinity: { podAntiAfinity: {} } } }),
      /unknown field \\?"spec\.scheduling\.affinity\.podAntiAfinity\\?"/,
    ],
  ])('is refused %s', async (_, spec, message, name) => {
    await expect(accept(spec, name)).rejects.toThrow(message);
  });

  it('is filled with the defaults of the type that the operator reads it as', async () => {
    const made = await plane.api.create(CLUSTERS, object(MINIMAL_SPEC, 'filled'));
    expect((made as unknown as { spec: object }).spec).toEqual(clusterWith().spec);
    expect(parseGraveyarCluster(made).spec).toEqual(clusterWith().spec);
  });

  it('keeps all that can be said', async () => {
    const made = await plane.api.create(`${CLUSTERS}?dryRun=All`, object(FULL));
    expect((made as unknown as { spec: object }).spec).toMatchObject(FULL);
  });
});

describe('a change', () => {
  const fast = withStorage({ storageClassName: 'fast' });
  const tls = (part: object): object => minimal({ tls: part });

  it.each<[what: string, before: object, after: object]>([
    ['of the size', minimal({ replicas: 1 }), minimal({ replicas: 5 })],
    ['to more storage', withStorage({}), withStorage({ size: '2Gi' })],
    ['to as much storage, said otherwise', withStorage({}), withStorage({ size: '1024Mi' })],
    ['of what becomes of volumes', withStorage({}), withStorage({ whenDeleted: 'Delete' })],
    ['that leaves the class of storage', fast, withStorage({ storageClassName: 'fast', size: '2Gi' })],
    ['of settings', withSettings({}), withSettings({ logLevel: 'debug' })],
    ['of the name of a Secret', tls({ client: { secretName: 'a' } }), tls({ client: { secretName: 'b' } })],
    [
      'to certificates of clients',
      tls({ client: { secretName: 'a' } }),
      tls({ client: { secretName: 'a', clientAuthoritySecretName: 'b', operatorSecretName: 'c' } }),
    ],
  ])('%s is taken', async (_, before, after) => {
    await expect(change(before, after)).resolves.toBeUndefined();
  });

  it.each<[what: string, before: object, after: object, message: RegExp]>([
    [
      'to less storage',
      withStorage({}),
      withStorage({ size: '1023Mi' }),
      /storage only grows: it is 1Gi and cannot become 1023Mi/,
    ],
    [
      'to another class of storage',
      fast,
      withStorage({ storageClassName: 'slow' }),
      /storageClassName cannot be changed/,
    ],
    ['to a class of storage', withStorage({}), fast, /storageClassName cannot be changed/],
    ['to no class of storage', fast, withStorage({}), /storageClassName cannot be changed/],
    ['to TLS for clients', MINIMAL_SPEC, tls({ client: { secretName: 'a' } }), /TLS cannot be turned on or off later/],
    [
      'to TLS between members',
      tls({ client: { secretName: 'a' } }),
      tls({ client: { secretName: 'a' }, peers: { secretName: 'b' } }),
      /TLS cannot be turned on or off later/,
    ],
    ['to no TLS', tls({ peers: { secretName: 'a' } }), MINIMAL_SPEC, /TLS cannot be turned on or off later/],
    ['to an even size', minimal({ replicas: 3 }), minimal({ replicas: 2 }), /must be 1, 3 or 5/],
  ])('%s is refused', async (_, before, after, message) => {
    await expect(change(before, after)).rejects.toThrow(message);
  });
});

describe('the status', () => {
  const path = `${CLUSTERS}/lived`;
  const founder = { name: 'lived-1', id: '17' };

  beforeAll(async () => {
    await plane.api.create(CLUSTERS, object(minimal({ replicas: 3 }), 'lived'));
  });

  it('is written beside the spec: neither touches the other', async () => {
    await plane.api.patch(path, { status: { leader: 'nobody' } });
    expect(await plane.api.find(path)).not.toHaveProperty('status');
    const before = parseGraveyarCluster(await plane.api.find(path));
    await plane.api.patch(`${path}/status`, { spec: { replicas: 5 }, status: { clusterId: 'c-1', founder } });
    const after = parseGraveyarCluster(await plane.api.find(path));
    expect(after.spec.replicas).toBe(3);
    expect(after.metadata.generation).toBe(before.metadata.generation);
    expect(after.status).toEqual({ clusterId: 'c-1', founder });
  });

  it.each<[what: string, status: object | null, message: RegExp]>([
    ['another cluster id', { clusterId: 'c-2' }, /clusterId cannot be changed/],
    ['no cluster id', { clusterId: null }, /clusterId cannot be changed/],
    ['another founder', { founder: { id: '18' } }, /founder cannot be changed/],
    ['no founder', { founder: null }, /founder cannot be changed/],
    ['nothing', null, /cannot be changed/],
    [
      'an id that is a number',
      { members: [{ name: 'lived-1', id: 17, role: 'leader', healthy: true }] },
      /id.*must be of type string/,
    ],
    [
      'two members of one id',
      { members: ['a', 'b'].map((name) => ({ name, id: '1', role: 'voter', healthy: true })) },
      /Duplicate value/,
    ],
  ])('never becomes %s', async (_, status, message) => {
    await expect(plane.api.patch(`${path}/status`, { status })).rejects.toThrow(message);
  });

  it('is shown by kubectl, with the members that matter', async () => {
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const condition = (type: string, status: string, reason: string) => ({
      type,
      status,
      reason,
      message: '',
      lastTransitionTime: now,
    });
    await plane.api.patch(`${path}/status`, {
      status: {
        observedGeneration: 1,
        leader: 'lived-2',
        replicas: 3,
        readyReplicas: 2,
        selector: clusterSelectorText('lived'),
        members: [
          {
            name: 'lived-2',
            id: '9007199254740991',
            role: 'leader',
            healthy: true,
            matchIndex: Number.MAX_SAFE_INTEGER,
          },
        ],
        conditions: [
          condition('Available', 'True', 'Serving'),
          condition('Progressing', 'True', 'RollingUpdate'),
          condition('Degraded', 'True', 'MemberUnhealthy'),
        ],
      },
    });
    const columns = async (...flags: string[]): Promise<string[][]> =>
      (await plane.kubectl(['get', 'gyc', 'lived', ...flags]))
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/));
    expect(await columns()).toEqual([
      ['NAME', 'MEMBERS', 'READY', 'LEADER', 'AVAILABLE', 'STATUS', 'AGE'],
      ['lived', '3', '2', 'lived-2', 'True', 'RollingUpdate', expect.stringMatching(/^\d+[sm]/) as string],
    ]);
    expect((await columns('-o', 'wide'))[1]).toEqual([
      'lived',
      '3',
      '2',
      'lived-2',
      'True',
      'RollingUpdate',
      'MemberUnhealthy',
      'graveyar_db:1',
      'c-1',
      expect.stringMatching(/^\d+[sm]/) as string,
    ]);
  });

  it('is waited for by kubectl', async () => {
    await expect(plane.kubectl(['wait', '--for=condition=Available', 'gyc/lived', '--timeout=5s'])).resolves.toContain(
      'condition met',
    );
  });
});

describe('scaling', () => {
  it('goes by the scale subresource, to sizes that exist', async () => {
    await plane.api.create(CLUSTERS, object(minimal({ replicas: 3 }), 'scaled'));
    await plane.api.patch(`${CLUSTERS}/scaled/status`, {
      status: { replicas: 3, selector: clusterSelectorText('scaled') },
    });
    expect(await plane.api.find(`${CLUSTERS}/scaled/scale`)).toMatchObject({
      spec: { replicas: 3 },
      status: { replicas: 3, selector: 'app.kubernetes.io/name=graveyar-db,graveyar.dev/cluster=scaled' },
    });
    await plane.kubectl(['scale', 'gyc/scaled', '--replicas=5']);
    expect(parseGraveyarCluster(await plane.api.find(`${CLUSTERS}/scaled`)).spec.replicas).toBe(5);
    await expect(plane.kubectl(['scale', 'gyc/scaled', '--replicas=4'])).rejects.toThrow(/must be 1, 3 or 5/);
  });
});

describe('kubectl explain', () => {
  it('tells what a field is', async () => {
    expect(await plane.kubectl(['explain', 'gyc.spec.storage.size'])).toContain('It only grows');
  });
});
