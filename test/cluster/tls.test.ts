// Three real processes that trust nobody without a certificate, neither each other nor their clients.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GraveyarClient, UnavailableError } from '../../src/client/index.ts';
import { startCluster } from '../support/cluster-processes.ts';
import type { ClusterProcesses } from '../support/cluster-processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';
import { testTls } from '../support/test-certificate.ts';

let cluster: ClusterProcesses;
let directory: TemporaryDirectory;
const { cert, key } = testTls;

beforeEach(async () => {
  directory = await temporaryDirectory();
  const [certFile, keyFile] = [join(directory.path, 'cert.pem'), join(directory.path, 'key.pem')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  const flags = [
    ...['--tls-certificate', certFile, '--tls-key', keyFile, '--tls-authority', certFile],
    ...['--tls-client-authority', certFile],
    ...['--peer-tls-certificate', certFile, '--peer-tls-key', keyFile, '--peer-tls-authority', certFile],
  ];
  cluster = await startCluster(directory.path, 3, { flags, client: { tls: { ca: cert, cert, key } } });
}, 200_000);

afterEach(async () => {
  await cluster.stop();
  await directory.remove();
}, 60_000);

describe('a cluster with TLS', { timeout: 180_000 }, () => {
  it('replicates, passes on, survives its leader, and talks to nobody without a certificate', async () => {
    const client = cluster.client();
    await client.append('s', [{ type: 'a' }]);
    const old = await cluster.leader();
    // One address alone: a member that does not lead names the leader, or passes on.
    const [other] = cluster.nodes.filter((node) => node !== old);
    await cluster.client({}, other === undefined ? [] : [other]).append('s', [{ type: 'b' }]);
    await old.kill();
    await client.append('s', [{ type: 'c' }], { deadlineMillis: 60_000 });
    await old.start();
    await cluster.leader((members) => members.every(({ active }) => active === true));
    for (const node of cluster.nodes) {
      const events = await cluster.client({}, [node]).readStream('s').toArray();
      expect(events.map(({ type }) => type)).toEqual(['a', 'b', 'c']);
    }
    for (const tls of [undefined, { ca: cert }]) {
      const stranger = new GraveyarClient(
        cluster.nodes.map(({ address }) => address),
        {
          deadlineMillis: 20_000,
          connectMillis: 2_000,
          ...(tls === undefined ? {} : { tls }),
        },
      );
      await expect(stranger.append('s', [{ type: 'd' }])).rejects.toBeInstanceOf(UnavailableError);
      stranger.close();
    }
  });
});
