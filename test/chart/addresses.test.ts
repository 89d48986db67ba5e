// Where the cluster's chart says that the cluster is, with and without TLS: hosts that the certificate is documented to be valid for, files that are there,
// and commands that work as they are printed, run against real servers with a certificate of exactly those names.
import { X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memberStatefulSet } from '../../operator/resources/member-stateful-set.ts';
import { defined } from '../../src/lib/assert.ts';
import { CHART, Helm } from '../support/charts/helm.ts';
import type { Rendered } from '../support/charts/helm.ts';
import { clusterValues } from '../support/charts/cluster-values.ts';
import { clusterCertificates } from '../support/cluster-certificates.ts';
import { clusterWith } from '../support/cluster-specs.ts';
import { runGraveyar, startServerProcess } from '../support/server-process.ts';
import type { CommandResult, ServerProcess } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

/** Helm may have to be built. */
const BUILD_MILLIS = 45 * 60_000;
const START_MILLIS = 200_000;
const MEMBER_FILES = '/etc/graveyar/client-tls';
const MAIN = 'node /app/dist/src/main.js ';

const client = { secretName: 'shown' };
const mutual = { ...client, clientAuthoritySecretName: 'wanted', operatorSecretName: 'mine' };
const certificate = new X509Certificate(clusterCertificates.server['tls.crt']);

let helm: Helm;

beforeAll(async () => {
  helm = await Helm.find();
}, BUILD_MILLIS);

afterAll(() => helm.close());

/** The only line of the notes with these words, without the space before it. */
function line(notes: string, words: string): string {
  const found = notes.split('\n').filter((each) => each.includes(words));
  expect(found).toHaveLength(1);
  return defined(found[0], words).trim();
}

/** The arguments of `graveyar` in a printed command, which quotes with `'` alone. */
function argumentsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

interface TestPod {
  readonly initContainers: readonly TestContainer[];
  readonly containers: readonly TestContainer[];
  readonly volumes?: readonly object[];
}

