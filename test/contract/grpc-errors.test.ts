// What a foreign client sees when something is wrong: canonical code, typed details, no internals.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '../../src/domain/errors.ts';
import {
  AppendEventRequest,
  AppendTransactionRequest,
  ListStreamsRequest,
  ReadAllRequest,
  ReadStreamRequest,
  SubscribeRequest,
} from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import { InvariantViolation } from '../../src/lib/assert.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService, RawClient } from '../support/grpc-service.ts';
import { eventId } from '../support/events.ts';
import { scriptedPipeline } from '../support/scripted-pipeline.ts';

const INVALID_ARGUMENT = 3;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const DATA_LOSS = 15;

const event = {
  id: eventId(1),
  type: 't',
  data: Buffer.alloc(0),
  contentType: '',
  metadata: Buffer.alloc(0),
  tags: [] as string[],
};

function append(overrides: Partial<AppendEventRequest> = {}): Uint8Array {
  return AppendEventRequest.encode({
    streamId: 's',
    events: [event],
    expectedVersion: undefined,
    ...overrides,
  }).finish();
}

describe('a request that is wrong', () => {
  let service: GrpcService;
  let raw: RawClient;
  beforeAll(async () => {
    service = await startService();
    raw = service.raw();
  });
  afterAll(() => service.stop());

  const unary = ['AppendEvent', 'AppendTransaction', 'ListStreams', 'grpc.health.v1.Health/Check'];
  const streaming = ['ReadStream', 'ReadAll', 'Subscribe', 'grpc.health.v1.Health/Watch'];
  const fail = async (
    method: string,
    request: Uint8Array,
  ): Promise<{ code: number; details: string; field: string }> => {
    const answer = unary.includes(method) ? await raw.unary(method, request) : await raw.streaming(method, request);
    if (!('code' in answer)) throw new Error(`${method} was accepted`);
    const field = answer.info?.details?.$case === 'invalidArgument' ? answer.info.details.invalidArgument.field : '';
    return { code: answer.code, details: answer.details, field };
  };

  it.each([...unary, ...streaming])('%s: bytes that are no message are INVALID_ARGUMENT', async (method) => {
    for (const bytes of [[0x0a], [0x0a, 0x05, 0x61], [0x0f], [0x08, 0x80]]) {
      const { code, details, field } = await fail(method, Buffer.from(bytes));
      expect({ code, field }).toEqual({ code: INVALID_ARGUMENT, field: 'request' });
      expect(details).toContain('not a valid protobuf message');
      expect(details).not.toContain(' at ');
    }
  });

  it.each([
    ['AppendEvent', [0x0a, 1, 0xff]],
    ['ListStreams', [0x0a, 1, 0xff]],
    ['ReadStream', [0x0a, 2, 0xc3, 0x28]],
    ['ReadAll', [0x2a, 3, 0x0a, 1, 0xff]],
    ['Subscribe', [0x0a, 3, 0x0a, 1, 0xff]],
    ['grpc.health.v1.Health/Check', [0x0a, 1, 0xff]],
  ])('%s: text that is not UTF-8 is INVALID_ARGUMENT', async (method, bytes) => {
    const { code, details } = await fail(method, Buffer.from(bytes));
    expect(code).toBe(INVALID_ARGUMENT);
    expect(details).toContain('is not valid UTF-8');
  });

  const read = { streamId: 's', direction: 0, fromRevision: undefined, limit: 0, consistency: undefined } as const;
  const all = { direction: 0, from: undefined, limit: 0, filter: undefined, consistency: undefined } as const;
  const list = { prefix: '', pageSize: 0, pageToken: '', consistency: undefined };
  const nothing = { kind: undefined };
  const time = (seconds: number, nanos: number): ReadAllRequest['from'] => ({
    $case: 'fromTime',
    fromTime: { seconds, nanos },
  });
  it.each<[string, string, Uint8Array, string]>([
    ['stream_id', 'AppendEvent', append({ streamId: '' }), 'stream_id'],
    ['events', 'AppendEvent', append({ events: [] }), 'events'],
    ['expected_version', 'AppendEvent', append({ expectedVersion: nothing }), 'expected_version'],
    ['events[1].id', 'AppendEvent', append({ events: [event, { ...event, id: 'x' }] }), 'events[1].id'],
    ['events[0].type', 'AppendEvent', append({ events: [{ ...event, type: '' }] }), 'events[0].type'],
    ['events[0].tags', 'AppendEvent', append({ events: [{ ...event, tags: ['a', 'a'] }] }), 'events[0].tags[1]'],
    [
      'an append of a transaction',
      'AppendTransaction',
      AppendTransactionRequest.encode({
        appends: [
          { streamId: 'a', events: [event], expectedVersion: undefined },
          { streamId: 'b', events: [event], expectedVersion: nothing },
        ],
        condition: undefined,
      }).finish(),
      'appends[1].expected_version',
    ],
    [
      'the condition of a transaction',
      'AppendTransaction',
      AppendTransactionRequest.encode({
        appends: [{ streamId: 'a', events: [event], expectedVersion: undefined }],
        condition: { query: undefined, afterPosition: undefined },
      }).finish(),
      'condition.query',
    ],
    ['stream_id', 'ReadStream', ReadStreamRequest.encode({ ...read, streamId: '' }).finish(), 'stream_id'],
    ['direction', 'ReadStream', ReadStreamRequest.encode({ ...read, direction: 9 as 0 }).finish(), 'direction'],
    ['consistency', 'ReadStream', ReadStreamRequest.encode({ ...read, consistency: nothing }).finish(), 'consistency'],
    ['filter', 'ReadAll', ReadAllRequest.encode({ ...all, filter: nothing }).finish(), 'filter'],
    [
      'a filter that does not compile',
      'ReadAll',
      ReadAllRequest.encode({ ...all, filter: { kind: { $case: 'typeRegex', typeRegex: '(' } } }).finish(),
      'filter.type_regex',
    ],
    ['nanos', 'ReadAll', ReadAllRequest.encode({ ...all, from: time(0, -1) }).finish(), 'from_time.nanos'],
    ['seconds', 'ReadAll', ReadAllRequest.encode({ ...all, from: time(1e12, 0) }).finish(), 'from_time.seconds'],
    ['far times', 'ReadAll', ReadAllRequest.encode({ ...all, from: time(2e10, 0) }).finish(), 'from_time'],
    ['target', 'Subscribe', SubscribeRequest.encode({ target: undefined }).finish(), 'target'],
    [
      'the stream of a subscription',
      'Subscribe',
      SubscribeRequest.encode({ target: { $case: 'stream', stream: { streamId: '', start: undefined } } }).finish(),
      'stream.stream_id',
    ],
    [
      'the filter of a subscription',
      'Subscribe',
      SubscribeRequest.encode({ target: { $case: 'all', all: { filter: nothing, start: undefined } } }).finish(),
      'all.filter',
    ],
    ['page_token', 'ListStreams', ListStreamsRequest.encode({ ...list, pageToken: 'AXg!' }).finish(), 'page_token'],
    ['page_token', 'ListStreams', ListStreamsRequest.encode({ ...list, pageToken: 'AnN0' }).finish(), 'page_token'],
  ])('%s (%s) is INVALID_ARGUMENT and names the field', async (_name, method, request, expected) => {
    const { code, field, details } = await fail(method, request);
    expect({ code, field }).toEqual({ code: INVALID_ARGUMENT, field: expected });
    expect(details).toContain(expected);
  });

  it('has a page token of another listing refused', async () => {
    const client = service.client();
    await client.append('token-a', [{ type: 't' }]);
    await client.append('token-b', [{ type: 't' }]);
    const { nextPageToken } = await client.listStreamsPage({ prefix: 'token-', pageSize: 1 });
    expect(nextPageToken).not.toBe('');
    const next = await client.listStreamsPage({ prefix: 'token-', pageSize: 1, pageToken: nextPageToken });
    expect(next.streams.map(({ streamId }) => streamId)).toEqual(['token-b']);
    const other = client.listStreamsPage({ prefix: 'other', pageToken: nextPageToken });
    await expect(other).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field: 'page_token' });
  });

  it('is UNIMPLEMENTED when there is no such method', async () => {
    expect(await raw.failure('Nothing', Buffer.alloc(0))).toMatchObject({ code: UNIMPLEMENTED });
  });

  it('of a health check is NOT_FOUND when there is no such service', async () => {
    const request = Buffer.concat([Buffer.of(10, 4), Buffer.from('none')]);
    expect(await raw.failure('grpc.health.v1.Health/Check', request)).toMatchObject({ code: 5, info: null });
  });
});

