// The transport between members over real connections on loopback.
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { MessageType } from '../../src/cluster/raft-message.ts';
import type { Message } from '../../src/cluster/raft-message.ts';
import type { SnapshotChunk } from '../../src/cluster/transport.ts';
import { StoreError } from '../../src/domain/errors.ts';
import { InstallSnapshotRequest, MessagesRequest, PeerService } from '../../src/grpc/gen/graveyar/raft/v1/peer.ts';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/grpc-service.ts';
import { appendOf, messageOf, startMember } from '../support/peer-transports.ts';
import type { RecordedMember, RecordedMemberOptions } from '../support/peer-transports.ts';
import { testTls } from '../support/test-certificate.ts';

const running: RecordedMember[] = [];

async function member(options: RecordedMemberOptions): Promise<RecordedMember> {
  const started = await startMember(options);
  running.push(started);
  return started;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ transport }) => transport.stop()));
});

/** Sends a heartbeat again and again until one arrives: the stream stands then. */
async function untilConnected(from: RecordedMember, to: RecordedMember): Promise<void> {
  const before = to.received.length;
  await eventually(`messages from ${from.peer.id} to ${to.peer.id}`, () => {
    from.transport.send([messageOf(from.peer.id, to.peer.id)]);
    return to.received.length > before;
  });
}

/** Likewise for the stream of appends; leaves `received` without what it took. */
async function untilAppends(from: RecordedMember, to: RecordedMember): Promise<void> {
  await eventually('appends', () => {
    from.transport.send([appendOf(from.peer.id, to.peer.id, 1)]);
    return appends(to).length > 0;
  });
}

function appends(to: RecordedMember): Message[] {
  return to.received.filter(({ type }) => type === MessageType.MsgApp);
}

