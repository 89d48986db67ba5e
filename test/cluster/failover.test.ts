// Three real processes as one store: killed, restarted and asked at the wrong door, while clients work.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GraveyarClient, RecordedEvent } from '../../src/client/index.ts';
import { startCluster } from '../support/cluster-processes.ts';
import type { ClusterProcesses } from '../support/cluster-processes.ts';
import { RawClient } from '../support/grpc-service.ts';
import type { RawFailure } from '../support/grpc-service.ts';
import { appendMessage } from '../../src/client/new-event.ts';
import {
  AppendEventRequest,
  AppendTransactionRequest,
  AppendTransactionResponse,
} from '../../src/grpc/gen/graveyar/v1/event_store.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

let cluster: ClusterProcesses;
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
  cluster = await startCluster(directory.path);
}, 150_000);

afterEach(async () => {
  await cluster.stop();
  await directory.remove();
}, 60_000);

/** Appends one event after the other to a stream of its own, each expected right behind the one before, until it is stopped. */
function appendOn(
  client: GraveyarClient,
  stream: string,
): { acknowledged: number[]; failed: Error[]; stop(): Promise<void> } {
  const acknowledged: number[] = [];
  const failed: Error[] = [];
  let stopped = false;
  const run = async (): Promise<void> => {
    for (let next = 0; !stopped; next++) {
      try {
        const expectedVersion = next === 0 ? 'no-stream' : next - 1;
        const { lastRevision } = await client.append(stream, [{ type: 't', data: String(next) }], { expectedVersion });
        acknowledged.push(lastRevision);
      } catch (error) {
        failed.push(error as Error);
        return;
      }
    }
  };
  const running = run();
  return {
    acknowledged,
    failed,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

async function dataOf(client: GraveyarClient, stream: string): Promise<string[]> {
  const events = await client.readStream(stream).toArray();
  return events.map(({ data }) => Buffer.from(data).toString());
}

function upTo(count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at));
}

