// Servers that lead or do not lead, as their administration says: what is passed on, what is refused, and what the SDK makes of it.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Metadata, status } from '@grpc/grpc-js';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { errorFromFailure } from '../../src/client/error-from-status.ts';
import { appendMessage } from '../../src/client/new-event.ts';
import { GraveyarClient } from '../../src/client/index.ts';
import type { ClusterAdmin, LeaderHint } from '../../src/cluster/cluster-admin.ts';
import { StoreError } from '../../src/domain/errors.ts';
import {
  AppendEventRequest,
  AppendEventResponse,
  AppendSessionRequest,
  AppendSessionResponse,
} from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import type { EventPipeline } from '../../src/pipeline/event-pipeline.ts';
import { eventually } from '../support/eventually.ts';
import { failure, startService } from '../support/grpc-service.ts';
import type { GrpcService, RawClient, RawFailure } from '../support/grpc-service.ts';
import { holdingPipeline, resultAt, scriptedPipeline } from '../support/scripted-pipeline.ts';

const running: GrpcService[] = [];
const clients: GraveyarClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(running.splice(0).map((service) => service.stop()));
});

/** A server whose leader is what `hint` says at the moment; it counts the appends it decides. */
interface Server extends GrpcService {
  hint: LeaderHint;
  appends: number;
  refusal: Error | null;
  /** Told when it knows a leader. */
  readonly waiting: ((hint: LeaderHint) => void)[];
}

/** Its appends go to `pipeline`, when that is given. */
async function server(given?: EventPipeline): Promise<Server> {
  const state: Pick<Server, 'hint' | 'appends' | 'refusal' | 'waiting'> = {
    waiting: [],
    hint: { leaderId: null, endpoint: null, self: false },
    appends: 0,
    refusal: null,
  };
  const notExpected = (): never => {
    throw new Error('not expected by the test');
  };
  const admin: ClusterAdmin = {
    status: notExpected,
    leader: () => state.hint,
    waitForLeader: (signal) =>
      state.hint.leaderId !== null
        ? Promise.resolve(state.hint)
        : new Promise((resolve, reject) => {
            state.waiting.push(resolve);
            signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          }),
    found: notExpected,
    addLearner: notExpected,
    promote: () => (state.refusal === null ? Promise.resolve() : Promise.reject(state.refusal)),
    remove: notExpected,
    replace: notExpected,
    transferLeadership: notExpected,
    watch: notExpected,
  };
  const decide = (): Promise<ReturnType<typeof resultAt>[]> => {
    if (state.refusal !== null) return Promise.reject(state.refusal);
    return Promise.resolve([resultAt(state.appends++)]);
  };
  const pipeline = given ?? scriptedPipeline({ append: decide });
  const service = await startService({ pipeline, cluster: { admin, forwardTls: null } });
  running.push(service);
  return Object.assign(state, service);
}

/** Everybody takes `leader` for the leader. */
function elect(leader: Server, ...others: Server[]): void {
  leader.hint = { leaderId: 1, endpoint: leader.address, self: true };
  for (const other of others) other.hint = { ...leader.hint, self: false };
  for (const one of [leader, ...others]) for (const tell of one.waiting.splice(0)) tell(one.hint);
}

const append = appendMessage('s', [{ type: 't' }]);
const request = Buffer.from(AppendEventRequest.encode(append).finish());

/** A plain client's session: messages are bytes. */
function sessionOf(raw: RawClient): ClientDuplexStream<Buffer, Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  return raw.client.makeBidiStreamRequest('/graveyar.v1.EventStore/AppendSession', same, same, new Metadata());
}

function requiringLeader(): Metadata {
  const metadata = new Metadata();
  metadata.set('graveyar-require-leader', 'true');
  return metadata;
}

/** A plain client's append with metadata. */
function appendWith(raw: RawClient, values: Record<string, string>, millis = 10_000): Promise<Buffer | RawFailure> {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    const path = '/graveyar.v1.EventStore/AppendEvent';
    raw.client.makeUnaryRequest(
      path,
      same,
      same,
      request,
      metadata,
      { deadline: Date.now() + millis },
      (error, answer) => {
        resolve(error === null ? (answer ?? Buffer.alloc(0)) : failure(error));
      },
    );
  });
}

function codeOf(outcome: Buffer | RawFailure): number {
  return Buffer.isBuffer(outcome) ? status.OK : outcome.code;
}

function sdk(options: { deadlineMillis?: number }, ...servers: { readonly address: string }[]): GraveyarClient {
  const client = new GraveyarClient(
    servers.map(({ address }) => address),
    options,
  );
  clients.push(client);
  return client;
}

