// Three members behind real servers, one of which the others cannot reach any more, while the SDK knows all three.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaderContact } from '../../src/cli/serve/leader-contact.ts';
import { Readiness } from '../../src/cli/serve/readiness.ts';
import { GraveyarClient } from '../../src/client/index.ts';
import type { RecordedEvent, SubscriptionTarget } from '../../src/client/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createPipeline } from '../../src/pipeline/create-pipeline.ts';
import type { EventPipeline } from '../../src/pipeline/event-pipeline.ts';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService } from '../support/grpc-service.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

/** The contact's time passes ten times as fast: in doubt after 0.4 s, of which elections here take less, and lost after 1 s. */
const fast: Clock = {
  ...systemClock,
  setTimer: (millis, callback) => systemClock.setTimer(millis / 10, callback),
};
const ELECTION_MILLIS = 2_000;

interface Served {
  readonly name: string;
  readonly service: GrpcService;
  readonly readiness: Readiness;
  /** Of the pipeline, that came in so far. */
  readonly calls: { reads: number; subscriptions: number };
}

let cluster: MemoryCluster;
let members: Served[];
let clients: GraveyarClient[];
let cutOff: Served;

beforeEach(async () => {
  cluster = await MemoryCluster.start(['a', 'b', 'c']);
  members = await Promise.all(['a', 'b', 'c'].map(serve));
  clients = [];
  const { name: leader } = await cluster.leader();
  for (let id = 1; id <= 3; id++) await cluster.append(id);
  await cluster.level(3);
  await eventually('all to be ready', () => members.every(({ readiness }) => readiness.notReady === null));
  cutOff = found(members.find(({ name }) => name !== leader));
});

afterEach(async () => {
  for (const client of clients) client.close();
  for (const { readiness, service } of members) {
    readiness.stop('stopping');
    await service.stop();
    await service.pipeline.stop();
  }
  await cluster.stop();
});

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not found');
  return value;
}

async function serve(name: string): Promise<Served> {
  const { node } = cluster.member(name);
  const contact = new LeaderContact(fast, ELECTION_MILLIS);
  const readiness = new Readiness(contact, () => undefined);
  void readiness.follow({ admin: node.admin, catchUp: (signal) => node.store.readBarrier(signal) });
  const pipeline = createPipeline(node.store, { contact });
  const calls = { reads: 0, subscriptions: 0 };
  const counted: EventPipeline = {
    ...pipeline,
    readStream: (read, signal) => {
      calls.reads++;
      return pipeline.readStream(read, signal);
    },
    subscribe: (target, signal) => {
      calls.subscriptions++;
      return pipeline.subscribe(target, signal);
    },
  };
  return { name, service: await startService({ pipeline: counted }), readiness, calls };
}

/** Knows all, and begins with the one that will be cut off. */
function sdk(): GraveyarClient {
  const others = members.filter((member) => member !== cutOff);
  const client = new GraveyarClient(
    [cutOff, ...others].map(({ service }) => service.address),
    { discover: false },
  );
  clients.push(client);
  return client;
}

describe('a member that is cut off', { timeout: 60_000 }, () => {
  it.each<[string, SubscriptionTarget, number]>([
    ['all', {}, 0],
    ['a stream', { stream: 's' }, 0],
    ['what comes next', { after: 'end' }, 3],
  ])('hands its subscriptions to %s to others, without gap or duplicate', async (_name, target, from) => {
    const abort = new AbortController();
    const seen: RecordedEvent[] = [];
    const kinds: string[] = [];
    const reading = (async () => {
      for await (const message of sdk().subscribe(target, { signal: abort.signal }).messages()) {
        kinds.push(message.kind);
        if (message.kind === 'events') seen.push(...message.events);
      }
    })().catch((error: unknown) => error);
    await eventually('it to be caught up', () => kinds.includes('caught-up'));
    expect(cutOff.calls.subscriptions).toBe(1);
    cluster.network.isolate(cutOff.name);
    for (let id = 4; id <= 20; id++) await cluster.append(id, 's', [cutOff.name]);
    const expected = Array.from({ length: 20 - from }, (_, at) => at + from);
    await eventually('what came meanwhile', () => seen.length >= expected.length);
    expect(cutOff.readiness.notReady).toBe('no leader is known');
    await cluster.append(21, 's', [cutOff.name]);
    await eventually('what comes live', () => seen.length > expected.length);
    expect(seen.map(({ revision }) => revision)).toEqual([...expected, 20]);
    // It did not come back to where it had come from.
    expect(cutOff.calls.subscriptions).toBe(1);
    cluster.network.heal();
    await eventually('it to be ready again', () => cutOff.readiness.notReady === null);
    abort.abort(new Error('seen all'));
    expect(await reading).toMatchObject({ message: 'seen all' });
  });

  it('fails no read of a client that knows the others, and is asked only now and then', async () => {
    const client = sdk();
    cluster.network.isolate(cutOff.name);
    await eventually('the others to have a leader', () => {
      return members.some(({ name }) => name !== cutOff.name && cluster.member(name).node.admin.leader().self);
    });
    const started = performance.now();
    let reads = 0;
    while (performance.now() - started < 3_000) {
      reads += 1;
      expect(await client.readStream('s').toArray()).toHaveLength(3);
    }
    expect(reads).toBeGreaterThan(5);
    expect(cutOff.calls.reads).toBeGreaterThan(0);
    // It rests for two seconds after each failure.
    expect(cutOff.calls.reads).toBeLessThanOrEqual(2);
    const streams = [];
    for await (const { streamId } of client.listStreams()) streams.push(streamId);
    expect(streams).toEqual(['s']);
  });

  it('tells a plain client to go elsewhere, and when to come back', async () => {
    cluster.network.isolate(cutOff.name);
    await eventually('it to be lost', () => cutOff.readiness.notReady !== null);
    const raw = cutOff.service.raw();
    // A read of stream "s", a subscription to all, the first page of streams.
    const answers = await Promise.all([
      raw.streaming('ReadStream', Buffer.from([0x0a, 1, 0x73])),
      raw.streaming('Subscribe', Buffer.from([0x12, 0])),
      raw.failure('ListStreams', Buffer.alloc(0)),
    ]);
    for (const answer of answers) {
      expect(answer).toMatchObject({
        code: 14,
        details: expect.stringContaining('ask another member') as string,
        info: { code: 'NOT_SERVING', retryable: true },
      });
    }
  });
});
