// Bad input: random bytes, mutated requests, storms of calls, clients that vanish. The server stays up, answers every call with
// a proper status, knows no internal error, and its memory returns. The seed is printed; GRAVEYAR_FUZZ_SEED replays it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AppendEventRequest,
  AppendSessionRequest,
  AppendTransactionRequest,
  ListStreamsRequest,
  ReadAllRequest,
  ReadStreamRequest,
  SubscribeRequest,
} from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import { eventId } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService, RawClient, RawFailure } from '../support/grpc-service.ts';

const seed = Number(process.env['GRAVEYAR_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Small, deterministic, good enough to choose bytes (mulberry32). */
function generator(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const event = {
  id: eventId(1),
  type: 'type',
  data: Buffer.from('{"a":1}'),
  contentType: 'application/json',
  metadata: Buffer.from('{}'),
  tags: ['one', 'two'],
};
const append = {
  streamId: 'fuzz',
  events: [event],
  expectedVersion: { kind: { $case: 'revision', revision: 7 } },
} as const;
const query = { items: [{ types: ['type'], tags: ['one'] }] };
const samples: Record<string, Uint8Array> = {
  AppendEvent: AppendEventRequest.encode({ ...append, events: [event] }).finish(),
  AppendTransaction: AppendTransactionRequest.encode({
    appends: [{ ...append, events: [event] }],
    condition: { query, afterPosition: 3 },
  }).finish(),
  AppendSession: AppendSessionRequest.encode({ correlationId: 1, append: { ...append, events: [event] } }).finish(),
  ReadStream: ReadStreamRequest.encode({
    streamId: 'fuzz',
    direction: 2,
    fromRevision: 5,
    limit: 3,
    consistency: { kind: { $case: 'local', local: {} } },
  }).finish(),
  ReadAll: ReadAllRequest.encode({
    direction: 1,
    from: { $case: 'fromTime', fromTime: { seconds: 1, nanos: 5 } },
    limit: 3,
    filter: { kind: { $case: 'query', query } },
    consistency: undefined,
  }).finish(),
  Subscribe: SubscribeRequest.encode({
    target: {
      $case: 'all',
      all: {
        filter: { kind: { $case: 'typeRegex', typeRegex: '^t' } },
        start: { $case: 'afterPosition', afterPosition: 2 },
      },
    },
  }).finish(),
  ListStreams: ListStreamsRequest.encode({ prefix: 'f', pageSize: 3, pageToken: '', consistency: undefined }).finish(),
  'grpc.health.v1.Health/Check': Buffer.from('0a0161', 'hex'),
};
const unary = ['AppendEvent', 'AppendTransaction', 'ListStreams', 'grpc.health.v1.Health/Check'];

/** Statuses that a caller's own mistakes lead to. */
const expectedCodes = [0, 1, 3, 4, 5, 6, 8, 9, 12];

function mutated(sample: Uint8Array, below: (limit: number) => number): Buffer {
  let bytes = Buffer.from(sample);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length + 1);
    const kind = below(5);
    if (kind === 0) bytes[at % Math.max(1, bytes.length)] = below(256);
    else if (kind === 1) bytes = bytes.subarray(0, at);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(below(256)), bytes.subarray(at)]);
    else if (kind === 3) bytes = Buffer.concat([bytes, bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(3))]);
    bytes = Buffer.from(bytes);
  }
  return bytes;
}

