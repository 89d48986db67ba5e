// The SDK when servers go away: nothing is lost, doubled or reordered, and what cannot be repeated is not.
import { createServer, connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DeadlineExceededError, GraveyarClient, OverloadedError, UnavailableError } from '../../src/client/index.ts';
import type { ClientOptions, GraveyarError } from '../../src/client/index.ts';
import type { AppendResult } from '../../src/domain/append.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { EventPipeline } from '../../src/pipeline/event-pipeline.ts';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService } from '../support/grpc-service.ts';
import { holdingPipeline, resultAt, scriptedPipeline } from '../support/scripted-pipeline.ts';

/** Stands between client and server, and cuts their connections when told to. */
class Cutter {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  cuts = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(port: number): Promise<{ cutter: Cutter; address: string }> {
    const server = createServer();
    const cutter = new Cutter(server);
    server.on('connection', (socket) => cutter.#join(socket, connect(port, '127.0.0.1')));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return { cutter, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  #join(left: Socket, right: Socket): void {
    for (const socket of [left, right]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    left.pipe(right).pipe(left);
  }

  cut(): void {
    this.cuts++;
    for (const socket of this.#sockets) socket.destroy();
  }

  stop(): void {
    this.#server.close();
    this.cut();
  }
}

/** As a process that is stopped: its system still takes connections. Ends with the test. */
async function silentServer(): Promise<{ readonly address: string; readonly taken: ReadonlySet<Socket> }> {
  const taken = new Set<Socket>();
  const server = createServer((socket) => taken.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    for (const socket of taken) socket.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, taken };
}

const nobody = { leaderId: null, endpoint: null };
const quick = { firstBackoffMillis: 5, longestBackoffMillis: 50 };

describe('a client whose connection is cut', () => {
  let service: GrpcService;
  let cutter: Cutter;
  let client: GraveyarClient;
  beforeEach(async () => {
    service = await startService();
    const between = await Cutter.before(service.port);
    cutter = between.cutter;
    client = new GraveyarClient(between.address, quick);
  });
  afterEach(async () => {
    client.close();
    cutter.stop();
    await service.stop();
  });

  const types = async (streamId: string): Promise<string[]> =>
    (await service.client().readStream(streamId).toArray()).map(({ type }) => type);

  it('appends once, though it had to try again', async () => {
    const appends = Array.from({ length: 200 }, async (_, n) => {
      if (n % 40 === 0) cutter.cut();
      const result = await client.append(`s-${n % 7}`, [{ type: `t${n}` }]);
      if (n % 30 === 0) cutter.cut();
      return result;
    });
    const results = await Promise.all(appends);
    expect(new Set(results.map(({ firstPosition }) => firstPosition)).size).toBe(200);
    const all = await service.client().readAll().toArray();
    expect(all.map(({ type }) => type).sort()).toEqual(Array.from({ length: 200 }, (_, n) => `t${n}`).sort());
    for (const [n, { firstPosition }] of results.entries()) expect(all[firstPosition]?.type).toBe(`t${n}`);
  });

  it('keeps the order of a session', async () => {
    const session = client.session({ window: 16 });
    const results: Promise<AppendResult>[] = [];
    for (let n = 0; n < 1_000; n++) {
      await session.ready();
      if (n % 200 === 100) cutter.cut();
      results.push(session.append('ordered', [{ type: `t${n}` }], { expectedVersion: n === 0 ? 'no-stream' : n - 1 }));
    }
    const revisions = (await Promise.all(results)).map(({ firstRevision }) => firstRevision);
    await session.close();
    expect(cutter.cuts).toBe(5);
    expect(revisions).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
    expect(await types('ordered')).toEqual(Array.from({ length: 1_000 }, (_, n) => `t${n}`));
  });

  it('reads on where it was, in both directions and within the limit', async () => {
    const events = Array.from({ length: 3_000 }, (_, n) => ({ type: `t${n}`, data: Buffer.alloc(2_000) }));
    await service.client().append('long', events);
    for (const direction of ['forwards', 'backwards'] as const) {
      const before = cutter.cuts;
      const seen: number[] = [];
      for await (const event of client.readStream('long', { direction, limit: 2_990 })) {
        seen.push(event.revision);
        if (seen.length === 10 || seen.length === 2_500) cutter.cut();
      }
      expect(cutter.cuts).toBe(before + 2);
      const expected = Array.from({ length: 2_990 }, (_, n) => (direction === 'forwards' ? n : 2_999 - n));
      expect(seen).toEqual(expected);
    }
    const positions: number[] = [];
    for await (const event of client.readAll({ from: 100 })) {
      positions.push(event.position);
      if (positions.length === 700) cutter.cut();
    }
    expect(positions).toEqual(Array.from({ length: 2_900 }, (_, n) => n + 100));
  });

  it.each([
    ['a stream', { stream: 'live' }],
    ['all', { filter: { kind: 'stream-prefix', prefix: 'live' } }],
  ] as const)('is subscribed to %s without gap or duplicate', async (_name, target) => {
    const writer = service.client();
    const total = 400;
    const abort = new AbortController();
    const writing = (async () => {
      for (let n = 0; n < total; n++) {
        await writer.append(n % 2 === 0 ? 'live' : 'other', [{ type: `t${n}` }]);
        if (n % 90 === 50) cutter.cut();
      }
    })();
    const seen: string[] = [];
    const reason = new Error('seen all');
    const reading = (async () => {
      for await (const event of client.subscribe(target, { signal: abort.signal })) {
        seen.push(event.type);
        if (event.type === `t${total - 2}`) abort.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
    await writing;
    expect(seen).toEqual(Array.from({ length: total / 2 }, (_, n) => `t${n * 2}`));
  });

  it.each(['live', 'absent'])(
    'that subscribed to the end of %s misses nothing that came after it',
    async (streamId) => {
      const writer = service.client();
      await writer.append('live', [{ type: 'before' }]);
      for (const target of [{ stream: streamId, after: 'end' }, { after: 'end' }] as const) {
        const abort = new AbortController();
        const subscription = client.subscribe(target, { signal: abort.signal }).messages();
        const kinds: string[] = [];
        for (let kind = ''; kind !== 'caught-up'; kinds.push(kind))
          kind = (await subscription.next()).value?.kind ?? 'end';
        expect(kinds).toEqual(['confirmed', 'caught-up']);
        cutter.cut();
        await writer.append(streamId, [{ type: 'after' }]);
        let types: string[] = [];
        while (types.length === 0) {
          const { value } = await subscription.next();
          if (value?.kind === 'events') types = value.events.map(({ type }) => type);
        }
        expect(types).toEqual(['after']);
        await subscription.return();
      }
      await eventually('the subscriptions to end', () => service.server.liveCalls === 0);
    },
  );
});

describe('a client of several members', () => {
  const stop: (() => unknown)[] = [];
  afterEach(async () => {
    for (const each of stop.splice(0)) await each();
  });
  async function member(given: Partial<EventPipeline>): Promise<GrpcService> {
    const service = await startService({ pipeline: scriptedPipeline(given) });
    stop.push(() => service.stop());
    return service;
  }
  const answering = (position: number): Partial<EventPipeline> => ({
    append: () => Promise.resolve([resultAt(position)]),
  });

  it('goes to the next when one is gone', async () => {
    const [one, two] = [await member(answering(1)), await member(answering(2))];
    const client = new GraveyarClient([one.address, two.address], quick);
    stop.push(() => client.close());
    expect(await client.append('s', [{ type: 't' }])).toMatchObject({ firstPosition: 1 });
    await one.stop();
    expect(await client.append('s', [{ type: 't' }])).toMatchObject({ firstPosition: 2 });
  });

  it('goes to the leader that a member names, also in a session', async () => {
    const leader = await member(answering(7));
    const notLeader = new StoreError('NOT_LEADER', 'not here', { leaderId: 'b', endpoint: leader.address });
    const follower = await member({ append: () => Promise.reject(notLeader) });
    const client = new GraveyarClient([follower.address], quick);
    stop.push(() => client.close());
    const session = client.session();
    expect(await session.append('s', [{ type: 't' }])).toMatchObject({ firstPosition: 7 });
    await session.close();
    expect(await client.append('s', [{ type: 't' }])).toMatchObject({ firstPosition: 7 });
  });

  it('tries again what was refused for a passing reason, with the same ids', async () => {
    const ids: string[] = [];
    const errors = [
      new StoreError('OVERLOADED', 'full', { queue: 'admission', limit: 1 }),
      new StoreError('OUTCOME_UNKNOWN', 'who knows', { reason: 'test' }),
      new StoreError('NOT_SERVING', 'not yet', { reason: 'test' }),
    ];
    const { client } = await member({
      append: ({ streams }) => {
        ids.push(streams[0]?.events[0]?.id ?? '');
        const error = errors.shift();
        return error === undefined ? Promise.resolve([resultAt(3)]) : Promise.reject(error);
      },
    });
    expect(await client(quick).append('s', [{ type: 't' }])).toMatchObject({ firstPosition: 3 });
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(1);
  });

  it('does not try again what cannot succeed', async () => {
    let calls = 0;
    const { client } = await member({
      append: () => {
        calls++;
        return Promise.reject(new StoreError('STORAGE_IO', 'disk', { path: '/x', reason: 'EIO' }));
      },
    });
    await expect(client(quick).append('s', [{ type: 't' }])).rejects.toMatchObject({ code: 'STORAGE_IO' });
    expect(calls).toBe(1);
  });

  it('gives up at the deadline, with the last reason', async () => {
    const client = new GraveyarClient('127.0.0.1:1', { ...quick, deadlineMillis: 300 });
    stop.push(() => client.close());
    await expect(client.append('s', [{ type: 't' }])).rejects.toBeInstanceOf(UnavailableError);
    const { pipeline } = holdingPipeline();
    const slow = await member(pipeline);
    const late = slow.client().append('s', [{ type: 't' }], { deadlineMillis: 200 });
    await expect(late).rejects.toBeInstanceOf(DeadlineExceededError);
    const session = slow.client({ deadlineMillis: 100 }).session();
    await expect(session.append('s', [{ type: 't' }])).rejects.toBeInstanceOf(DeadlineExceededError);
  });

  it('says of a server that it reached what it was refused for last, when the time is over', async () => {
    // As a member without a quorum: it says so, and the next time it holds the call for longer than there is time.
    let calls = 0;
    const { client, address } = await member({
      append: (_, signal) => {
        if (calls++ === 0) return Promise.reject(new StoreError('NOT_LEADER', 'no leader is known', nobody));
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
      },
    });
    const failed: unknown = await client({ ...quick, deadlineMillis: 1_000 })
      .append('s', [{ type: 't' }])
      .catch((error: unknown) => error);
    // The append that was held may have been made.
    expect(failed).toBeInstanceOf(DeadlineExceededError);
    const late = `no answer from ${address} within the deadline`;
    expect((failed as Error).message).toBe(`${late}; the answer before: no leader is known`);
    expect(calls).toBe(2);
    const first = client(quick).append('s', [{ type: 't' }], { deadlineMillis: 300 });
    await expect(first).rejects.toMatchObject({ message: late });
  });
});

describe('a client that reaches no server', () => {
  const clientOf = (addresses: string[], options: ClientOptions): GraveyarClient => {
    const client = new GraveyarClient(addresses, { ...quick, ...options });
    onTestFinished(() => client.close());
    return client;
  };
  const refused = { code: 'UNAVAILABLE', message: 'cannot reach 127.0.0.1:1: connection refused' };

  it('says which address, and why, in a call and in a read', async () => {
    const client = clientOf(['127.0.0.1:1'], { connectMillis: 100 });
    const failed: unknown = await client.append('s', [{ type: 't' }]).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UnavailableError);
    expect(failed).toMatchObject(refused);
    await expect(client.readStream('s').toArray()).rejects.toMatchObject(refused);
  });

  it('names all addresses, with a reason for each when they differ', async () => {
    const one = clientOf(['127.0.0.1:1', '127.0.0.1:2'], { connectMillis: 500 });
    await expect(one.append('s', [{ type: 't' }])).rejects.toMatchObject({
      message: 'cannot reach 127.0.0.1:1, 127.0.0.1:2: connection refused',
    });
    const two = clientOf(['127.0.0.1:1', 'no-such-host.invalid:4000'], { connectMillis: 3_000 });
    await expect(two.append('s', [{ type: 't' }])).rejects.toMatchObject({
      message: 'cannot reach 127.0.0.1:1 (connection refused), no-such-host.invalid:4000 (the name cannot be resolved)',
    });
  });

  it('says so in a session whose append was not answered in time', async () => {
    const session = clientOf(['127.0.0.1:1'], { deadlineMillis: 1_000 }).session();
    const failed: unknown = await session.append('s', [{ type: 't' }]).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(DeadlineExceededError);
    expect((failed as Error).message).toBe(`no answer to the append within its deadline: ${refused.message}`);
  });

  it('goes on to the next member, whatever it calls, when a connection is taken and nothing is said on it', async () => {
    const { address, taken } = await silentServer();
    const service = await startService();
    onTestFinished(() => service.stop());
    const addresses = [address, service.address];
    // Without a deadline that would end the waiting.
    const options = { deadlineMillis: 600_000 };
    const [client, inSession, reader, subscriber] = [0, 1, 2, 3].map(() => clientOf(addresses, options));
    const appended = await client?.append('s', [{ type: 'a' }]);
    expect(appended).toMatchObject({ lastRevision: 0 });
    expect(await inSession?.session().append('s', [{ type: 'b' }])).toMatchObject({ lastRevision: 1 });
    expect((await reader?.readStream('s').toArray())?.map(({ type }) => type)).toEqual(['a', 'b']);
    const first = await subscriber?.subscribe({})[Symbol.asyncIterator]().next();
    expect(first?.value).toMatchObject({ type: 'a' });
    expect(taken.size).toBeGreaterThan(0);
  });

  it('tells that once when its time is over', async () => {
    const silent = await silentServer();
    const client = clientOf([silent.address, '127.0.0.1:1'], { deadlineMillis: 1_500 });
    const failed: unknown = await client.append('s', [{ type: 't' }]).catch((error: unknown) => error);
    expect((failed as Error).message).toMatch(/^[^;]*cannot reach [^;]*$/);
  });

  it('gives up after the time it was given for that, long before its deadline', async () => {
    const client = clientOf(['127.0.0.1:1'], { deadlineMillis: 10 * 60_000, connectMillis: 200 });
    await expect(client.append('s', [{ type: 't' }])).rejects.toMatchObject(refused);
    await expect(client.session().append('s', [{ type: 't' }])).rejects.toMatchObject(refused);
    await expect(client.readAll().toArray()).rejects.toMatchObject(refused);
    await expect(client.subscribe({})[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
  });

  it('does not give up so early once it has reached one', async () => {
    const service = await startService();
    const client = clientOf([service.address], { deadlineMillis: 60_000, connectMillis: 1 });
    await client.append('s', [{ type: 't' }]);
    await service.stop();
    const settled: string[] = [];
    const session = client.session();
    const calls = [client.append('s', [{ type: 't' }]), session.append('s', [{ type: 't' }])];
    for (const call of calls) void call.catch((error: unknown) => settled.push((error as GraveyarError).code));
    // By the end of this one, the others have failed to connect many times.
    const short = client.append('s', [{ type: 't' }], { deadlineMillis: 1_000 });
    await expect(short).rejects.toThrow(`cannot reach ${service.address}: connection refused`);
    expect(settled).toEqual([]);
    client.close();
    await Promise.allSettled(calls);
    expect(settled).toEqual(['CLOSED', 'CLOSED']);
  });
});

describe('a session', () => {
  it('rejects what the server is too busy for, and goes on; bounds what waits', async () => {
    const { pipeline, held } = holdingPipeline();
    const service = await startService({ pipeline });
    const session = service.client().session({ window: 2, queue: 2 });
    const appends = ['a', 'b', 'c', 'd'].map((id) => session.append(id, [{ type: 't' }]));
    const outcomes = Promise.allSettled(appends);
    await expect(session.append('e', [{ type: 't' }])).rejects.toBeInstanceOf(OverloadedError);
    await eventually('the window to be full', () => held.length === 2);
    held[0]?.fail(new StoreError('OVERLOADED', 'full', { queue: 'admission', limit: 1 }));
    await eventually('the next', () => held.length === 3);
    expect(held.map(({ append }) => append.streams[0]?.streamId)).toEqual(['a', 'b', 'c']);
    held[1]?.succeed(1);
    held[2]?.succeed(2);
    await eventually('the last', () => held.length === 4);
    held[3]?.succeed(3);
    const [first, ...others] = await outcomes;
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'OVERLOADED', retryable: true } });
    expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    await session.close();
    const closed: unknown = await session.append('f', [{ type: 't' }]).catch((error: unknown) => error);
    expect((closed as GraveyarError).code).toBe('CLOSED');
    await service.stop();
  });

  it('fails all that waits when its client is closed', async () => {
    const { pipeline, held } = holdingPipeline();
    const service = await startService({ pipeline });
    const client = new GraveyarClient(service.address, quick);
    const session = client.session();
    const appended = session.append('a', [{ type: 't' }]);
    await eventually('it to arrive', () => held.length === 1);
    client.close();
    await service.server.stop(0);
    await expect(appended).rejects.toMatchObject({ code: 'CLOSED' });
    await session.close();
    await service.stop();
  });
});
