/** Three etcd nodes with their default settings, which sync every write, found on the PATH (Debian: etcd-server, etcd-client). */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../support/free-ports.ts';
import { listening, PeerProcess } from './peer-process.ts';

const run = promisify(execFile);

export interface RunningPeer {
  /** Where the leader serves clients, `host:port`. */
  readonly address: string;
  readonly version: string;
  readonly end: () => Promise<void>;
}

interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: {
    readonly header: { readonly member_id: number };
    readonly leader: number;
    readonly version: string;
  };
}

const ELECTION_MILLIS = 20_000;

/** Starts a cluster whose data lies under the directory. Rejects where etcd is not installed. */
export async function startEtcd(directory: string): Promise<RunningPeer> {
  await run('etcd', ['--version']);
  const ports = await freePorts(6);
  const nodes = [0, 1, 2].map((index) => ({
    name: `e${index}`,
    client: `http://127.0.0.1:${ports[index] ?? 0}`,
    peer: `http://127.0.0.1:${ports[index + 3] ?? 0}`,
  }));
  const initial = nodes.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const processes = nodes.map(({ name, client, peer }) => {
    const identity = ['--name', name, '--data-dir', join(directory, name), '--initial-cluster', initial];
    const clients = ['--listen-client-urls', client, '--advertise-client-urls', client];
    const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer];
    return new PeerProcess(
      'etcd',
      [...identity, ...clients, ...peers, '--log-level', 'error'],
      join(directory, `${name}.log`),
    );
  });
  const end = async (): Promise<void> => {
    await Promise.all(processes.map((process) => process.end()));
  };
  try {
    await Promise.all(ports.slice(0, 3).map(listening));
    return { ...(await leaderOf(nodes.map(({ client }) => client))), end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function leaderOf(endpoints: readonly string[]): Promise<{ address: string; version: string }> {
  const deadline = performance.now() + ELECTION_MILLIS;
  for (;;) {
    const args = ['--endpoints', endpoints.join(','), 'endpoint', 'status', '-w', 'json'];
    const answer = await run('etcdctl', args, { env: { ...process.env, ETCDCTL_API: '3' } }).catch(() => ({
      stdout: '[]',
    }));
    for (const { Endpoint, Status } of JSON.parse(answer.stdout) as EndpointStatus[]) {
      if (Status.header.member_id !== Status.leader) continue;
      return { address: Endpoint.replace('http://', ''), version: `etcd ${Status.version}` };
    }
    if (performance.now() > deadline) throw new Error('etcd has no leader');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
