// The life of calls: deadlines, cancellation, back-pressure, health, reflection, connections, TLS and the stop.
import { connect } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { GraveyarClient } from '../../src/client/index.ts';
import type { GraveyarError } from '../../src/client/index.ts';
import { StoreError } from '../../src/domain/errors.ts';
import { AppendEventRequest } from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import { HealthClient } from '../../src/grpc/gen/grpc/health/v1/health.ts';
import { noCallObserver } from '../../src/telemetry/call-observer.ts';
import { eventId } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService } from '../support/grpc-service.ts';
import { batchAt, holdingPipeline, scriptedPipeline } from '../support/scripted-pipeline.ts';
import { testTls } from '../support/test-certificate.ts';

const DEADLINE_EXCEEDED = 4;
const event = {
  id: eventId(1),
  type: 't',
  data: Buffer.alloc(0),
  contentType: '',
  metadata: Buffer.alloc(0),
  tags: [],
};
const request = AppendEventRequest.encode({ streamId: 's', events: [event], expectedVersion: undefined }).finish();
const MiB = 1024 * 1024;

let service: GrpcService | null = null;
async function started(...options: Parameters<typeof startService>): Promise<GrpcService> {
  service = await startService(...options);
  return service;
}
afterEach(async () => {
  await service?.stop();
  service = null;
});

describe('a call', () => {
  it('whose deadline passes ends on both sides, and stops waiting inside', async () => {
    const { pipeline, held } = holdingPipeline();
    const { raw, server } = await started({ pipeline });
    const answer = raw().unary('AppendEvent', request, { deadline: Date.now() + 1_500 });
    await eventually('the append to arrive', () => held.length === 1);
    expect(await answer).toMatchObject({ code: DEADLINE_EXCEEDED });
    await eventually('the call to end', () => server.liveCalls === 0);
    // The client's clock runs out a little earlier, so that its cancellation may come first.
    const reason = held[0]?.signal.reason as StoreError;
    expect(['DEADLINE_EXCEEDED', 'CANCELLED']).toContain(reason.code);
  });

  it('without a deadline has the longest the server allows', async () => {
    const { pipeline, held } = holdingPipeline();
    const { raw } = await started({ pipeline, maxUnaryMillis: 50 });
    const failure = await raw().failure('AppendEvent', request);
    expect(failure).toMatchObject({ code: DEADLINE_EXCEEDED, info: { code: 'DEADLINE_EXCEEDED' } });
    expect(held[0]?.signal.aborted).toBe(true);
  });

  it('that takes too long says what is known of its outcome', async () => {
    const codes = ['OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED'] as const;
    for (const code of codes) {
      const append = (_append: unknown, signal: AbortSignal): Promise<never> =>
        new Promise((_, reject) => {
          const answer = (): void => reject(new StoreError(code, 'told by the pipeline', { reason: 'it knows' }));
          signal.addEventListener('abort', answer, { once: true });
        });
      const { raw } = await started({ pipeline: scriptedPipeline({ append }), maxUnaryMillis: 50 });
      expect(await raw().failure('AppendEvent', request)).toMatchObject({ info: { code } });
      await service?.stop();
    }
  });

  it('that is cancelled is aborted inside, and what comes later is dropped', async () => {
    const { pipeline, held } = holdingPipeline();
    const { client, server, errors } = await started({ pipeline });
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const appended = client().append('s', [{ type: 't' }], { signal: controller.signal });
    await eventually('the append to arrive', () => held.length === 1);
    controller.abort(reason);
    await expect(appended).rejects.toBe(reason);
    await eventually('the call to end', () => server.liveCalls === 0);
    expect(held[0]?.signal.reason).toMatchObject({ code: 'CANCELLED' });
    held[0]?.succeed(1);
    held[0]?.fail(new Error('nobody hears'));
    expect(errors).toEqual([]);
  });

  it('of a client that vanishes ends', async () => {
    const { pipeline, held } = holdingPipeline();
    const { raw, server } = await started({ pipeline });
    const client = raw();
    const answer = client.unary('AppendEvent', request);
    await eventually('the append to arrive', () => held.length === 1);
    client.close();
    client.client.getChannel().close();
    held[0]?.succeed(0);
    await answer;
    await eventually('the call to end', () => server.liveCalls === 0);
  });

  it('is told to the observer once, with its code', async () => {
    const finished: [string, number][] = [];
    let begun = 0;
    const observer = {
      ...noCallObserver,
      callStarted: () => {
        begun++;
      },
      callFinished: (method: string, code: number, millis: number) => {
        expect(millis).toBeGreaterThanOrEqual(0);
        finished.push([method, code]);
      },
    };
    const { raw } = await started({ observer });
    await raw().unary('AppendEvent', request);
    await raw().unary('AppendEvent', Buffer.alloc(0));
    await raw().streaming('ReadAll', Buffer.alloc(0));
    expect(begun).toBe(3);
    expect(finished).toEqual([
      ['graveyar.v1.EventStore/AppendEvent', 0],
      ['graveyar.v1.EventStore/AppendEvent', 3],
      ['graveyar.v1.EventStore/ReadAll', 0],
    ]);
  });
});