describe('messages', () => {
  it('arrive in both directions, those of one kind in order and whole', async () => {
    const [a, b] = [await member({ id: 1 }), await member({ id: 2 })];
    a.transport.setPeers([b.peer]);
    b.transport.setPeers([a.peer]);
    await untilAppends(a, b);
    await untilConnected(b, a);
    const sent = Array.from({ length: 500 }, (_, at) => appendOf(1, 2, 100 + at, (at * 37) % 20_000));
    for (let at = 0; at < sent.length; at += 7) a.transport.send(sent.slice(at, at + 7));
    await eventually('all appends', () => appends(b).at(-1)?.index === 598);
    const arrived = appends(b).filter(({ index }) => index >= 99);
    expect(arrived.map(({ index }) => index)).toEqual(sent.map(({ index }) => index));
    expect(
      arrived.every(({ entries }, at) =>
        Buffer.from(entries[0]?.data ?? []).equals(sent[at]?.entries[0]?.data ?? Buffer.of(1)),
      ),
    ).toBe(true);
    expect(b.connected).toContainEqual(a.peer);
    expect([...a.fatal, ...b.fatal]).toEqual([]);
  });

  it('reach a member that starts later, and one that comes back with another process', async () => {
    const a = await member({ id: 1 });
    const first = await startMember({ id: 2 });
    a.transport.setPeers([first.peer]);
    await untilConnected(a, first);
    await first.transport.stop();
    await eventually('the loss to be told', () => {
      a.transport.send([messageOf(1, 2)]);
      return a.unreachable.includes(2);
    });
    const again = await member({ id: 2, port: Number(first.peer.address.split(':')[1]) });
    await untilConnected(a, again);
    await untilAppends(a, again);
  });

  it('tell when a member comes into reach, and when its connections break, which those that were never made do not', async () => {
    const a = await member({ id: 1 });
    const b = await startMember({ id: 2 });
    a.transport.setPeers([b.peer, { id: 3, address: '127.0.0.1:1' }]);
    await eventually('both streams', () => a.connections.length === 2);
    await eventually('the other one to be out of reach', () => a.unreachable.includes(3));
    expect(a.connections).toEqual(['reached 2', 'reached 2']);
    await b.transport.stop();
    await eventually('both to break', () => a.connections.length === 4);
    expect(a.connections.slice(2)).toEqual(['disconnected from 2', 'disconnected from 2']);
  });

  it('find a member again whose connections were taken and never answered meanwhile', async () => {
    const a = await member({ id: 1 });
    const b = await startMember({ id: 2 });
    const port = Number(b.peer.address.split(':')[1]);
    a.transport.setPeers([b.peer]);
    await untilConnected(a, b);
    await b.transport.stop();
    // As a process that is stopped: its system takes connections.
    const taken = new Set<Socket>();
    const silent = createServer((socket) => taken.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => {
      silent.listen(port, '127.0.0.1', resolve);
    });
    await eventually('a connection to wait in', () => taken.size >= 4);
    const closed = new Promise((resolve) => silent.close(resolve));
    for (const socket of taken) socket.destroy();
    await closed;
    const again = await member({ id: 2, port });
    await untilConnected(a, again);
  });

  it('are not delivered to another member at the same address', async () => {
    const a = await member({ id: 1 });
    const other = await member({ id: 3 });
    a.transport.setPeers([{ id: 2, address: other.peer.address }]);
    await eventually('the refusal', () => a.warnings.length > 0);
    a.transport.send([messageOf(1, 2)]);
    expect(a.warnings[0]).toContain('means member 2, and this is member 3');
    await eventually('the loss to be told', () => a.unreachable.includes(2));
    expect(other.received).toEqual([]);
    expect(other.connected).toEqual([]);
  });

  it('are refused between clusters, and one line says why however often it is tried', async () => {
    const a = await member({ id: 1, clusterId: 'red' });
    const b = await member({ id: 2, clusterId: 'blue' });
    const c = await member({ id: 3, clusterId: null });
    a.transport.setPeers([b.peer, c.peer]);
    await untilConnected(a, c);
    await eventually('the refusal', () => a.warnings.length > 0);
    const tries = a.unreachable.length;
    await eventually('more tries', () => a.unreachable.length > tries + 1);
    expect(a.warnings).toEqual(['the caller belongs to cluster red, this member to blue']);
    expect(b.received).toEqual([]);
  });

  it('of an older process are cut off when a newer one greets', async () => {
    const b = await member({ id: 2 });
    const old = await member({ id: 1 });
    old.transport.setPeers([b.peer]);
    await untilConnected(old, b);
    const next = await member({ id: 1 });
    next.transport.setPeers([b.peer]);
    await eventually('the old one to hear of it', () => old.unreachable.includes(2));
  });

  it('to a member that was set no longer are dropped', async () => {
    const [a, b] = [await member({ id: 1 }), await member({ id: 2 })];
    a.transport.setPeers([b.peer]);
    await untilConnected(a, b);
    a.transport.setPeers([]);
    const before = b.received.length;
    a.transport.send([messageOf(1, 2, { commit: 7 })]);
    await a.transport.introduce(b.peer.address, a.self, AbortSignal.timeout(5_000));
    expect(b.received.slice(before).filter(({ commit }) => commit === 7)).toEqual([]);
  });

  it('go over TLS when both sides show a certificate of the authority, and not otherwise', async () => {
    const tls = { cert: testTls.cert, key: testTls.key, ca: testTls.cert };
    const [a, b] = [await member({ id: 1, tls }), await member({ id: 2, tls })];
    const plain = await member({ id: 3 });
    a.transport.setPeers([b.peer]);
    plain.transport.setPeers([b.peer]);
    await untilConnected(a, b);
    await eventually('the refusal', () => plain.unreachable.includes(2));
    expect(b.received.every(({ from }) => from === 1)).toBe(true);
  });
});

