// AppendSession from the view of a foreign client: order, failures in the middle, bounds, half-close, stop.
import { afterEach, describe, expect, it } from 'vitest';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { StoreError } from '../../src/domain/errors.ts';
import { AppendSessionRequest, AppendSessionResponse } from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import { noCallObserver } from '../../src/telemetry/call-observer.ts';
import { eventId } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { failure, startService } from '../support/grpc-service.ts';
import type { GrpcService, RawFailure } from '../support/grpc-service.ts';
import { holdingPipeline, scriptedPipeline } from '../support/scripted-pipeline.ts';

let service: GrpcService | null = null;
afterEach(async () => {
  await service?.stop();
  service = null;
});

interface Session {
  readonly call: ClientDuplexStream<AppendSessionRequest, AppendSessionResponse>;
  readonly answers: AppendSessionResponse[];
  /** Null after success. */
  readonly ended: Promise<RawFailure | null>;
  ask(correlationId: number, streamId?: string): void;
}

function open(running: GrpcService, paused = false): Session {
  const answers: AppendSessionResponse[] = [];
  const call = running.raw().client.makeBidiStreamRequest(
    '/graveyar.v1.EventStore/AppendSession',
    (message: AppendSessionRequest | Buffer) =>
      Buffer.isBuffer(message) ? message : Buffer.from(AppendSessionRequest.encode(message).finish()),
    (bytes: Buffer) => AppendSessionResponse.decode(bytes),
  ) as ClientDuplexStream<AppendSessionRequest, AppendSessionResponse>;
  call.on('data', (answer: AppendSessionResponse) => {
    answers.push(answer);
    if (paused && answers.length === 1) call.pause();
  });
  const ended = new Promise<RawFailure | null>((resolve) => {
    call.on('error', (error: ServiceError) => resolve(failure(error)));
    call.on('end', () => resolve(null));
  });
  return {
    call,
    answers,
    ended,
    ask: (correlationId, streamId = 's') => {
      const event = { type: 't', data: Buffer.alloc(0), contentType: '', metadata: Buffer.alloc(0), tags: [] };
      const events = [{ id: eventId(correlationId), ...event }];
      call.write({ correlationId, append: { streamId, events, expectedVersion: undefined } });
    },
  };
}

const ids = (answers: readonly AppendSessionResponse[]): number[] => answers.map(({ correlationId }) => correlationId);

