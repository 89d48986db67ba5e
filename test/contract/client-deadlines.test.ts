// How long the SDK's calls may take: members that say nothing, members that are slow, and where it goes after them.
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DeadlineExceededError, GraveyarClient, UnavailableError } from '../../src/client/index.ts';
import type { ClientOptions } from '../../src/client/index.ts';
import { StoreError } from '../../src/domain/errors.ts';
import { yieldToEventLoop } from '../../src/lib/clock.ts';
import type { EventBatch, EventPipeline } from '../../src/pipeline/event-pipeline.ts';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService } from '../support/grpc-service.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { batchAt, scriptedPipeline } from '../support/scripted-pipeline.ts';

const stop: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of stop.splice(0).reverse()) await each();
});

async function member(given: Partial<EventPipeline>): Promise<GrpcService> {
  const service = await startService({ pipeline: scriptedPipeline(given) });
  stop.push(() => service.stop());
  return service;
}

/** As a process that is stopped: its system still takes connections. */
async function silent(): Promise<string> {
  const taken = new Set<Socket>();
  const server = createServer((socket) => taken.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  stop.push(() => {
    for (const socket of taken) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function clientOf(addresses: readonly string[], options: ClientOptions = {}): GraveyarClient {
  const client = new GraveyarClient(addresses, { discover: false, ...options });
  stop.push(() => client.close());
  return client;
}

async function* one(): AsyncGenerator<EventBatch> {
  yield await Promise.resolve(batchAt(0, 1));
}

/** Answers nothing until the caller goes away. */
async function* held(_request: unknown, signal: AbortSignal): AsyncGenerator<never> {
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  throw signal.reason;
}

async function* failing(error: StoreError): AsyncGenerator<never> {
  await Promise.reject(error);
}

/** How a call that is to fail does. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => null,
    (error: unknown) => error,
  );
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const notServing = new StoreError('NOT_SERVING', 'no leader', { reason: 'test' });
const late = new StoreError('DEADLINE_EXCEEDED', 'waited for long', { reason: 'test' });

describe('the deadline of a call', () => {
  const deadlineMillis = 700;
  it.each<[string, (client: GraveyarClient) => Promise<unknown>]>([
    ['readStream', (client) => client.readStream('s', { deadlineMillis }).toArray()],
    ['readAll', (client) => client.readAll({ deadlineMillis }).toArray()],
    ['listStreams', (client) => collect(client.listStreams({ deadlineMillis }))],
    ['append', (client) => client.append('s', [{ type: 't' }], { deadlineMillis })],
    ['cluster.members', (client) => client.cluster.members({ deadlineMillis })],
    ['cluster.watch', (client) => collect(client.cluster.watch({ deadlineMillis }))],
  ])('holds where members take connections and say nothing: %s', async (_name, call) => {
    const client = clientOf([await silent(), await silent(), await silent()]);
    const started = performance.now();
    expect(await failureOf(call(client))).toBeInstanceOf(DeadlineExceededError);
    const took = performance.now() - started;
    // Without it, an attempt alone would take three seconds, and all of them thirty.
    expect(took).toBeGreaterThanOrEqual(deadlineMillis - 5);
    expect(took).toBeLessThan(deadlineMillis + 1_500);
  });

  it('covers all attempts of a read together, with the last reason when there is no time for another', async () => {
    let calls = 0;
    const { client } = await member({
      readStream: () => {
        calls += 1;
        return failing(notServing);
      },
    });
    const started = performance.now();
    const error = await failureOf(client().readStream('s', { deadlineMillis: 1_000 }).toArray());
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'NOT_SERVING', message: 'no leader' });
    expect(performance.now() - started).toBeLessThan(1_000 + 1_500);
    expect(calls).toBeGreaterThan(1);
  });

  it('covers all pages of a listing together', async () => {
    const asked: (string | null)[] = [];
    const { client } = await member({
      listStreams: async ({ after }) => {
        asked.push(after);
        const streamId = `s-${asked.length}`;
        await new Promise((resolve) => setTimeout(resolve, 100));
        const summary = { streamId, lastRevision: 0, firstPosition: 0, lastPosition: 0 };
        return { streams: [summary], next: streamId };
      },
    });
    const streams: string[] = [];
    const listing = (async () => {
      for await (const { streamId } of client().listStreams({ deadlineMillis: 1_000 })) streams.push(streamId);
    })();
    expect(await failureOf(listing)).toBeInstanceOf(DeadlineExceededError);
    expect(streams.length).toBeGreaterThan(0);
    expect(streams.length).toBeLessThanOrEqual(10);
  });
});

describe('a read that goes on for long', () => {
  interface SlowRead {
    readonly clock: ManualClock;
    /** Asks for the next event. Resolves, with its coming to be awaited, once the client and the member wait. */
    readonly ask: () => Promise<{ readonly event: Promise<unknown> }>;
    readonly release: () => void;
  }

  /** A member whose batches the test lets out one by one, and a client on a clock of the test. */
  async function slowRead(limits: { deadlineMillis?: number; silenceMillis?: number }): Promise<SlowRead> {
    const releases: (() => void)[] = [];
    const { address } = await member({
      async *readStream() {
        for (let position = 0; ; position++) {
          await new Promise<void>((resolve) => {
            releases.push(resolve);
          });
          yield batchAt(position, 1);
        }
      },
    });
    stop.push(() => {
      for (const release of releases) release();
    });
    const clock = new ManualClock();
    const events = clientOf([address], { clock }).readStream('s', limits)[Symbol.asyncIterator]();
    let asked = 0;
    return {
      clock,
      async ask() {
        asked += 1;
        const event = events.next().then(
          ({ value }) => value,
          (error: unknown) => error,
        );
        await eventually('the member to be asked', () => releases.length === asked);
        await yieldToEventLoop();
        return { event };
      },
      release: () => releases.at(-1)?.(),
    };
  }

  it('may be without an answer for as long as it was given, again after each; its reader may take longer', async () => {
    const { clock, ask, release } = await slowRead({ silenceMillis: 300 });
    for (let position = 0; position < 4; position++) {
      const { event } = await ask();
      clock.advance(299);
      release();
      expect(await event).toMatchObject({ position });
      // The reader is busy.
      clock.advance(10_000);
    }
    const { event } = await ask();
    clock.advance(300);
    expect(await event).toBeInstanceOf(DeadlineExceededError);
    expect(await event).toMatchObject({ message: 'the read was not answered for 300 ms', retryable: false });
  });

  it('ends at its deadline, whatever it got by then', async () => {
    const { clock, ask, release } = await slowRead({ deadlineMillis: 300 });
    const { event: first } = await ask();
    clock.advance(299);
    release();
    expect(await first).toMatchObject({ position: 0 });
    const { event: second } = await ask();
    clock.advance(1);
    expect(await second).toMatchObject({ message: 'the read did not end within its deadline of 300 ms' });
  });
});

describe('a member that gave no answer in time', () => {
  it.each<[string, (client: GraveyarClient) => Promise<unknown>]>([
    ['a read', (client) => client.readStream('s').toArray()],
    ['a listing', (client) => collect(client.listStreams())],
    ['a subscription', (client) => client.subscribe({ after: 'end' })[Symbol.asyncIterator]().next()],
  ])('is left for the next one by %s, and rests', async (_name, call) => {
    let refused = 0;
    const refusing = (): AsyncGenerator<never> => {
      refused += 1;
      return failing(late);
    };
    const slow = await member({
      readStream: refusing,
      subscribe: refusing,
      listStreams: () => {
        refused += 1;
        return Promise.reject(late);
      },
    });
    const good = await member({
      readStream: one,
      async *subscribe() {
        yield await Promise.resolve({ kind: 'events', batch: batchAt(0, 1) } as const);
        throw notServing;
      },
      listStreams: () => Promise.resolve({ streams: [], next: null }),
    });
    const client = clientOf([slow.address, good.address]);
    const started = performance.now();
    do await call(client);
    while (performance.now() - started < 1_000);
    expect(refused).toBe(1);
  });

  it('rests too when it let the deadline of the call pass', async () => {
    let asked = 0;
    const slow = await member({
      readStream: (read, signal) => {
        asked += 1;
        return held(read, signal);
      },
    });
    const good = await member({ readStream: one });
    for (const first of [slow.address, await silent()]) {
      const client = clientOf([first, good.address]);
      const read = (): Promise<unknown> => client.readStream('s', { deadlineMillis: 1_000 }).toArray();
      expect(await failureOf(read())).toBeInstanceOf(DeadlineExceededError);
      for (let n = 0; n < 5; n++) expect(await read()).toHaveLength(1);
    }
    expect(asked).toBe(1);
  });

  it('rests as well when it let that of a call without a stream of answers pass', async () => {
    let asked = 0;
    const slow = await member({
      listStreams: (_, signal) => {
        asked += 1;
        return held(_, signal).next() as never;
      },
    });
    const good = await member({ listStreams: () => Promise.resolve({ streams: [], next: null }) });
    const client = clientOf([slow.address, good.address]);
    const list = async (): Promise<unknown[]> => {
      const streams: unknown[] = [];
      for await (const each of client.listStreams({ deadlineMillis: 1_000 })) streams.push(each);
      return streams;
    };
    expect(await failureOf(list())).toBeInstanceOf(DeadlineExceededError);
    for (let n = 0; n < 5; n++) expect(await list()).toEqual([]);
    expect(asked).toBe(1);
  });
});

describe('a deadline of more than a timer can hold', () => {
  it('is one all the same', async () => {
    const { address } = await member({ readStream: one });
    const limits = { deadlineMillis: Number.MAX_SAFE_INTEGER, silenceMillis: 2 ** 32 };
    expect(await clientOf([address]).readStream('s', limits).toArray()).toHaveLength(1);
  });
});