describe('an append at a member that does not lead', () => {
  it('is answered by the leader', async () => {
    const [a, b] = [await server(), await server()];
    elect(a, b);
    const answer = await appendWith(b.raw(), {});
    expect(Buffer.isBuffer(answer) && AppendEventResponse.decode(answer)).toEqual(resultAt(0));
    expect([a.appends, b.appends]).toEqual([1, 0]);
  });

  it('is refused with the address of the leader when only the leader may answer', async () => {
    const [a, b] = [await server(), await server()];
    elect(a, b);
    expect(await appendWith(b.raw(), { 'graveyar-require-leader': 'true' })).toMatchObject({
      info: { code: 'NOT_LEADER', details: { notLeader: { leaderId: '1', endpoint: a.address } } },
    });
    expect([a.appends, b.appends]).toEqual([0, 0]);
  });

  it('that only the leader may answer waits a moment where no leader is known, and goes to it at once', async () => {
    const [one, leader] = [await server(), await server()];
    const refused = appendWith(one.raw(), { 'graveyar-require-leader': 'true' });
    await eventually('the call to wait', () => one.waiting.length > 0);
    elect(leader, one);
    expect(await refused).toMatchObject({ info: { details: { notLeader: { endpoint: leader.address } } } });
    // It leads itself by then.
    const own = await server();
    const taken = appendWith(own.raw(), { 'graveyar-require-leader': 'true' });
    await eventually('the call to wait', () => own.waiting.length > 0);
    elect(own);
    expect(Buffer.isBuffer(await taken)).toBe(true);
    expect([one.appends, own.appends]).toEqual([0, 1]);
    // A session likewise, and nobody waits for ever.
    const lost = await server();
    const session = lost.raw().client.makeBidiStreamRequest(
      '/graveyar.v1.EventStore/AppendSession',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      requiringLeader(),
    );
    const ended = await new Promise<ServiceError>((resolve) => session.once('error', resolve));
    expect(failure(ended)).toMatchObject({ info: { code: 'NOT_LEADER' } });
  });

  it('is passed on once only, even if two take each other for the leader', async () => {
    const [a, b] = [await server(), await server()];
    a.hint = { leaderId: 2, endpoint: b.address, self: false };
    b.hint = { leaderId: 1, endpoint: a.address, self: false };
    expect(await appendWith(b.raw(), { 'graveyar-forwarded': 'true' })).toMatchObject({ info: { code: 'NOT_LEADER' } });
    expect([status.DEADLINE_EXCEEDED, status.UNAVAILABLE]).toContain(codeOf(await appendWith(b.raw(), {}, 1_000)));
    expect([a.appends, b.appends]).toEqual([0, 0]);
  });

  it('fails as the leader says, with the details unchanged', async () => {
    const [a, b] = [await server(), await server()];
    elect(a, b);
    const details = { streamId: 's', expected: 'no stream', actualRevision: 4 };
    a.refusal = new StoreError('WRONG_EXPECTED_VERSION', 'the stream is at 4', details);
    expect(await appendWith(b.raw(), {})).toMatchObject({
      details: 'the stream is at 4',
      info: { code: 'WRONG_EXPECTED_VERSION', details: { wrongExpectedVersion: details } },
    });
  });

  it('goes to the next leader when the one that was known is gone', async () => {
    const [a, b, c] = [await server(), await server(), await server()];
    elect(a, b);
    await a.stop();
    const answered = appendWith(b.raw(), {});
    setTimeout(() => {
      elect(c, b);
    }, 100);
    expect(Buffer.isBuffer(await answered)).toBe(true);
    expect(c.appends).toBe(1);
  });

  it('goes to the next leader when the one that was known takes connections and says nothing', async () => {
    const [first, next] = [await server(), await server()];
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const connected = once(silent, 'connection');
    first.hint = { leaderId: 9, endpoint: `127.0.0.1:${port}`, self: false };
    const answer = appendWith(first.raw(), {}, 8_000);
    await connected;
    elect(next, first);
    expect(AppendEventResponse.decode((await answer) as Buffer)).toEqual(resultAt(0));
    expect(next.appends).toBe(1);
  });

  it('waits for a leader no longer than its deadline', async () => {
    const b = await server();
    expect([status.DEADLINE_EXCEEDED, status.UNAVAILABLE]).toContain(codeOf(await appendWith(b.raw(), {}, 700)));
    await eventually('the call to be over on the server', () => b.server.liveCalls === 0);
  });

  it('goes on to the new leader when leadership was lost while it was being decided', async () => {
    const [a, b] = [await server(), await server()];
    elect(a);
    b.hint = { leaderId: 2, endpoint: b.address, self: true };
    a.refusal = new StoreError('NOT_LEADER', 'no more', { leaderId: null, endpoint: null });
    const answered = appendWith(a.raw(), {});
    setTimeout(() => {
      a.hint = { ...b.hint, self: false };
    }, 50);
    expect(Buffer.isBuffer(await answered)).toBe(true);
    expect(b.appends).toBe(1);
  });

  it('takes sessions through to the leader and back, in order', async () => {
    const [a, b] = [await server(), await server()];
    elect(a, b);
    // Without the redirect of the SDK: the leader is out of its reach, as far as it knows.
    const call = sessionOf(b.raw());
    const count = 200;
    for (let at = 1; at <= count; at++) {
      call.write(Buffer.from(AppendSessionRequest.encode({ correlationId: at, append }).finish()));
    }
    call.end();
    const answers: number[] = [];
    for await (const bytes of call) {
      const { correlationId, result } = AppendSessionResponse.decode(bytes as Buffer);
      expect(result?.$case).toBe('success');
      answers.push(correlationId);
    }
    expect(answers).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    expect([a.appends, b.appends]).toEqual([count, 0]);
  });
});

