// What is read of the API server's objects and of members' answers, and how it is told to people.
import { describe, expect, it } from 'vitest';
import { errorFromAnswer } from '../../operator/kubernetes/api-error.ts';
import type { KubernetesObject, ObjectMeta } from '../../operator/kubernetes/object.ts';
import { EventRecorder } from '../../operator/kubernetes/event-recorder.ts';
import { includes } from '../../operator/observe/includes.ts';
import type { Claim, ContainerStatus, Pod } from '../../operator/observe/kinds.ts';
import { observeCluster } from '../../operator/observe/observe-cluster.ts';
import { podStateOf } from '../../operator/observe/pod-state.ts';
import { bytesOf } from '../../operator/observe/quantity.ts';
import { resizeTroubleOf } from '../../operator/observe/resize-trouble.ts';
import { sharedObjects } from '../../operator/resources/shared-objects.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { clusterWith } from '../support/cluster-specs.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { NOTHING_HEARD } from '../support/operator/nothing-heard.ts';
import { objectOf, ScriptedApi } from '../support/operator/scripted-api.ts';

describe('an amount', () => {
  it.each([
    ['1Gi', 1024 ** 3],
    ['1.5Gi', 1.5 * 1024 ** 3],
    ['500M', 500e6],
    ['1e9', 1e9],
    ['2E', 2e18],
    ['1500m', 2],
    ['4096', 4096],
    ['.5Ki', 512],
  ])('of %s is %d bytes', (text, bytes) => {
    expect(bytesOf(text)).toBe(bytes);
  });

  it('that is none is nothing', () => {
    expect(['', 'x', '-1Gi', '1gi', '1 Gi', undefined].map((text) => bytesOf(text))).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('a pod', () => {
  const podWith = (container: ContainerStatus | null, status: Pod['status'] = {}, nodeName = 'n'): Pod => ({
    spec: { nodeName },
    status: { ...status, containerStatuses: container === null ? [] : [{ name: 'graveyar', ...container }] },
  });
  const ready = [{ type: 'Ready', status: 'True' }];

  it.each([
    ['unscheduled', podWith(null, {}, '')],
    ['starting', podWith(null)],
    ['starting', podWith({ state: { waiting: { reason: 'ContainerCreating' } } })],
    ['running', podWith({ state: { running: {} } })],
    ['running', podWith({ state: { running: {} } }, { conditions: [{ type: 'Ready', status: 'False' }] })],
    ['ready', podWith({ state: { running: {} } }, { conditions: ready })],
    ['failing', podWith({ state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } })],
    ['failing', podWith({ state: { waiting: { reason: 'CrashLoopBackOff' } } })],
    ['failing', podWith({ state: { terminated: { exitCode: 1, reason: 'Error' } } }, { conditions: ready })],
    ['failing', podWith({ state: { running: {} } }, { phase: 'Failed', reason: 'Evicted', conditions: ready })],
  ] as const)('is %s', (state, pod) => {
    expect(podStateOf(pod).state).toBe(state);
  });

  it('says why it does not run', () => {
    const unschedulable = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' };
    expect(podStateOf(podWith(null, { conditions: [unschedulable] }, '')).trouble).toBe('Unschedulable: 0/3 nodes');
    const image = podWith({ state: { waiting: { reason: 'ErrImagePull', message: 'not found' } } });
    expect(podStateOf(image).trouble).toBe('ErrImagePull: not found');
    const ended = podWith({ state: { terminated: { exitCode: 70, reason: 'Error', message: 'disk full' } } });
    expect(podStateOf(ended).trouble).toBe('Error (exit code 70): disk full');
  });
});

describe('a claim', () => {
  const claimWith = (status: Claim['status'], storage = '1Gi'): Claim => ({
    spec: { resources: { requests: { storage: '2Gi' } } },
    status: { capacity: { storage }, ...status },
  });
  const error = { type: 'ControllerResizeError', status: 'True', message: 'the pool is full' };
  const infeasible = { storage: 'ControllerResizeInfeasible' };

  it.each([
    ['ControllerResizeError: the pool is full', claimWith({ conditions: [error] })],
    ['NodeResizeError', claimWith({ conditions: [{ type: 'NodeResizeError', status: 'True' }] })],
    ['ControllerResizeInfeasible', claimWith({ allocatedResourceStatuses: infeasible })],
    ['NodeResizeFailed', claimWith({ allocatedResourceStatuses: { storage: 'NodeResizeFailed' } })],
    [
      'ControllerResizeInfeasible, ControllerResizeError: the pool is full',
      claimWith({ allocatedResourceStatuses: infeasible, conditions: [error] }),
    ],
  ])('says why it does not grow: %s', (trouble, claim) => {
    expect(resizeTroubleOf(claim)).toBe(trouble);
  });

  it.each([
    ['is on its way', claimWith({ allocatedResourceStatuses: { storage: 'NodeResizeInProgress' } })],
    ['waits for its pod', claimWith({ conditions: [{ type: 'FileSystemResizePending', status: 'True' }] })],
    ['has grown after an error', claimWith({ conditions: [error], allocatedResourceStatuses: infeasible }, '2Gi')],
    ['failed once', claimWith({ conditions: [{ ...error, status: 'False' }] })],
    ['is told nothing of', claimWith({})],
  ])('that %s is no trouble', (_, claim) => {
    expect(resizeTroubleOf(claim)).toBeNull();
  });
});

describe('an object', () => {
  const wanted = { spec: { ports: [{ port: 4000 }], selector: { a: 'b' } }, metadata: { labels: { x: 'y' } } };

  it('is as it is wanted though the API server has added to it', () => {
    const actual = {
      spec: { ports: [{ port: 4000, protocol: 'TCP' }], selector: { a: 'b' }, clusterIP: '10.0.0.1' },
      metadata: { labels: { x: 'y', z: '1' }, uid: 'u' },
    };
    expect(includes(actual, wanted)).toBe(true);
    expect(includes({ ...actual, rules: undefined }, { ...wanted, rules: [] })).toBe(true);
  });

  it('is not when a field, an entry or a length is another', () => {
    expect(includes({ ...wanted, spec: { ...wanted.spec, selector: { a: 'c' } } }, wanted)).toBe(false);
    expect(includes({ ...wanted, spec: { ...wanted.spec, ports: [] } }, wanted)).toBe(false);
    expect(includes({ ...wanted, spec: { ...wanted.spec, ports: [{ port: 1 }, { port: 4000 }] } }, wanted)).toBe(false);
    expect(includes({ spec: wanted.spec }, wanted)).toBe(false);
  });
});

describe('shared objects', () => {
  const wanted = clusterWith({ service: { annotations: { 'a.example/one': '1' } } });
  const current = (objects: readonly KubernetesObject[]): boolean =>
    observeCluster(wanted, { cluster: wanted, statefulSets: [], pods: [], claims: [], shared: objects }, NOTHING_HEARD)
      .sharedObjectsCurrent;
  /** With the metadata of Services changed. */
  const withMetadata = (change: (metadata: ObjectMeta) => ObjectMeta): KubernetesObject[] =>
    sharedObjects(wanted).map((object) =>
      object.kind === 'Service' ? { ...object, metadata: change(object.metadata) } : object,
    );

  it('are as they are wanted when all are, whatever others have added', () => {
    expect(current(sharedObjects(wanted))).toBe(true);
    expect(current(sharedObjects(wanted).slice(1))).toBe(false);
    const added = { 'cloud.example/address': 'there' };
    expect(
      current(withMetadata(({ annotations, ...rest }) => ({ ...rest, annotations: { ...annotations, ...added } }))),
    ).toBe(true);
  });

  it('are not when they have what was wanted before, or lack what is wanted', () => {
    const more = { 'a.example/one': '1', 'a.example/two': '2' };
    expect(current(sharedObjects(clusterWith({ service: { annotations: more } })))).toBe(false);
    expect(current(sharedObjects(clusterWith()))).toBe(false);
    // Made by an operator that wrote no hash.
    expect(current(withMetadata((metadata) => ({ ...metadata, annotations: { 'a.example/one': '1' } })))).toBe(false);
  });
});

describe('an error of the API server', () => {
  const statusOf = (reason: string, details: object = {}): string =>
    JSON.stringify({ kind: 'Status', reason, message: 'why', details });

  it.each([
    ['NOT_FOUND', 404, statusOf('NotFound')],
    ['ALREADY_EXISTS', 409, statusOf('AlreadyExists')],
    ['CONFLICT', 409, statusOf('Conflict')],
    ['CONFLICT', 422, statusOf('Invalid', { causes: [{ field: 'metadata.uid' }] })],
    ['INVALID', 422, statusOf('Invalid', { causes: [{ field: 'spec.replicas' }] })],
    ['GONE', 410, statusOf('Expired')],
    ['FORBIDDEN', 403, statusOf('Forbidden')],
    ['UNAVAILABLE', 429, statusOf('TooManyRequests')],
    ['UNAVAILABLE', 503, 'upstream connect error'],
  ] as const)('is %s for %d', (code, httpStatus, body) => {
    expect(errorFromAnswer('GET /x', httpStatus, body)).toMatchObject({ code });
  });

  it('says how long to wait', () => {
    const body = statusOf('TooManyRequests', { retryAfterSeconds: 3 });
    expect(errorFromAnswer('GET /x', 429, body).retryAfterMillis).toBe(3000);
    expect(errorFromAnswer('GET /x', 429, '', '2').retryAfterMillis).toBe(2000);
  });
});

describe('events', () => {
  const recorderOf = (): { api: ScriptedApi; clock: ManualClock; recorder: EventRecorder } => {
    const [api, clock] = [new ScriptedApi(), new ManualClock()];
    const options = { api, clock, logger: silentLogger, component: 'operator', instance: 'pod-1' };
    return { api, clock, recorder: new EventRecorder(options, new AbortController().signal) };
  };
  const about = { ...objectOf('foo', 7), metadata: { ...objectOf('foo', 7).metadata, uid: 'u1' } };
  const text = { type: 'Normal', reason: 'MemberAdded', message: 'foo-2 was added' } as const;

  it('are made once, and counted when they come again', async () => {
    const { api, clock, recorder } = recorderOf();
    for (let times = 0; times < 5; times++) recorder.record(about, text);
    await recorder.flushed();
    expect(api.calls).toEqual(['create']);
    clock.advance(60_000);
    recorder.record(about, text);
    await recorder.flushed();
    const [event] = [...api.objects.values()];
    expect(event).toMatchObject({ reason: 'MemberAdded', count: 6, involvedObject: { name: 'foo', uid: 'u1' } });
    expect(api.calls).toHaveLength(2);
  });

  it('of one object are cut short when they are too many; those of another are not', async () => {
    const { api, clock, recorder } = recorderOf();
    for (let n = 0; n < 40; n++) recorder.record(about, { ...text, message: `message ${n}` });
    await recorder.flushed();
    expect(api.objects.size).toBe(25);
    recorder.record({ ...about, metadata: { ...about.metadata, uid: 'u2' } }, text);
    await recorder.flushed();
    expect(api.objects.size).toBe(26);
    clock.advance(5 * 60_000);
    for (const message of ['x', 'y']) recorder.record(about, { ...text, message });
    await recorder.flushed();
    expect(api.objects.size).toBe(27);
  });
});