describe('a session', () => {
  it('answers in the order of the requests, whatever comes first inside', async () => {
    const { pipeline, held } = holdingPipeline();
    service = await startService({ pipeline });
    const session = open(service);
    for (const id of [7, 3, 9, 4]) session.ask(id);
    await eventually('all to be in flight at once', () => held.length === 4);
    held[3]?.succeed(3);
    held[1]?.fail(new StoreError('STREAM_NOT_FOUND', 'gone', { streamId: 's' }));
    held[2]?.succeed(2);
    held[0]?.succeed(0);
    session.call.end();
    expect(await session.ended).toBeNull();
    expect(ids(session.answers)).toEqual([7, 3, 9, 4]);
    expect(session.answers.map(({ result }) => result?.$case)).toEqual(['success', 'failure', 'success', 'success']);
    expect(session.answers[1]?.result).toMatchObject({ failure: { code: 5, message: 'gone' } });
    expect(session.answers[3]?.result).toMatchObject({ success: { firstPosition: 3 } });
  });

  it.each([
    new StoreError('OUTCOME_UNKNOWN', 'lost', { reason: 'lost' }),
    new StoreError('NOT_LEADER', 'elsewhere', { leaderId: null, endpoint: null }),
    new StoreError('NOT_SERVING', 'not now', { reason: 'not now' }),
  ])('ends when its order can no longer be kept: after $code nothing later is decided', async (error) => {
    const { pipeline, held } = holdingPipeline();
    service = await startService({ pipeline });
    const session = open(service);
    for (const id of [1, 2, 3]) session.ask(id);
    await eventually('all to be in flight', () => held.length === 3);
    held[0]?.fail(error);
    await eventually('the rest to be called off', () => held[1]?.signal.aborted === true);
    session.ask(4);
    // As the pipeline answers: what was not decided was not done; of what was, the outcome is unknown.
    held[2]?.fail(new StoreError('CANCELLED', 'nothing was done', { reason: 'aborted' }));
    held[1]?.fail(new StoreError('OUTCOME_UNKNOWN', 'it was decided', { reason: 'aborted' }));
    expect(await session.ended).toMatchObject({ info: { code: error.code } });
    expect(ids(session.answers)).toEqual([1, 2, 3]);
    const failures = session.answers.map(({ result }) => (result?.$case === 'failure' ? result.failure.message : ''));
    expect(failures).toEqual([
      error.message,
      'it was decided',
      'nothing was done, as an append before it in the session has failed: ' + error.message,
    ]);
    expect(held).toHaveLength(3);
  });

  it('goes on after an append that is refused before it begins', async () => {
    const codes: number[] = [];
    service = await startService({
      observer: {
        ...noCallObserver,
        sessionAppendFinished: (code) => {
          codes.push(code);
        },
      },
    });
    const session = open(service);
    session.ask(1);
    session.ask(2, '');
    session.call.write({ correlationId: 3, append: undefined });
    session.ask(4);
    session.call.end();
    expect(await session.ended).toBeNull();
    expect(session.answers.map(({ result }) => result?.$case)).toEqual(['success', 'failure', 'failure', 'success']);
    expect(session.answers[1]?.result).toMatchObject({
      failure: { code: 3, message: expect.stringContaining('append.stream_id') as string },
    });
    expect(codes.sort()).toEqual([0, 0, 3, 3]);
  });

  it('ends at a message that cannot be read, after the answers to those before it', async () => {
    const { pipeline, held } = holdingPipeline();
    service = await startService({ pipeline });
    const session = open(service);
    session.ask(1);
    session.call.write(Buffer.of(0x0a, 9) as unknown as AppendSessionRequest);
    session.ask(2);
    await eventually('the first to arrive', () => held.length === 1);
    held[0]?.succeed(0);
    expect(await session.ended).toMatchObject({ code: 3, info: { code: 'INVALID_ARGUMENT' } });
    expect(ids(session.answers)).toEqual([1]);
    expect(held).toHaveLength(1);
  });

  it('has a bounded number in flight, and takes more as it answers', async () => {
    const { pipeline, held } = holdingPipeline();
    service = await startService({ pipeline });
    const session = open(service);
    for (let id = 0; id < 3_000; id++) session.ask(id);
    session.call.end();
    await eventually('the bound to be reached', () => held.length === 1024);
    held[0]?.succeed(0);
    await eventually('one more for one answered', () => held.length === 1025);
    for (let next = 1; next < 3_000; next++) {
      await eventually(`append ${next}`, () => held.length > next);
      held[next]?.succeed(next);
      expect(held.length).toBeLessThanOrEqual(next + 1 + 1024);
    }
    expect(await session.ended).toBeNull();
    expect(ids(session.answers)).toEqual(Array.from({ length: 3_000 }, (_, id) => id));
  });

  it('is held back by a client that does not read its answers', async () => {
    let appended = 0;
    service = await startService({
      pipeline: scriptedPipeline({
        append: () => {
          appended++;
          // An answer of more than 2,000 bytes.
          return Promise.reject(new StoreError('STREAM_NOT_FOUND', 'x'.repeat(1_000), { streamId: 's' }));
        },
      }),
    });
    const session = open(service, true);
    const total = 4_000;
    for (let id = 0; id < total; id++) session.ask(id);
    session.call.end();
    const other = service.raw();
    let before = -1;
    // Held back: while other calls come and go, no more appends are taken.
    while (before !== appended) {
      before = appended;
      for (let n = 0; n < 100; n++) await other.unary('AppendEvent', Buffer.alloc(0));
    }
    expect(appended).toBeLessThan(total);
    session.call.resume();
    expect(await session.ended).toBeNull();
    expect(session.answers).toHaveLength(total);
    expect(appended).toBe(total);
  });

  it('that is cancelled aborts what is in flight', async () => {
    const { pipeline, held } = holdingPipeline();
    service = await startService({ pipeline });
    const session = open(service);
    for (let id = 0; id < 100; id++) session.ask(id);
    await eventually('all to arrive', () => held.length === 100);
    session.call.cancel();
    await eventually('the session to end', () => service?.server.liveCalls === 0);
    expect(held.every(({ signal }) => signal.aborted)).toBe(true);
    for (const each of held) each.succeed(0);
    expect(service.errors).toEqual([]);
  });

  it('is ended by a stop after the answers to what was read', async () => {
    const { pipeline, held } = holdingPipeline();
    service = await startService({ pipeline });
    const session = open(service);
    session.ask(1);
    session.ask(2);
    await eventually('both to arrive', () => held.length === 2);
    const stopped = service.server.stop(10_000);
    held[1]?.succeed(1);
    held[0]?.succeed(0);
    expect(await session.ended).toMatchObject({ code: 14, info: { code: 'NOT_SERVING' } });
    expect(ids(session.answers)).toEqual([1, 2]);
    await stopped;
  });
});
