// Listening on `::`: every port is reached by both families, and by IPv4 where the kernel has nothing else.
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-code.ts';
import { GraveyarClient } from '../../src/client/index.ts';
import { defined } from '../../src/lib/assert.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { parseHostPort, printHostPort, reachTcp } from '../../src/lib/tcp-reach.ts';
import { waitingNodes } from '../support/cluster-processes.ts';
import type { ClusterProcesses } from '../support/cluster-processes.ts';
import { runGraveyar } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

const EVERYWHERE = ['--host', '--metrics-host', '--peer-host'].flatMap((flag) => [flag, '::']);
/** Node's own binding then answers as the system does when its kernel has no IPv6. */
const PRELOADED = `process.binding('tcp_wrap').TCP.prototype.bind6 = () => process.binding('uv').UV_EAFNOSUPPORT`;
const WITHOUT_IPV6 = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRELOADED)}` };
const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));

let directory: TemporaryDirectory;
let processes: ClusterProcesses | null = null;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(async () => {
  await processes?.stop();
  await directory.remove();
});

/** A member that waits for a cluster: it has all ports. */
async function start(environment: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  processes = await waitingNodes(directory.path, 1, EVERYWHERE, environment);
  const node = defined(processes.nodes[0], 'a node');
  await node.start();
  return defined(node.process, 'a process');
}

/** Calls each port at this address of the machine. */
async function expectReached({ address, metricsUrl, log }: ServerProcess, host: string): Promise<void> {
  const at = (port: number): string => printHostPort({ host, port });
  const client = new GraveyarClient(at(parseHostPort(address)?.port ?? 0), { discover: false });
  expect(await client.cluster.status()).toMatchObject({ clusterId: null });
  client.close();
  expect((await fetch(`http://${at(Number(new URL(metricsUrl).port))}/livez`)).status).toBe(200);
  const peers = log.find(({ message }) => message === 'listening for members');
  await reachTcp({ host, port: Number(peers?.['port']) }, systemClock, 10_000);
}

describe('a server that listens on ::', () => {
  it.skipIf(!hasIpv6)('is reached by IPv4 and by IPv6', async () => {
    const server = await start();
    await expectReached(server, '127.0.0.1');
    await expectReached(server, '::1');
  });

  it('is reached by IPv4 where the kernel has no IPv6', async () => {
    const server = await start(WITHOUT_IPV6);
    expect(parseHostPort(server.address)?.host).toBe('0.0.0.0');
    await expectReached(server, '127.0.0.1');
  });
});

describe('a server that listens on an address of IPv6 alone', () => {
  it('says what is wrong where the kernel has no IPv6', async () => {
    const flags = ['--host', '::1', '--metrics-port', '0', '--data-directory', join(directory.path, 'data')];
    const { code, stderr } = await runGraveyar(['serve', ...flags], { env: WITHOUT_IPV6 });
    expect(code).toBe(EXIT.address);
    expect(stderr).toContain('clients: [::1]:4000 is of a family that the kernel of this machine does not have');
  });
});