describe('bytes that are nothing', () => {
  it('end their call and neither the process nor other calls', async () => {
    const [a, b] = [await member({ id: 1 }), await member({ id: 2 })];
    a.transport.setPeers([b.peer]);
    await untilConnected(a, b);
    const client = new Client(b.peer.address, credentials.createInsecure());
    const same = (bytes: Buffer): Buffer => bytes;
    const hello = {
      protocolVersion: 1,
      clusterId: 'c',
      from: 9,
      to: 2,
      incarnation: 1,
      peerAddress: 'x:1',
    };
    const firsts = [
      Buffer.alloc(0),
      Buffer.from(MessagesRequest.encode({ hello, messages: [] }).finish()),
      Buffer.from(
        InstallSnapshotRequest.encode({ step: { $case: 'begin', begin: { hello, message: undefined } } }).finish(),
      ),
    ];
    const seed = Date.now();
    const noise = fc.sample(fc.uint8Array({ maxLength: 500 }), { numRuns: 60, seed });
    const paths = Object.values(PeerService).map(({ path }) => path);
    const ended = noise.map((bytes, at) => {
      const path = paths[at % paths.length] ?? '';
      const call = client.makeBidiStreamRequest(path, same, same, new Metadata(), { deadline: Date.now() + 5_000 });
      call.on('data', () => undefined);
      call.write(firsts[at % firsts.length] ?? Buffer.alloc(0));
      call.write(Buffer.from(bytes));
      call.end();
      return new Promise<void>((resolve) => {
        call.on('error', () => resolve());
        call.on('end', () => resolve());
      });
    });
    await Promise.all(ended);
    client.close();
    const [host, port] = b.peer.address.split(':');
    for (const bytes of noise.slice(0, 10)) {
      await new Promise<void>((resolve) => {
        const socket = createConnection({ host, port: Number(port) }, () => socket.end(bytes));
        socket.on('error', () => undefined).on('close', () => resolve());
        socket.resume();
      });
    }
    expect(b.fatal, `seed ${seed}`).toEqual([]);
    await untilConnected(a, b);
  });
});

