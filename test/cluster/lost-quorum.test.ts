// Real members that are gone, or stand still: what those that are left say to clients, and what becomes of their calls.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCluster } from '../support/cluster-processes.ts';
import type { ClusterProcesses } from '../support/cluster-processes.ts';
import { eventually } from '../support/eventually.ts';
import { RawClient } from '../support/grpc-service.ts';
import { runGraveyar } from '../support/server-process.ts';
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

/** A read of stream "s". */
const readS = Buffer.from([0x0a, 1, 0x73]);

describe('a member without a quorum', { timeout: 180_000 }, () => {
  it('refuses what it cannot make sure of, and loses no subscriber', async () => {
    const client = cluster.client();
    await client.append('s', [{ type: 'a' }]);
    const leader = await cluster.leader();
    const [last, ...others] = cluster.nodes.toSorted((a, b) => Number(a === leader) - Number(b === leader));
    if (last === undefined) throw new Error('no nodes');
    const seen: string[] = [];
    const abort = new AbortController();
    const subscribed = (async () => {
      for await (const { type } of cluster.client({}, [last]).subscribe({}, { signal: abort.signal })) seen.push(type);
    })().catch((error: unknown) => error);
    await eventually('the first event', () => seen.length === 1);

    for (const node of others) await node.kill();
    const raw = new RawClient(last.address);
    const refused = { code: 14, info: { code: 'NOT_SERVING', retryable: true } };
    // The first one waits until the member has given up on its leader; both end by themselves.
    expect(await raw.streaming('ReadStream', readS)).toMatchObject(refused);
    expect(await raw.streaming('Subscribe', Buffer.from([0x12, 0]))).toMatchObject(refused);
    raw.close();
    const local = await runGraveyar(['read', 's', '--local', '--address', last.address]);
    expect(local).toMatchObject({ code: 0, stderr: '' });

    for (const node of others) await node.start();
    await client.append('s', [{ type: 'b' }], { deadlineMillis: 60_000 });
    await eventually('what came later', () => seen.length > 1, 60_000);
    expect(seen).toEqual(['a', 'b']);
    abort.abort(new Error('seen all'));
    expect(await subscribed).toMatchObject({ message: 'seen all' });
  });
});

describe('members that all stand still', { timeout: 180_000 }, () => {
  it('let no call outlive its deadline, on connections that stand and on new ones', async () => {
    const standing = cluster.client();
    await standing.append('s', [{ type: 'a' }]);
    for (let n = 0; n < 2 * cluster.nodes.length; n++) await standing.readStream('s').toArray();
    for (const node of cluster.nodes) node.process?.kill('SIGSTOP');
    const deadlineMillis = 3_000;
    try {
      for (const client of [standing, cluster.client()]) {
        for (const call of [
          () => client.readStream('s', { deadlineMillis }).toArray(),
          () => client.append('s', [{ type: 'b' }], { deadlineMillis }),
        ]) {
          const started = performance.now();
          await expect(call()).rejects.toThrow();
          expect(performance.now() - started).toBeLessThan(deadlineMillis + 1_500);
        }
      }
    } finally {
      for (const node of cluster.nodes) node.process?.kill('SIGCONT');
    }
    await standing.append('s', [{ type: 'c' }]);
    const types = (await standing.readStream('s').toArray()).map(({ type }) => type);
    expect(types[0]).toBe('a');
    expect(types).toContain('c');
  });
});
