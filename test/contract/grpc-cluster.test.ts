// The Cluster service over a scripted administration: what it asks for, what it refuses by itself, and what may be repeated.
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import type { ClusterAdmin, ClusterStatus, MemberStatus } from '../../src/cluster/cluster-admin.ts';
import { StoreError } from '../../src/domain/errors.ts';
import { AddLearnerRequest, RemoveRequest, TransferLeadershipRequest } from '../../src/grpc/gen/graveyar/v1/cluster.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService } from '../support/grpc-service.ts';

const SELF = 1;
const seven: MemberStatus = {
  ...{ id: 7, name: 'seven', peerAddress: 'seven:2', clientAddress: 'seven:1', role: 'learner' },
  ...{ outgoing: false, active: true, matchIndex: 1, snapshotting: false },
};
const method = (name: string): string => `graveyar.v1.Cluster/${name}`;

/** A leader with these members that writes down what it was asked for. */
async function leaderOf(
  members: Set<number>,
  refusal: Error | null = null,
): Promise<{ service: GrpcService; asked: string[] }> {
  const asked: string[] = [];
  const note = (...words: unknown[]): Promise<void> => {
    asked.push(words.join(' '));
    return Promise.resolve();
  };
  const notExpected = (): never => {
    throw new Error('not expected by the test');
  };
  const hint = { leaderId: SELF, endpoint: 'one:1', self: true };
  const admin: ClusterAdmin = {
    status: () => ({ memberId: SELF, members: [seven], clusterId: 'c' }) as Partial<ClusterStatus> as ClusterStatus,
    leader: () => hint,
    waitForLeader: () => Promise.resolve(hint),
    found: notExpected,
    addLearner: async (address) => {
      await note('add', address);
      if (refusal !== null) throw refusal;
      return { ...seven, peerAddress: address };
    },
    promote: notExpected,
    remove: async (id) => {
      await note('remove', id);
      members.delete(id);
    },
    replace: (oldId, newId) => note('replace', oldId, newId),
    transferLeadership: async (id) => {
      await note('transfer', id);
      if (refusal !== null) throw refusal;
    },
    watch: notExpected,
  };
  const service = await startService({ cluster: { admin, forwardTls: null } });
  onTestFinished(() => service.stop());
  return { service, asked };
}

describe('a member that is to be removed', () => {
  it('must be named', async () => {
    const { service, asked } = await leaderOf(new Set([SELF]));
    const request = RemoveRequest.encode({ memberId: 0 }).finish();
    expect(await service.raw().failure(method('Remove'), request)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'member_id: must be set',
    });
    expect(asked).toEqual([]);
  });
});

describe('leadership that is handed over', () => {
  it('goes to the named member, or to anybody when none is named; 0 is no name', async () => {
    const { service, asked } = await leaderOf(new Set([SELF, 2]));
    const raw = service.raw();
    const ask = (memberId?: number): Promise<unknown> =>
      raw.unary(method('TransferLeadership'), TransferLeadershipRequest.encode({ memberId }).finish());
    await ask(2);
    await ask();
    expect(asked).toEqual(['transfer 2', 'transfer ']);
    expect(await ask(0)).toMatchObject({ code: status.INVALID_ARGUMENT, details: 'member_id: must be set' });
    expect(asked).toHaveLength(2);
  });
});

describe('the address of a learner', () => {
  it.each(['ten:1', 'ten:65535', '[::1]:4002'])('%s is taken', async (address) => {
    const { service, asked } = await leaderOf(new Set([SELF]));
    await service.client().cluster.addLearner(address);
    expect(asked).toEqual([`add ${address}`]);
  });

  it.each([
    ['ten', 'peer_address: has no host and port; allowed: host:port'],
    [':4002', 'peer_address: has no host and port; allowed: host:port'],
    ['ten:', 'peer_address: has no host and port; allowed: host:port'],
    ['ten:0', 'peer_address: has the port 0; allowed: a port from 1 to 65535'],
    ['ten:65536', 'peer_address: has the port 65536; allowed: a port from 1 to 65535'],
    ['ten:99999', 'peer_address: has the port 99999; allowed: a port from 1 to 65535'],
    ['ten:1234567', 'peer_address: has the port 1234567; allowed: a port from 1 to 65535'],
  ])('%s is refused', async (peerAddress, details) => {
    const { service, asked } = await leaderOf(new Set([SELF]));
    const request = AddLearnerRequest.encode({ peerAddress }).finish();
    expect(await service.raw().failure(method('AddLearner'), request)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details,
    });
    expect(asked).toEqual([]);
  });
});

/** How `graveyar cluster …` ends against it, and what it says. */
async function command(service: GrpcService, ...args: string[]): Promise<[number, string]> {
  const stderr = new PassThrough();
  const terminal = { stdin: Readable.from([]), stdout: new PassThrough(), stderr, environment: {}, clock: systemClock };
  const interrupted = new AbortController().signal;
  const code = await runProgram(['cluster', ...args, '--address', service.address], { ...terminal, interrupted });
  stderr.end();
  return [code, await text(stderr)];
}

describe('a learner that nobody hears of', () => {
  const reason = 'nobody answers at ten:4002: it took longer than 5 s';
  it("is told in the server's words", async () => {
    const { service, asked } = await leaderOf(
      new Set([SELF]),
      new StoreError('MEMBERSHIP_REFUSED', reason, { reason }),
    );
    expect(await command(service, 'add-learner', 'ten:4002')).toEqual([9, `graveyar: ${reason}\n`]);
    expect(asked).toEqual(['add ten:4002']);
  });
});

describe('a refusal', () => {
  it('names the members that it means, where they are known', async () => {
    const reason = 'member 7 is no voter, and member 77 is not known';
    const { service } = await leaderOf(new Set(), new StoreError('MEMBERSHIP_REFUSED', reason, { reason }));
    const words = 'graveyar: seven (7) is no voter, and member 77 is not known\n';
    expect(await command(service, 'transfer', 'seven')).toEqual([9, words]);
  });
});