describe('introductions', () => {
  it('say who each is', async () => {
    const [a, b] = [await member({ id: 1, clusterId: null }), await member({ id: 2 })];
    b.self = { ...b.self, initialMembers: ['x', 'y'], knownIds: [2, 5] };
    expect(await a.transport.introduce(b.peer.address, a.self, AbortSignal.timeout(5_000))).toEqual(b.self);
  });

  it('and joining carry the reason of a refusal', async () => {
    const refused = new StoreError('NOT_LEADER', 'member 7 leads', { leaderId: '7', endpoint: 'seven:1' });
    const [a, b] = [await member({ id: 1 }), await member({ id: 2, join: () => Promise.reject(refused) })];
    const joining = a.transport.join(b.peer.address, a.self, AbortSignal.timeout(5_000));
    await expect(joining).rejects.toMatchObject({
      code: 'NOT_LEADER',
      message: 'member 7 leads',
      details: { leaderId: '7', endpoint: 'seven:1' },
    });
  });

  it('say so at a port that is for clients', async () => {
    const a = await member({ id: 1 });
    const service = await startService();
    onTestFinished(() => service.stop());
    const asked = a.transport.introduce(service.address, a.self, AbortSignal.timeout(20_000));
    const message = 'this is no port for members (is it the port for clients?)';
    await expect(asked).rejects.toMatchObject({ code: 'MEMBERSHIP_REFUSED', message });
  });

  it('fail when nobody listens, and when they are aborted', async () => {
    const a = await member({ id: 1 });
    const gone = await startMember({ id: 2 });
    await gone.transport.stop();
    const asked = a.transport.introduce(gone.peer.address, a.self, AbortSignal.timeout(20_000));
    await expect(asked).rejects.toMatchObject({ code: 'NOT_SERVING' });
    const reason = new Error('changed my mind');
    await expect(a.transport.introduce(gone.peer.address, a.self, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('snapshots', () => {
  const snapshot = {
    index: 40,
    term: 1,
    confState: { voters: [1, 2], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    data: Buffer.from('meta'),
  };
  const snap = messageOf(1, 2, { type: MessageType.MsgSnap, snapshot });

  /** Ten chunks of a MiB and ten positions each; `asked` gets where readers began. */
  function sourceOf(asked: number[]): { chunksFrom(position: number): AsyncIterable<SnapshotChunk> } {
    return {
      async *chunksFrom(position) {
        asked.push(position);
        for (let at = position; at < 100; at += 10) {
          await Promise.resolve();
          yield { firstPosition: at, endPosition: at + 10, bytes: Buffer.alloc(1 << 20, at), crc: 4_000_000_000 + at };
        }
      },
    };
  }

  it('bring what the receiver lacks, chunk by chunk, unchanged', async () => {
    const [a, b] = [await member({ id: 1 }), await member({ id: 2 })];
    a.transport.setPeers([b.peer]);
    const asked: number[] = [];
    await a.transport.sendSnapshot(snap, sourceOf(asked), AbortSignal.timeout(20_000));
    expect(asked).toEqual([0]);
    expect(b.chunks.map(({ firstPosition, endPosition }) => [firstPosition, endPosition])).toEqual(
      Array.from({ length: 10 }, (_, at) => [at * 10, at * 10 + 10]),
    );
    expect(
      b.chunks.every(
        ({ bytes, firstPosition, crc }) =>
          bytes.length === 1 << 20 && bytes[77] === firstPosition && crc === 4_000_000_000 + firstPosition,
      ),
    ).toBe(true);
    expect(b.transfers).toEqual([40]);
  });

  it('that were interrupted go on where the receiver is', async () => {
    let failAt = 30;
    const a = await member({ id: 1 });
    const b = await member({
      id: 2,
      take: (chunk) =>
        chunk.firstPosition === failAt
          ? Promise.reject(new StoreError('NOT_SERVING', 'no', { reason: 'no' }))
          : Promise.resolve(),
    });
    a.transport.setPeers([b.peer]);
    const asked: number[] = [];
    const first = a.transport.sendSnapshot(snap, sourceOf(asked), AbortSignal.timeout(20_000));
    await expect(first).rejects.toMatchObject({ code: 'NOT_SERVING' });
    failAt = -1;
    await a.transport.sendSnapshot(snap, sourceOf(asked), AbortSignal.timeout(20_000));
    expect(asked).toEqual([0, 30]);
    expect(b.chunks.map(({ firstPosition }) => firstPosition)).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
    expect(b.transfers).toEqual(['no', 40]);
  });

  it('hold the reader back while the receiver is slow, and end when the sender gives up', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const a = await member({ id: 1 });
    const b = await member({ id: 2, take: () => held });
    a.transport.setPeers([b.peer]);
    let read = 0;
    const endless = {
      async *chunksFrom(position: number) {
        for (let at = position; ; at += 10) {
          await Promise.resolve();
          read++;
          yield { firstPosition: at, endPosition: at + 10, bytes: Buffer.alloc(1 << 20), crc: 0 };
        }
      },
    };
    const stop = new AbortController();
    const sending = a.transport.sendSnapshot(snap, endless, stop.signal);
    const outcome = expect(sending).rejects.toThrow('enough');
    await eventually('the window to fill', () => read >= 9);
    // While the control stream goes on.
    await untilConnected(a, b);
    expect(read).toBeLessThanOrEqual(10);
    stop.abort(new Error('enough'));
    await outcome;
    await eventually('the receiver to hear of it', () => b.transfers.length > 0);
    release();
    // The end of what was sent and the cancellation race each other; either ends the transfer, and nothing completes it.
    expect(b.transfers).toEqual([expect.stringMatching(/^(the sender went away|end: is missing)/) as string]);
  });
});