describe('a cluster of three', { timeout: 180_000 }, () => {
  it('goes on when its leader is killed, and has everything that was acknowledged once', async () => {
    const client = cluster.client();
    const loads = ['a', 'b', 'c'].map((stream) => appendOn(cluster.client(), stream));
    const seen: RecordedEvent[] = [];
    const ended = new AbortController();
    const subscribed = (async () => {
      for await (const event of client.subscribe({}, { signal: ended.signal })) seen.push(event);
    })().catch((error: unknown) => error);
    await eventually('some appends', () => loads.every(({ acknowledged }) => acknowledged.length > 20), 60_000);
    const old = await cluster.leader();
    const before = loads.map(({ acknowledged }) => acknowledged.length);
    await old.kill();
    await eventually(
      'appends after it',
      () => loads.every(({ acknowledged }, at) => acknowledged.length > (before[at] ?? 0) + 20),
      60_000,
    );
    await old.start();
    const leader = await cluster.leader((members) => members.every(({ active }) => active === true));
    expect(leader.address).not.toBe(old.address);
    for (const load of loads) await load.stop();
    expect(loads.flatMap(({ failed }) => failed)).toEqual([]);
    for (const [at, stream] of ['a', 'b', 'c'].entries()) {
      const count = loads[at]?.acknowledged.length ?? 0;
      expect(loads[at]?.acknowledged).toEqual(upTo(count).map(Number));
      expect(await dataOf(client, stream)).toEqual(upTo(count));
    }
    const total = loads.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    await eventually('the subscription', () => seen.length >= total, 30_000);
    ended.abort(new Error('enough'));
    await subscribed;
    expect(seen.map(({ position }) => position)).toEqual(upTo(total).map(Number));
    // Every member has the same.
    for (const node of cluster.nodes) {
      const all = await cluster.client({}, [node]).readAll().toArray();
      expect(all.map(({ position, streamId, revision }) => [position, streamId, revision])).toEqual(
        seen.map(({ position, streamId, revision }) => [position, streamId, revision]),
      );
    }
  });

  it('is restarted member by member under load, and no append fails', async () => {
    const appends = ['a', 'b'].map((stream) => appendOn(cluster.client(), stream));
    const session = cluster.client().session();
    let inSession = 0;
    const end = new AbortController();
    const sessions = (async () => {
      for (; !end.signal.aborted; inSession++) {
        const expectedVersion = inSession === 0 ? ('no-stream' as const) : inSession - 1;
        await session.append('s', [{ type: 't', data: String(inSession) }], { expectedVersion });
      }
    })();
    await eventually('some appends', () => appends.every(({ acknowledged }) => acknowledged.length > 10), 60_000);
    for (const node of cluster.nodes) {
      await node.stop();
      await node.start();
      await cluster.leader((members) => members.every(({ active }) => active === true));
    }
    for (const load of appends) await load.stop();
    end.abort();
    await sessions;
    await session.close();
    expect(appends.flatMap(({ failed }) => failed)).toEqual([]);
    const client = cluster.client();
    for (const [at, stream] of ['a', 'b'].entries()) {
      expect(await dataOf(client, stream)).toEqual(upTo(appends[at]?.acknowledged.length ?? -1));
    }
    expect(await dataOf(client, 's')).toEqual(upTo(inSession));
  });

  it('takes an append at any member, and a member that must lead names the leader', async () => {
    const leader = await cluster.leader();
    const others = cluster.nodes.filter((node) => node !== leader);
    for (const [at, node] of others.entries()) {
      const plain = new RawClient(node.address);
      const request = AppendEventRequest.encode(appendMessage('plain', [{ type: 't', data: String(at) }])).finish();
      const answer = await plain.unary('AppendEvent', request, { deadline: Date.now() + 20_000 });
      plain.close();
      expect(Buffer.isBuffer(answer), JSON.stringify(answer)).toBe(true);
    }
    const [other] = others;
    const sdk = cluster.client({}, other === undefined ? [] : [other]);
    expect(await sdk.append('plain', [{ type: 't' }], { expectedVersion: 1 })).toMatchObject({ lastRevision: 2 });
    expect(await dataOf(sdk, 'plain')).toEqual(['0', '1', '']);
    expect(await sdk.cluster.members()).toHaveLength(3);
  });

  it('goes on without a leader that stands still, which follows when it goes on itself', async () => {
    const client = cluster.client();
    const loads = ['a', 'b'].map((stream) => appendOn(cluster.client(), stream));
    await eventually('some appends', () => loads.every(({ acknowledged }) => acknowledged.length > 10), 60_000);
    const stopped = await cluster.leader();
    const before = loads.map(({ acknowledged }) => acknowledged.length);
    // Its system still takes connections and bytes: nobody is told anything.
    stopped.process?.kill('SIGSTOP');
    await eventually(
      'appends without it',
      () => loads.every(({ acknowledged }, at) => acknowledged.length > (before[at] ?? 0) + 20),
      60_000,
    );
    stopped.process?.kill('SIGCONT');
    await cluster.leader((members) => members.every(({ active }) => active === true));
    for (const load of loads) await load.stop();
    expect(loads.flatMap(({ failed }) => failed)).toEqual([]);
    for (const [at, stream] of ['a', 'b'].entries()) {
      const count = loads[at]?.acknowledged.length ?? 0;
      expect(await dataOf(client, stream)).toEqual(upTo(count));
      // What it decided before it stood still was committed by the others, or never.
      const own = cluster.client({}, [stopped]);
      const events = await own.readStream(stream, { consistency: 'linearizable' }).toArray();
      expect(events.map(({ data }) => Buffer.from(data).toString())).toEqual(upTo(count));
    }
  });

  it('is found whole by a client that was given one address, and loses that member', async () => {
    const leader = await cluster.leader();
    const client = cluster.client({ deadlineMillis: 60_000 }, [leader]);
    const asked = performance.now();
    let next = 0;
    const append = async (): Promise<void> => {
      const expectedVersion = next === 0 ? 'no-stream' : next - 1;
      await client.append('s', [{ type: 't', data: String(next++) }], { expectedVersion });
    };
    // It asks for the members when it goes on for longer than a call or two.
    while (performance.now() - asked < 3_000) await append();
    await leader.kill();
    await append();
    expect(await dataOf(client, 's')).toEqual(upTo(next));
  });

  it('takes a transaction at any member, and its refusal comes back from the leader', async () => {
    const leader = await cluster.leader();
    const [other] = cluster.nodes.filter((node) => node !== leader);
    const plain = new RawClient(other?.address ?? '');
    const ask = (...appends: ReturnType<typeof appendMessage>[]): Promise<Buffer | RawFailure> => {
      const request = AppendTransactionRequest.encode({ appends, condition: undefined }).finish();
      return plain.unary('AppendTransaction', request, { deadline: Date.now() + 20_000 });
    };
    const parts = ['x', 'y'].map((stream) => appendMessage(stream, [{ type: 't', data: '0' }], 'no-stream'));
    const answer = await ask(...parts);
    const results = Buffer.isBuffer(answer) ? AppendTransactionResponse.decode(answer).appends : [];
    expect(results.map(({ lastRevision }) => lastRevision)).toEqual([0, 0]);
    const again = parts.map(({ streamId }) => appendMessage(streamId, [{ type: 't', data: '1' }], 'no-stream'));
    expect(await ask(...again)).toMatchObject({ info: { code: 'WRONG_EXPECTED_VERSION' } });
    plain.close();
    const client = cluster.client();
    expect(await Promise.all(['x', 'y'].map((stream) => dataOf(client, stream)))).toEqual([['0'], ['0']]);
  });
});