interface TestContainer {
  readonly name: string;
  readonly args: readonly string[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

async function testPod(values: object = {}): Promise<Rendered & { readonly spec: TestPod }> {
  const pods = (await helm.template(CHART.cluster, values)).filter(({ kind }) => kind === 'Pod');
  expect(pods).toHaveLength(1);
  return defined(pods[0], 'a pod') as Rendered & { readonly spec: TestPod };
}

function valueOf(args: readonly string[], flag: string): string | undefined {
  return args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined;
}

describe('the certificate of these tests', () => {
  it('is valid for the names that the documentation has, and no others', () => {
    const text = clusterValues.shape.tls.unwrap().shape.client.unwrap().shape.secretName.description ?? '';
    const names = /valid for (.*?)\.$/.exec(text)?.[1]?.split(/, | and /) ?? [];
    const real = names.map((name) => name.replace('<name>', 'store').replace('<namespace>', 'shop'));
    expect(real).toHaveLength(4);
    expect(certificate.subjectAltName?.split(', ')).toEqual(real.map((name) => `DNS:${name}`));
  });
});

describe.each([
  ['without TLS', {}],
  ['with TLS', { tls: { client } }],
  ['with TLS on both sides', { tls: { client: mutual } }],
])('the hosts of a cluster %s', (_, values) => {
  it('are names of its certificate', async () => {
    const { initContainers, containers } = (await testPod(values)).spec;
    const tested = [...initContainers, ...containers].map(({ args }) => defined(valueOf(args, '--address'), 'address'));
    expect(tested).toEqual(['store-rw.shop.svc:4000', 'store-r.shop.svc:4000']);
    const told = [...(await helm.notes(CHART.cluster, values)).matchAll(/[a-z][a-z0-9.-]*:4000(?= |$)/gm)].map(
      ([at]) => at,
    );
    expect(told).toHaveLength(4);
    for (const address of [...tested, ...told]) {
      const [host = ''] = address.split(':');
      expect([host, certificate.checkHost(host)]).not.toContain(undefined);
    }
  });
});

describe('the test of a release', () => {
  it('trusts the authority of the certificate that members show', async () => {
    const { initContainers, containers, volumes } = (await testPod({ tls: { client } })).spec;
    expect(volumes).toEqual([
      { name: 'authority', secret: { secretName: 'shown', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ]);
    for (const { args, volumeMounts } of [...initContainers, ...containers]) {
      expect(volumeMounts).toMatchObject([{ name: 'authority', mountPath: '/etc/graveyar/authority' }]);
      expect(valueOf(args, '--tls-ca')).toBe('/etc/graveyar/authority/ca.crt');
      expect(args).not.toContain('--tls-cert');
    }
  });

  it.each([
    ["the operator's certificate", {}, 'mine'],
    ['its own, when it is given one', { test: { secretName: 'tester' } }, 'tester'],
  ])('shows %s where clients need one', async (_, values, secretName) => {
    const { initContainers, containers, volumes } = (await testPod({ tls: { client: mutual }, ...values })).spec;
    expect(volumes).toMatchObject([
      { name: 'authority', secret: { secretName: 'shown' } },
      { name: 'identity', secret: { secretName, items: [{ key: 'tls.crt' }, { key: 'tls.key' }] } },
    ]);
    for (const { args, volumeMounts } of [...initContainers, ...containers]) {
      expect(volumeMounts).toMatchObject([
        { name: 'authority' },
        { name: 'identity', mountPath: '/etc/graveyar/identity' },
      ]);
      expect(valueOf(args, '--tls-cert')).toBe('/etc/graveyar/identity/tls.crt');
      expect(valueOf(args, '--tls-key')).toBe('/etc/graveyar/identity/tls.key');
    }
    expect(await helm.notes(CHART.cluster, { tls: { client: mutual }, ...values })).toContain('helm test store');
  });

  it('shows none where clients need none', async () => {
    const pod = await testPod({ tls: { client }, test: { secretName: 'tester' } });
    expect(JSON.stringify(pod)).not.toContain('tester');
    expect(JSON.stringify(await testPod())).not.toContain('--tls');
  });

  it('leaves nothing behind when it succeeds, and its pod for a look at it when it does not', async () => {
    const { annotations } = (await testPod()).metadata;
    expect(annotations?.['helm.sh/hook-delete-policy']).toBe('before-hook-creation,hook-succeeded');
  });
});

describe('the command for a pod of the cluster', () => {
  it.each([
    ['without TLS', {}],
    ['with TLS', { tls: { client } }],
    ['with TLS on both sides', { tls: { client: mutual } }],
  ])('names no pod, and files that members have: %s', async (_, values) => {
    const command = line(await helm.notes(CHART.cluster, values), MAIN);
    expect(command).toMatch(/^kubectl --namespace shop exec service\/store-r -- node /);
    const member = memberStatefulSet(clusterWith(values, 'store', 'shop'), 'store-1').spec?.template.spec;
    const mounts = member?.containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
    const files = command.match(/\/etc\/\S+/g) ?? [];
    for (const file of files) expect(mounts).toContain(file.slice(0, file.lastIndexOf('/')));
  });
});

describe('the commands that the notes print', () => {
  let directory: TemporaryDirectory;
  let one: ServerProcess;
  let two: ServerProcess;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const { server, client: own } = clusterCertificates;
    // As the commands before make them, and as members have them mounted.
    const members = join(directory.path, 'members');
    mkdirSync(members);
    for (const [name, text] of Object.entries(server)) writeFileSync(join(members, name), text);
    for (const [name, text] of Object.entries(own)) writeFileSync(join(directory.path, name), text);
    const flags = ['--tls-certificate', join(members, 'tls.crt'), '--tls-key', join(members, 'tls.key')];
    one = await startServerProcess({ dataDirectory: join(directory.path, 'one'), flags });
    two = await startServerProcess({
      dataDirectory: join(directory.path, 'two'),
      flags: [...flags, '--tls-client-authority', join(members, 'ca.crt')],
    });
  }, START_MILLIS);

  afterAll(async () => {
    await one.stop();
    await two.stop();
    await directory.remove();
  });

  function run(command: string, to: ServerProcess): Promise<CommandResult> {
    const port = defined(to.address.split(':')[1], 'a port');
    const args = argumentsOf(command).map((argument) =>
      argument.replace(/:4000$/, `:${port}`).replace(MEMBER_FILES, join(directory.path, 'members')),
    );
    return runGraveyar(args, { spawn: { cwd: directory.path } });
  }

  it.each([
    ['shows a certificate', 'one', { client }],
    ['wants one as well', 'two', { client: mutual }],
  ])('reach a server that %s', async (_, which, tls) => {
    const server = which === 'one' ? one : two;
    const notes = await helm.notes(CHART.cluster, { tls });
    const outside = await run(line(notes, 'graveyar append').replace(/^graveyar /, ''), server);
    expect([outside.stderr, outside.code]).toEqual(['', 0]);
    const inPod = line(notes, MAIN);
    const inside = await run(inPod.slice(inPod.indexOf(MAIN) + MAIN.length), server);
    expect([inside.stderr, inside.code]).toEqual(['', 0]);
  });

  it('say where the files come from', async () => {
    const plain = await helm.notes(CHART.cluster);
    expect(plain).not.toMatch(/tls|secret/i);
    const oneSided = await helm.notes(CHART.cluster, { tls: { client } });
    expect(line(oneSided, '> ca.crt')).toBe(
      "kubectl --namespace shop get secret shown --output jsonpath='{.data.ca\\.crt}' | base64 --decode > ca.crt",
    );
    expect(oneSided).not.toContain('tls.key');
    const bothSided = await helm.notes(CHART.cluster, { tls: { client: mutual } });
    for (const part of ['tls.crt', 'tls.key']) expect(line(bothSided, `> ${part}`)).toContain('get secret mine ');
  });
});

describe('the notes', () => {
  it('do not promise that a paused cluster is founded', async () => {
    const running = await helm.notes(CHART.cluster);
    expect(running).toContain('founds it');
    expect(running).toContain('wait --for=condition=Available');
    const paused = await helm.notes(CHART.cluster, { paused: true });
    expect(paused).toMatch(/is paused/);
    expect(paused).not.toContain('founds it');
    expect(paused).not.toContain('wait --for=condition=Available');
  });

  it('of the operator make clusters where it looks for them', async () => {
    const everywhere = await helm.notes(CHART.operator);
    expect(line(everywhere, 'helm install')).toBe('helm install my-store charts/graveyar-db');
    const some = await helm.notes(CHART.operator, { watchNamespaces: ['stage', 'live'] });
    expect(line(some, 'helm install')).toBe('helm install my-store charts/graveyar-db --namespace stage');
  });
});