describe('a session at a member that does not lead', () => {
  it.each([
    new StoreError('OUTCOME_UNKNOWN', 'nobody can tell', { reason: 'test' }),
    new StoreError('NOT_LEADER', 'not here any more', { leaderId: '9', endpoint: 'elsewhere:4000' }),
    new StoreError('NOT_SERVING', 'closing', { reason: 'test' }),
  ])('gets the answers and the end that the leader gave it: $code', async (error) => {
    const { pipeline, held } = holdingPipeline();
    const [a, b] = [await server(pipeline), await server()];
    elect(a, b);
    const call = sessionOf(b.raw());
    const answers: AppendSessionResponse[] = [];
    call.on('data', (bytes: Buffer) => answers.push(AppendSessionResponse.decode(bytes)));
    const ended = new Promise<RawFailure | null>((resolve) => {
      call.on('error', (failed: ServiceError) => resolve(failure(failed)));
      call.on('end', () => resolve(null));
    });
    for (const correlationId of [1, 2, 3]) {
      call.write(Buffer.from(AppendSessionRequest.encode({ correlationId, append }).finish()));
    }
    await eventually('all to arrive', () => held.length === 3);
    held[0]?.succeed(0);
    held[1]?.fail(error);
    await eventually('the rest to be called off', () => held[2]?.signal.aborted === true);
    held[2]?.fail(new StoreError('CANCELLED', 'called off', { reason: 'test' }));
    expect(await ended).toMatchObject({ details: error.message, info: { code: error.code } });
    const outcomes = answers.map(({ correlationId, result }) => [
      correlationId,
      result?.$case === 'failure' ? errorFromFailure(result.failure) : result?.$case,
    ]);
    expect(outcomes).toMatchObject([
      [1, 'success'],
      [2, { code: error.code, message: error.message }],
      [3, { code: 'NOT_SERVING' }],
    ]);
    await eventually('nothing to be left', () => a.server.liveCalls === 0 && b.server.liveCalls === 0);
  });

  it('keeps the order of an SDK session that goes on after it', async () => {
    const { pipeline, held } = holdingPipeline();
    const [a, b] = [await server(pipeline), await server()];
    elect(a, b);
    // The leader cannot be reached from where the client is: its session is relayed.
    const gone = await server();
    await gone.stop();
    b.hint = { leaderId: 1, endpoint: gone.address, self: false };
    const session = sdk({ deadlineMillis: 60_000 }, b).session();
    const results = Promise.all(['x', 'y'].map((stream) => session.append(stream, [{ type: 't' }])));
    setTimeout(() => {
      elect(a, b);
    }, 1_500);
    await eventually('both to arrive', () => held.length === 2);
    held[0]?.fail(new StoreError('OUTCOME_UNKNOWN', 'nobody can tell', { reason: 'test' }));
    await eventually('both to arrive again', () => held.length === 4);
    held[2]?.succeed(0);
    held[3]?.succeed(1);
    expect(await results).toEqual([resultAt(0), resultAt(1)]);
    expect(held.map(({ append: { streams } }) => streams[0]?.streamId)).toEqual(['x', 'y', 'x', 'y']);
  });
});

describe('a change of members', () => {
  it('is passed on, and its refusal comes back', async () => {
    const [a, b] = [await server(), await server()];
    elect(a, b);
    const client = sdk({}, b);
    await client.cluster.promote(7);
    a.refusal = new StoreError('MEMBERSHIP_REFUSED', 'it has not caught up', { reason: 'x' });
    await expect(client.cluster.promote(7)).rejects.toMatchObject({
      code: 'MEMBERSHIP_REFUSED',
      message: 'it has not caught up',
    });
  });
});

describe('the SDK', () => {
  it('goes to the leader that a member names, at once and from then on', async () => {
    const [a, b] = [await server(), await server()];
    elect(a, b);
    const client = sdk({}, b);
    for (let at = 0; at < 5; at++) await client.append('s', [{ type: 't' }]);
    await client.session().append('s', [{ type: 't' }]);
    expect([a.appends, b.appends]).toEqual([6, 0]);
  });

  it('asks members to pass appends on when the leader that they name is out of its reach', async () => {
    const [a, b] = [await server(), await server()];
    elect(a, b);
    const gone = await server();
    await gone.stop();
    b.hint = { leaderId: 1, endpoint: gone.address, self: false };
    const client = sdk({ deadlineMillis: 20_000 }, b);
    const appended = client.append('s', [{ type: 't' }]);
    setTimeout(() => {
      elect(a, b);
    }, 1_500);
    await appended;
    expect(a.appends).toBe(1);
  });
});
