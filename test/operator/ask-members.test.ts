// Asking members over gRPC: what comes from the address of a member is that member's own word, or no answer.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf, askMembers } from '../../operator/observe/ask-members.ts';
import { MemberPool } from '../../operator/observe/member-pool.ts';
import type { MemberTarget } from '../../operator/observe/member-pool.ts';
import type { ClusterMember, ClusterState } from '../../src/client/cluster-client.ts';
import { startCluster } from '../support/cluster-processes.ts';
import type { ClusterNode, ClusterProcesses } from '../support/cluster-processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

const limits = { signal: new AbortController().signal, deadlineMillis: 2_000 };

describe('members that are asked', () => {
  let directory: TemporaryDirectory;
  let cluster: ClusterProcesses;
  const pool = new MemberPool(5_000);

  beforeAll(async () => {
    directory = await temporaryDirectory();
    cluster = await startCluster(directory.path);
  }, 300_000);

  afterAll(async () => {
    pool.close();
    await cluster.stop();
    await directory.remove();
  });

  const targetOf = ({ name, address }: ClusterNode): [string, MemberTarget] => [
    name,
    { podUid: name, address, serverName: name, tls: null },
  ];

  const ask = async (): ReturnType<typeof askMembers> =>
    askMembers(pool, 'shop/store', new Map(cluster.nodes.map(targetOf)), limits);

  it('answer for themselves, and one that is gone is answered for by nobody', async () => {
    const members = await cluster.client().cluster.members();
    const idOf = (name: string): number | undefined => members.find((member) => member.name === name)?.id;
    // Long enough for a client that looks for the other members to have learned of them.
    const end = performance.now() + 2_500;
    while (performance.now() < end) {
      const answers = await ask();
      for (const { name } of cluster.nodes)
        expect(answers.get(name)).toMatchObject({ kind: 'member', memberId: idOf(name) });
    }
    const [gone] = cluster.nodes;
    if (gone === undefined) throw new Error('there is no node');
    await gone.kill();
    const address = targetOf(gone)[1];
    for (let round = 0; round < 2; round++) {
      expect((await ask()).get(gone.name)).toMatchObject({ kind: 'unreachable' });
      await expect(pool.clientOf('shop/store', address).status(limits)).rejects.toThrow();
    }
  });
});

describe('a status', () => {
  const member: ClusterMember = {
    id: 7,
    name: 'store-1',
    peerAddress: 'store-1:4002',
    clientAddress: 'store-1:4000',
    role: 'leader',
    outgoing: false,
    active: true,
    matchIndex: 3,
    snapshotting: false,
  };
  const state: ClusterState = {
    clusterId: 'c',
    memberId: 7,
    role: 'leader',
    term: 2,
    leaderId: 7,
    lastIndex: 3,
    commitIndex: 3,
    appliedIndex: 3,
    events: 0,
    changing: false,
    members: [member],
  };

  it('is that of the member whose pod was asked', () => {
    expect(answerOf(state, 'store-1')).toMatchObject({ kind: 'member', memberId: 7, role: 'leader' });
  });

  it('of another member is no answer', () => {
    expect(answerOf(state, 'store-2')).toEqual({ kind: 'unreachable', reason: 'store-1 answers at its address' });
  });

  it('of who belongs to no cluster, or is in no configuration that it knows, has no name to compare', () => {
    expect(answerOf({ ...state, clusterId: null, members: [] }, 'store-2')).toEqual({ kind: 'waiting', memberId: 7 });
    expect(answerOf({ ...state, members: [], role: 'follower' }, 'store-2')).toMatchObject({
      kind: 'member',
      memberId: 7,
    });
  });

  it('with a role that is not known is no answer', () => {
    expect(answerOf({ ...state, role: 'king' }, 'store-1')).toEqual({
      kind: 'unreachable',
      reason: 'its role is king',
    });
  });
});
