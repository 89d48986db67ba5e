// Processes that wait to be told which cluster they belong to: founding one exactly once, whatever happens meanwhile.
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GraveyarError } from '../../src/client/index.ts';
import type { ClusterState } from '../../src/client/index.ts';
import { startCluster, waitingNodes } from '../support/cluster-processes.ts';
import type { ClusterNode, ClusterProcesses } from '../support/cluster-processes.ts';
import { runGraveyar } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

let cluster: ClusterProcesses | null = null;
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(async () => {
  await cluster?.stop();
  await directory.remove();
}, 60_000);

async function waiting(count: number): Promise<ClusterProcesses> {
  cluster = await waitingNodes(directory.path, count);
  await Promise.all(cluster.nodes.map((node) => node.start()));
  return cluster;
}

function nodeAt(at: number): ClusterNode {
  const node = cluster?.nodes[at];
  if (node === undefined) throw new Error(`there is no node ${at}`);
  return node;
}

function statusOf(node: ClusterNode): Promise<ClusterState> {
  return (cluster?.client({}, [node]) ?? fail()).cluster.status();
}

function found(node: ClusterNode, clusterId: string, memberId: number): Promise<void> {
  return (cluster?.client({ deadlineMillis: 10_000 }, [node]) ?? fail()).cluster.found(clusterId, memberId);
}

function fail(): never {
  throw new Error('there is no cluster');
}

/** Code and message of what it rejects with. */
async function refusal(call: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  const error = await call.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof GraveyarError)) throw error as Error;
  return { code: error.code, message: error.message };
}

async function probe(node: ClusterNode, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`${node.process?.metricsUrl ?? ''}${path}`);
  return { status: response.status, text: (await response.text()).trim() };
}

async function untilReady(node: ClusterNode): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const { status, text } = await probe(node, '/readyz');
    if (status === 200) return;
    if (performance.now() > end) throw new Error(`${node.name} is not ready: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a member that waits for a cluster', { timeout: 180_000 }, () => {
  it('says that it waits, under the same id after a restart, and lives without being ready', async () => {
    await waiting(1);
    const node = nodeAt(0);
    const before = await statusOf(node);
    expect(before).toMatchObject({ clusterId: null, role: 'waiting', term: 0, members: [] });
    expect(await probe(node, '/readyz')).toEqual({ status: 503, text: 'waiting to be a member of a cluster' });
    expect(await probe(node, '/livez')).toEqual({ status: 200, text: 'ok' });
    await node.kill();
    await node.start();
    expect(await statusOf(node)).toEqual(before);
  });

  it('founds a cluster once, when it is meant, and keeps to it', async () => {
    await waiting(1);
    const node = nodeAt(0);
    const { memberId } = await statusOf(node);
    expect(await refusal(found(node, 'one', memberId + 1))).toMatchObject({ code: 'MEMBERSHIP_REFUSED' });
    expect(await refusal(found(node, 'not valid', memberId))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await refusal(found(node, 'a'.repeat(64), memberId))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await refusal(found(node, 'one', 0))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((await statusOf(node)).clusterId).toBeNull();
    await Promise.all([found(node, 'one', memberId), found(node, 'one', memberId)]);
    // Whatever it answered is durable.
    await node.kill();
    await node.start();
    expect(await statusOf(node)).toMatchObject({ clusterId: 'one', memberId });
    await found(node, 'one', memberId);
    const other = await refusal(found(node, 'two', memberId));
    expect(other).toEqual({ code: 'MEMBERSHIP_REFUSED', message: 'this member belongs to another cluster, one' });
    await untilReady(node);
    await cluster?.client().append('s', [{ type: 't' }], { expectedVersion: 'no-stream' });
  });

  it('founds one of two clusters that are asked for at the same time', async () => {
    await waiting(1);
    const node = nodeAt(0);
    const { memberId } = await statusOf(node);
    const asked = ['one', 'two', 'three'].map((id) => found(node, id, memberId));
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const { clusterId } = await statusOf(node);
    expect(outcomes[['one', 'two', 'three'].indexOf(clusterId ?? '')]?.status).toBe('fulfilled');
  });

  it('does not found what another disk was asked to', async () => {
    await waiting(1);
    const node = nodeAt(0);
    const { memberId } = await statusOf(node);
    await node.kill();
    await rm(node.dataDirectory, { recursive: true });
    await node.start();
    const { memberId: next } = await statusOf(node);
    expect(next).not.toBe(memberId);
    const { code, message } = await refusal(found(node, 'one', memberId));
    expect({ code, message }).toEqual({
      code: 'MEMBERSHIP_REFUSED',
      message: `this is member ${next}, not ${memberId}`,
    });
  });

  it('is added by the leader as the member that is meant, and is ready then', async () => {
    const { nodes } = await waiting(2);
    const [first, second] = [nodeAt(0), nodeAt(1)];
    await runGraveyar(['cluster', 'found', 'one', '--address', first.address]).then(({ code, stderr }) => {
      expect(code, stderr).toBe(0);
    });
    const { memberId } = await statusOf(second);
    const client = cluster?.client({}, nodes.slice(0, 1)) ?? fail();
    const wrong = await refusal(client.cluster.addLearner(second.peerAddress, { memberId: memberId + 1 }));
    expect(wrong.code).toBe('MEMBERSHIP_REFUSED');
    expect(wrong.message).toContain(`not member ${memberId + 1}`);
    expect((await statusOf(second)).clusterId).toBeNull();
    expect(await client.cluster.addLearner(second.peerAddress, { memberId })).toMatchObject({ id: memberId });
    await untilReady(second);
    expect(await statusOf(second)).toMatchObject({ clusterId: 'one', role: 'learner' });
    expect((await refusal(found(second, 'two', memberId))).message).toContain('belongs to another cluster, one');
  });

  it('is the only one that founds on demand', async () => {
    cluster = await startCluster(directory.path, 1);
    const joining = await cluster.joining('node-2');
    await nodeAt(0).kill();
    await joining.start();
    const { memberId } = await statusOf(joining);
    const { code, message } = await refusal(found(joining, 'one', memberId));
    expect({ code, message }).toMatchObject({
      code: 'MEMBERSHIP_REFUSED',
      message: expect.stringContaining('--wait-for-cluster') as string,
    });
  });
});