describe(`a server under bad input (seed ${seed})`, () => {
  let service: GrpcService;
  let raw: RawClient;
  beforeAll(async () => {
    console.log(`seed ${seed}`);
    service = await startService();
    raw = service.raw();
  });
  afterAll(() => service.stop());

  /** The code a call ends with. Calls that would go on for ever have a short deadline. */
  function code(method: string, request: Buffer): Promise<number> {
    if (unary.includes(method)) {
      return raw.unary(method, request).then((answer) => (Buffer.isBuffer(answer) ? 0 : answer.code));
    }
    return new Promise((resolve) => {
      const identity = (bytes: Buffer): Buffer => bytes;
      const path = `/graveyar.v1.EventStore/${method}`;
      const call = raw.client.makeBidiStreamRequest(path, identity, identity);
      call.on('error', (error) => resolve((error as unknown as RawFailure).code));
      call.on('end', () => resolve(0));
      // A subscription has stood when its first message comes; nothing else ends it.
      call.on('data', () => {
        if (method === 'Subscribe') call.cancel();
      });
      call.end(request);
    });
  }

  async function expectHealthy(): Promise<void> {
    expect(service.errors).toEqual([]);
    expect(service.fatal).toEqual([]);
    await eventually('all calls to end', () => service.server.liveCalls === 0);
    await service.client().append('healthy', [{ type: 't' }]);
  }

  it.each(Object.keys(samples))('%s answers random bytes with the status of a bad request', async (method) => {
    const below = generator(seed);
    const calls = Array.from({ length: 150 }, () => {
      const request = Buffer.from(Array.from({ length: below(60) }, () => below(256)));
      return code(method, request).then((found) => ({ found, request: request.toString('hex') }));
    });
    for (const { found, request } of await Promise.all(calls)) expect(expectedCodes, request).toContain(found);
    await expectHealthy();
  });

  it.each(Object.entries(samples))('%s answers mutated requests likewise', async (method, sample) => {
    const below = generator(seed + 1);
    for (let round = 0; round < 4; round++) {
      const calls = Array.from({ length: 100 }, () => {
        const request = mutated(sample, below);
        return code(method, request).then((found) => ({ found, request: request.toString('hex') }));
      });
      for (const { found, request } of await Promise.all(calls)) expect(expectedCodes, request).toContain(found);
    }
    await expectHealthy();
  });

  it('survives frames that are no gRPC, and connections that are no HTTP/2', async () => {
    const below = generator(seed + 2);
    for (let n = 0; n < 40; n++) {
      const socket = connect(service.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      const preface = below(2) === 0 ? Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') : Buffer.alloc(0);
      const noise = Buffer.from(Array.from({ length: 1 + below(300) }, () => below(256)));
      socket.end(Buffer.concat([preface, noise]));
      await once(socket, 'close');
    }
    await expectHealthy();
  });
});

describe('memory', () => {
  it('returns after 10,000 calls at a time, and after clients that vanish in the middle of theirs', async () => {
    const child = fork(new URL('storm-server.ts', import.meta.url).pathname, {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const ask = async (question: string): Promise<{ heap: number; live: number; port: number; errors: number }> => {
      child.send(question);
      const [answer] = (await once(child, 'message')) as [{ heap: number; live: number; port: number; errors: number }];
      return answer;
    };
    const { port } = await ask('state');
    const { RawClient: Raw } = await import('../support/grpc-service.ts');
    const storm = async (): Promise<void> => {
      const client = new Raw(`127.0.0.1:${port}`);
      const request = AppendEventRequest.encode({
        streamId: 'storm',
        events: [{ ...event, data: Buffer.alloc(1_000) }],
        expectedVersion: undefined,
      }).finish();
      const answers = await Promise.all(Array.from({ length: 10_000 }, () => client.unary('AppendEvent', request)));
      const codes = new Set(answers.map((answer) => (Buffer.isBuffer(answer) ? 0 : answer.code)));
      // Either done or refused as too much; nothing hangs and nothing breaks.
      for (const found of codes) expect([0, 8]).toContain(found);
      client.close();
    };
    const vanish = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) await vanishInTheMiddle(port);
    };
    await storm();
    await vanish();
    const before = await ask('state');
    for (let round = 0; round < 2; round++) {
      await storm();
      await vanish();
    }
    let after = await ask('state');
    for (let tries = 0; tries < 200 && after.live > 0; tries++) after = await ask('state');
    child.disconnect();
    expect(after.live).toBe(0);
    expect(after.errors).toBe(0);
    // Two more rounds leave less than a megabyte: a leak of 100 bytes a call would be two.
    expect(after.heap - before.heap).toBeLessThan(1024 * 1024);
  }, 120_000);
});

/** Makes calls of all kinds, half of one among them, and is gone without a word, as a process that is killed. */
async function vanishInTheMiddle(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  const call = (method: string, bytes: Uint8Array): http2.ClientHttp2Stream => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/graveyar.v1.EventStore/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    stream.write(bytes);
    return stream;
  };
  const whole = (message: Uint8Array): Buffer => {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(message.length, 1);
    return Buffer.concat([header, message]);
  };
  for (let n = 0; n < 10; n++) {
    call('AppendEvent', whole(samples['AppendEvent'] ?? Buffer.alloc(0)).subarray(0, 20));
    call('AppendSession', whole(samples['AppendSession'] ?? Buffer.alloc(0)));
    call('Subscribe', whole(Buffer.of(0x12, 0)));
  }
  // When the last one is answered, all have arrived.
  await once(call('Subscribe', whole(Buffer.of(0x12, 0))), 'response');
  socket.destroy();
  await once(session, 'close');
}