describe('a stream of answers', () => {
  it('is held back by a reader that does not read, and ends with it', async () => {
    let pulled = 0;
    let released = false;
    const pipeline = scriptedPipeline({
      async *readAll() {
        try {
          for (;;) yield await Promise.resolve(batchAt(pulled++, MiB));
        } finally {
          released = true;
        }
      },
    });
    const { raw, client, server } = await started({ pipeline });
    const call = raw().client.makeServerStreamRequest(
      '/graveyar.v1.EventStore/ReadAll',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      Buffer.alloc(0),
    );
    call.on('error', () => undefined);
    // The library reads without end until the first message has been taken.
    call.once('data', () => call.pause());
    await eventually('the first batch to be made', () => pulled > 0);
    // Held back: while other calls come and go, no more batches are made.
    const other = client();
    for (let before = -1; before !== pulled;) {
      before = pulled;
      for (let n = 0; n < 50; n++) await other.listStreamsPage().catch(() => undefined);
    }
    expect(pulled).toBeLessThan(25);
    call.cancel();
    await eventually('the read to be released', () => released && server.liveCalls === 0);
  });
});

describe('health', () => {
  it('is SERVING while the server serves, is watched, and its watches end with the server', async () => {
    const { address, server } = await started();
    const client = new HealthClient(address, credentials.createInsecure());
    const check = (name: string): Promise<number> =>
      new Promise((resolve, reject) => {
        client.check({ service: name }, (error, answer) => {
          if (error === null) resolve(answer.status);
          else reject(error);
        });
      });
    expect(await check('')).toBe(1);
    expect(await check('graveyar.v1.EventStore')).toBe(1);
    const seen: number[] = [];
    const unknown: number[] = [];
    let ended = 0;
    for (const [name, statuses] of [
      ['graveyar.v1.EventStore', seen],
      ['none', unknown],
    ] as const) {
      const watch = client.watch({ service: name });
      watch.on('data', ({ status }: { status: number }) => statuses.push(status));
      watch.on('error', ({ code }: { code: number }) => {
        expect(code).toBe(14);
        ended++;
      });
    }
    await eventually('the first states', () => seen.length === 1 && unknown.length === 1);
    server.setServing(false);
    expect(await check('')).toBe(2);
    server.setServing(true);
    await eventually('every change to be seen', () => seen.length === 3);
    await server.stop(2_000);
    expect(seen.slice(0, 3)).toEqual([1, 2, 1]);
    expect(unknown).toEqual([3]);
    await eventually('the watches to end', () => ended === 2);
    client.close();
  });
});

