// Members that take nobody without a certificate, real processes: the operator asks them with what the Secrets of the cluster hold.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterWith } from '../support/cluster-specs.ts';
import { ApiError } from '../../operator/kubernetes/api-error.ts';
import { askMembers, podAddress } from '../../operator/observe/ask-members.ts';
import type { ClusterObjects } from '../../operator/observe/cluster-objects.ts';
import { hearMembers } from '../../operator/observe/hear-members.ts';
import type { Heard } from '../../operator/observe/hear-members.ts';
import { secretKind } from '../../operator/observe/kinds.ts';
import { MemberPool } from '../../operator/observe/member-pool.ts';
import { MemberTlsSource } from '../../operator/observe/member-tls.ts';
import type { MemberTls } from '../../operator/observe/member-tls.ts';
import { startCluster } from '../support/cluster-processes.ts';
import type { ClusterProcesses } from '../support/cluster-processes.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ScriptedApi } from '../support/operator/scripted-api.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';
import { testTls } from '../support/test-certificate.ts';

const limits = { signal: new AbortController().signal, deadlineMillis: 5_000 };
const { cert, key } = testTls;
const server = { 'ca.crt': cert, 'tls.crt': cert, 'tls.key': key };
const own = { 'tls.crt': cert, 'tls.key': key };
const both = {
  secretName: 'server',
  clientAuthoritySecretName: 'authority',
  operatorSecretName: 'own',
};

type Secrets = Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;

/** An API server with these Secrets in the namespace of the cluster. */
async function apiWith(secrets: Secrets): Promise<ScriptedApi> {
  const api = new ScriptedApi();
  await put(api, secrets);
  return api;
}

async function put(api: ScriptedApi, secrets: Secrets): Promise<void> {
  for (const [name, parts] of Object.entries(secrets)) {
    const data = Object.fromEntries(
      Object.entries(parts).map(([part, bytes]) => [part, Buffer.from(bytes).toString('base64')]),
    );
    await api.apply(secretKind, { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'shop', name }, data });
  }
}

describe('members that want a certificate', () => {
  let directory: TemporaryDirectory;
  let cluster: ClusterProcesses;
  const pool = new MemberPool(5_000);

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const [certFile, keyFile] = [join(directory.path, 'cert.pem'), join(directory.path, 'key.pem')];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    const flags = [
      '--tls-certificate',
      certFile,
      '--tls-key',
      keyFile,
      '--tls-client-authority',
      certFile,
      '--tls-authority',
      certFile,
    ];
    cluster = await startCluster(directory.path, 1, { flags, client: { tls: { ca: cert, cert, key } } });
  }, 200_000);

  afterAll(async () => {
    pool.close();
    await cluster.stop();
    await directory.remove();
  });

  const ask = async (tls: MemberTls | null): ReturnType<typeof askMembers> => {
    const targets = cluster.nodes.map(
      ({ name, address }) => [name, { podUid: name, address, serverName: 'localhost', tls }] as const,
    );
    return askMembers(pool, 'shop/store', new Map(targets), limits);
  };

  it('answer the operator that shows the one of the Secret, and nobody else', async () => {
    const source = new MemberTlsSource(await apiWith({ server, own }), new ManualClock());
    const [node] = cluster.nodes;
    const shown = await source.of(clusterWith({ tls: { client: both } }), limits);
    expect((await ask(shown)).get(node?.name ?? '')).toMatchObject({ kind: 'member', role: 'leader' });
    const without = await source.of(clusterWith({ tls: { client: { secretName: 'server' } } }), limits);
    for (const tls of [without, null]) {
      expect((await ask(tls)).get(node?.name ?? '')).toMatchObject({ kind: 'unreachable' });
    }
    expect((await ask(shown)).get(node?.name ?? '')).toMatchObject({ kind: 'member' });
  });
});

describe('the certificates of a cluster', () => {
  it('are none where members speak no TLS', async () => {
    expect(await new MemberTlsSource(await apiWith({}), new ManualClock()).of(clusterWith(), limits)).toBeNull();
  });

  it('are read again after a minute, and are others then', async () => {
    const clock = new ManualClock();
    const api = await apiWith({ server, own });
    const source = new MemberTlsSource(api, clock);
    const first = await source.of(clusterWith({ tls: { client: both } }), limits);
    await put(api, { own: { ...own, 'tls.key': Buffer.from('another') } });
    clock.advance(59_999);
    expect(await source.of(clusterWith({ tls: { client: both } }), limits)).toBe(first);
    clock.advance(1);
    const next = await source.of(clusterWith({ tls: { client: both } }), limits);
    expect(next?.version).not.toBe(first?.version);
    expect(Buffer.from(next?.tls.key ?? []).toString()).toBe('another');
  });

  it('that lack a part are told by the name of the Secret and of the part', async () => {
    const api = await apiWith({ server: { 'tls.crt': cert }, own });
    const found = new MemberTlsSource(api, new ManualClock()).of(clusterWith({ tls: { client: both } }), limits);
    await expect(found).rejects.toThrow(/Secret .*\/server has no ca\.crt/);
  });

  it('outlast an API server that fails at reading them, and no refusal', async () => {
    const clock = new ManualClock();
    const api = await apiWith({ server, own });
    const source = new MemberTlsSource(api, clock);
    const read = (): Promise<MemberTls | null> => source.of(clusterWith({ tls: { client: both } }), limits);
    const first = await read();
    clock.advance(3_600_000);
    api.failure = new ApiError('UNAVAILABLE', 'the key service is down');
    expect(await read()).toBe(first);
    api.failure = new ApiError('FORBIDDEN', 'may not');
    await expect(read()).rejects.toThrow('Secret shop/server cannot be read: may not. The value rbac.secretNames');
    api.failure = new ApiError('UNAVAILABLE', 'the key service is down');
    await expect(read()).rejects.toThrow('Secret shop/server cannot be read: the key service is down');
  });
});

describe('a cluster whose Secret cannot be read', () => {
  const ref = { namespace: 'shop', name: 'orders' };
  const metadata = { namespace: 'shop', name: 'orders-1-0', uid: 'u1', labels: { 'graveyar.dev/member': 'orders-1' } };
  const objects: ClusterObjects = {
    cluster: { metadata: ref },
    statefulSets: [],
    pods: [{ metadata, status: { podIP: '127.0.0.1' } }],
    claims: [],
    shared: [],
  };
  const hear = async (api: ScriptedApi, signal = limits.signal): Promise<Heard> => {
    const pool = new MemberPool(1_000);
    const hearing = { pool, tls: new MemberTlsSource(api, new ManualClock()), addressOf: podAddress, askMillis: 1_000 };
    try {
      return await hearMembers(hearing, 'shop/orders', clusterWith({ tls: { client: both } }), objects, { signal });
    } finally {
      pool.close();
    }
  };

  it('is observed all the same, with members that say nothing', async () => {
    const { targets, answers, secretTrouble } = await hear(await apiWith({ own }));
    expect(secretTrouble).toMatch(/^Secret shop\/server cannot be read: no shop\/server/);
    expect([...targets]).toEqual([['orders-1', null]]);
    expect(answers.get('orders-1')).toEqual({ kind: 'unreachable', reason: secretTrouble });
  });

  it('is not observed once the operator is to end', async () => {
    const ended = AbortSignal.abort(new Error('the operator ends'));
    await expect(hear(await apiWith({ own }), ended)).rejects.toThrow('the operator ends');
  });
});