describe('an error inside', () => {
  async function failing(
    error: Error,
  ): Promise<{ service: GrpcService; answer: Awaited<ReturnType<RawClient['failure']>> }> {
    const service = await startService({ pipeline: scriptedPipeline({ append: () => Promise.reject(error) }) });
    const answer = await service.raw().failure('AppendEvent', append());
    await service.stop();
    return { service, answer };
  }

  it('that nobody expected shows a reference, and the log has the rest', async () => {
    const { service, answer } = await failing(new Error('secret at /var/lib'));
    expect(answer.code).toBe(INTERNAL);
    expect(answer.info).toEqual({ code: 'INTERNAL', retryable: false, details: undefined });
    expect(answer.details).not.toContain('secret');
    const reference = String(service.errors[0]?.fields['reference']);
    expect(answer.details).toBe(`internal error, see the server's log, reference ${reference}`);
    expect(service.errors).toHaveLength(1);
    expect(service.errors[0]?.fields).toMatchObject({
      method: 'graveyar.v1.EventStore/AppendEvent',
      error: { message: 'secret at /var/lib' },
    });
    expect(service.fatal).toEqual([]);
  });

  it('of the storage shows its kind, not its path', async () => {
    const details = { path: '/var/lib/x', advice: 'restore' };
    const { service, answer } = await failing(new StoreError('STORAGE_CORRUPT', 'damage in /var/lib/x', details));
    expect(answer).toMatchObject({ code: DATA_LOSS, info: { code: 'STORAGE_CORRUPT', retryable: false } });
    expect(answer.details).not.toContain('/var/lib');
    expect(service.errors).toHaveLength(1);
  });

  it('that breaks an invariant reaches the handler that ends the process', async () => {
    const violation = new InvariantViolation('one and one is three');
    const { service, answer } = await failing(violation);
    expect(answer.code).toBe(INTERNAL);
    expect(service.fatal).toEqual([violation]);
  });

  it('that is thrown instead of rejected is no different', async () => {
    const throwing = scriptedPipeline({
      append: () => {
        throw new Error('thrown');
      },
      async *readAll() {
        await Promise.resolve();
        yield await Promise.reject(new Error('later'));
      },
    });
    const service = await startService({ pipeline: throwing });
    expect(await service.raw().failure('AppendEvent', append())).toMatchObject({ code: INTERNAL });
    expect(await service.raw().streaming('ReadAll', Buffer.alloc(0))).toMatchObject({ code: INTERNAL });
    expect(service.errors).toHaveLength(2);
    expect(service.server.liveCalls).toBe(0);
    await service.stop();
  });

  it('has every text made fit for headers', async () => {
    const message = `lone \ud800, ${'ü'.repeat(5_000)}`;
    const details = { field: 'f'.repeat(5_000), limit: '\udc00' };
    const { answer } = await failing(new StoreError('INVALID_ARGUMENT', message, details));
    expect(answer.code).toBe(INVALID_ARGUMENT);
    expect(answer.details).toMatch(/^lone \ufffd, ü+…$/);
    expect(answer.details.length).toBe(1024);
    expect(answer.info?.details).toMatchObject({ invalidArgument: { limit: '\ufffd' } });
  });
});