describe('reflection', () => {
  it.each(['v1', 'v1alpha'])('%s lists the services and describes them', async (version) => {
    const { raw } = await started();
    const ask = (question: Buffer): Promise<string> =>
      new Promise((resolve, reject) => {
        const call = raw().client.makeBidiStreamRequest(
          `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
        );
        call.on('data', (answer: Buffer) => {
          resolve(answer.toString('latin1'));
          call.end();
        });
        call.on('error', reject);
        call.write(question);
      });
    const services = await ask(Buffer.concat([Buffer.of(0x3a, 1), Buffer.from('*')]));
    expect(services).toContain('graveyar.v1.EventStore');
    expect(services).toContain('grpc.health.v1.Health');
    const symbol = Buffer.from('graveyar.v1.EventStore');
    const file = await ask(Buffer.concat([Buffer.of(0x22, symbol.length), symbol]));
    expect(file).toContain('AppendSession');
    expect(file).toContain('google/protobuf/timestamp.proto');
  });
});

describe('connections', () => {
  it('beyond the limit are refused and counted; within it they are served', async () => {
    let refused = 0;
    const observer = {
      ...noCallObserver,
      connectionRefused: () => {
        refused++;
      },
    };
    const { port, client } = await started({ maxConnections: 2, observer });
    await client().append('s', [{ type: 't' }]);
    const second = connect(port, '127.0.0.1');
    await new Promise((resolve) => second.once('connect', resolve));
    const third = connect(port, '127.0.0.1');
    third.on('error', () => undefined);
    await new Promise((resolve) => third.once('close', resolve));
    expect(refused).toBe(1);
    second.destroy();
    await client().append('s', [{ type: 't' }]);
  });

  it('that send no HTTP/2 do not harm the others', async () => {
    const { port, client, server } = await started();
    const stranger = connect(port, '127.0.0.1');
    stranger.on('error', () => undefined);
    stranger.resume();
    stranger.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => stranger.once('close', resolve));
    await client().append('s', [{ type: 't' }]);
    expect(server.liveCalls).toBe(0);
  });

  it('are encrypted with TLS, on request with certificates on both sides', async () => {
    const { cert, key } = testTls;
    const running = await started({ tls: { cert, key, ca: cert } });
    const trusted = new GraveyarClient(`localhost:${running.port}`, { tls: { ca: cert, cert, key } });
    expect(await trusted.append('s', [{ type: 't' }])).toMatchObject({ firstPosition: 0 });
    // Whichever attempt the deadline ends: what is told is why none succeeded.
    const options = { deadlineMillis: 2_000 };
    const withoutCertificate = new GraveyarClient(`localhost:${running.port}`, { tls: { ca: cert }, ...options });
    await expect(withoutCertificate.append('s', [{ type: 't' }])).rejects.toThrow(
      /cannot reach .*the server asks for a certificate of the client/,
    );
    await expect(running.client(options).append('s', [{ type: 't' }])).rejects.toThrow(
      /cannot reach .*Failed to connect/,
    );
    trusted.close();
    withoutCertificate.close();
  });

  it('check the name that they are told to check instead of the address', async () => {
    const { cert, key } = testTls;
    const { port } = await started({ tls: { cert, key } });
    const named = (serverName: string): GraveyarClient =>
      new GraveyarClient(`127.0.0.1:${port}`, { tls: { ca: cert, serverName }, deadlineMillis: 2_000 });
    const [right, wrong] = [named('localhost'), named('elsewhere.test')];
    expect(await right.append('s', [{ type: 't' }])).toMatchObject({ firstPosition: 0 });
    await expect(wrong.append('s', [{ type: 't' }])).rejects.toThrow(/cannot reach .*altnames/);
    right.close();
    wrong.close();
  });

  it('that cannot be listened for say why', async () => {
    const { port } = await started();
    await expect(startService({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('a stop', () => {
  it('finishes what is going on, ends subscriptions and refuses what is new', async () => {
    const { pipeline, held } = holdingPipeline();
    let subscribed = false;
    const { raw, server, port } = await started({
      pipeline: {
        ...pipeline,
        async *subscribe(_target, signal) {
          subscribed = true;
          yield { kind: 'confirmed', subscriptionId: 'x' };
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve, { once: true });
          });
          throw signal.reason;
        },
      },
    });
    const answer = raw().unary('AppendEvent', request);
    const subscription = raw().streaming('Subscribe', Buffer.of(0x12, 0));
    await eventually('both to arrive', () => held.length === 1 && subscribed);
    const stopped = server.stop(10_000);
    expect(await subscription).toMatchObject({ code: 14, info: { code: 'NOT_SERVING', retryable: true } });
    const refused = connect(port, '127.0.0.1');
    await new Promise((resolve) => refused.once('error', resolve));
    held[0]?.succeed(5);
    expect(Buffer.isBuffer(await answer)).toBe(true);
    await stopped;
    expect(server.liveCalls).toBe(0);
  });

  it('cuts off what does not end within the grace', async () => {
    const { pipeline, held } = holdingPipeline();
    const { client, server } = await started({ pipeline });
    const appended = client({ deadlineMillis: 1_000 }).append('s', [{ type: 't' }]);
    await eventually('the append to arrive', () => held.length === 1);
    const outcome = appended.catch((error: unknown) => error);
    await server.stop(50);
    // Cut off, the client tries again until its deadline.
    expect(['UNAVAILABLE', 'DEADLINE_EXCEEDED']).toContain(((await outcome) as GraveyarError).code);
    await eventually('the call to end', () => server.liveCalls === 0);
    expect(held[0]?.signal.reason).toBeInstanceOf(StoreError);
  });
});
