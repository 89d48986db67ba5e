// Members of different versions of the peer protocol: each refuses the other on every way that there is, and names both versions.
import { Client, Metadata, Server, ServerCredentials, credentials, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RaftMessage } from '../../src/grpc/gen/graveyar/raft/v1/message.ts';
import {
  InstallSnapshotRequest,
  Introduction as IntroductionMessage,
  MessagesRequest,
  PeerService,
} from '../../src/grpc/gen/graveyar/raft/v1/peer.ts';
import type { Hello } from '../../src/grpc/gen/graveyar/raft/v1/peer.ts';
import { readIntroduction } from '../../src/grpc/peer/introduction-codec.ts';
import { PROTOCOL_VERSION, refusalOf } from '../../src/grpc/peer/peer-protocol.ts';
import { eventually } from '../support/eventually.ts';
import { failure } from '../support/grpc-service.ts';
import type { RawFailure } from '../support/grpc-service.ts';
import { startMember } from '../support/peer-transports.ts';
import type { RecordedMember } from '../support/peer-transports.ts';

/** The one before and the one after; 0 is a message that does not say. */
const OTHERS = [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1];

async function member(id: number): Promise<RecordedMember> {
  const started = await startMember({ id });
  onTestFinished(() => started.transport.stop());
  return started;
}

function helloOf(protocolVersion: number): Hello {
  return { protocolVersion, clusterId: 'c', from: 1, to: 2, incarnation: 1, peerAddress: 'one:1' };
}

function introductionOf(protocolVersion: number): Uint8Array {
  const one = { id: 1, name: 'node-1', peerAddress: 'one:1', clientAddress: 'one:2' };
  const message = { protocolVersion, member: one, clusterId: 'c', initialMembers: [], knownIds: [] };
  return IntroductionMessage.encode(message).finish();
}

/** How a call ends that sends these messages, whatever kind it is on the other side; null: not with an error. */
function call(address: string, path: string, messages: readonly Uint8Array[]): Promise<RawFailure | null> {
  const client = new Client(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const same = (bytes: Buffer): Buffer => bytes;
  const stream = client.makeBidiStreamRequest(path, same, same, new Metadata(), { deadline: Date.now() + 20_000 });
  for (const message of messages) stream.write(Buffer.from(message));
  stream.end();
  return new Promise((resolve) => {
    stream.on('data', () => undefined);
    stream.once('end', () => resolve(null));
    stream.once('error', (error) => resolve(failure(error as Parameters<typeof failure>[0])));
  });
}

const refusal = (words: string): object => ({
  code: status.FAILED_PRECONDITION,
  details: words,
  info: { code: 'MEMBERSHIP_REFUSED', retryable: false },
});

describe('a member of another version', () => {
  it.each(OTHERS)('%i has its messages and snapshots refused, with both versions', async (version) => {
    const b = await member(2);
    const words = `the caller speaks version ${version} of the peer protocol, this member ${PROTOCOL_VERSION}`;
    const greeting = MessagesRequest.encode({ hello: helloOf(version), messages: [] }).finish();
    expect(await call(b.peer.address, PeerService.messages.path, [greeting])).toMatchObject(refusal(words));
    const begin = { hello: helloOf(version), message: RaftMessage.decode(new Uint8Array(0)) };
    const transfer = InstallSnapshotRequest.encode({ step: { $case: 'begin', begin } }).finish();
    expect(await call(b.peer.address, PeerService.installSnapshot.path, [transfer])).toMatchObject(refusal(words));
    expect([b.received, b.connected, b.transfers]).toEqual([[], [], []]);
  });

  it.each(OTHERS)('%i is not introduced, nor added', async (version) => {
    const b = await member(2);
    const words = `the other side speaks version ${version} of the peer protocol, this member ${PROTOCOL_VERSION}`;
    for (const { path } of [PeerService.introduce, PeerService.join]) {
      expect(await call(b.peer.address, path, [introductionOf(version)])).toMatchObject(refusal(words));
    }
  });

  it.each(OTHERS)('%i that answers to an introduction is refused by who asked', async (version) => {
    const a = await member(1);
    const other = new Server();
    const same = (bytes: Buffer): Buffer => bytes;
    const { path } = PeerService.introduce;
    const bytes = {
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    other.addService(
      { introduce: { path, requestStream: false, responseStream: false, ...bytes } },
      {
        introduce: (_: unknown, answer: (error: null, value: Buffer) => void) => {
          answer(null, Buffer.from(introductionOf(version)));
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      other.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    onTestFinished(() => {
      other.forceShutdown();
    });
    await expect(a.transport.introduce(`127.0.0.1:${port}`, a.self, AbortSignal.timeout(20_000))).rejects.toMatchObject(
      {
        code: 'MEMBERSHIP_REFUSED',
        message: `the other side speaks version ${version} of the peer protocol, this member ${PROTOCOL_VERSION}`,
      },
    );
  });
});

describe('a member of the same version', () => {
  it('is greeted and read', async () => {
    const [a, b] = [await member(1), await member(2)];
    expect(refusalOf(helloOf(PROTOCOL_VERSION), b.self)).toBeNull();
    expect(readIntroduction(introductionOf(PROTOCOL_VERSION)).member.name).toBe('node-1');
    a.transport.setPeers([b.peer]);
    await eventually('a greeting', () => b.connected.length > 0);
  });
});
