// Commands that talk to a server over TLS: one that shows its certificate, and one that takes nobody without one. Real servers, with a certificate of
// exactly the names that the chart asks for, and the real program.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraveyarClient, InvalidArgumentError } from '../../src/client/index.ts';
import { clusterCertificates } from '../support/cluster-certificates.ts';
import { runGraveyar, startServerProcess } from '../support/server-process.ts';
import type { CommandResult, ServerProcess } from '../support/server-process.ts';

const START_MILLIS = 200_000;
const { server: shown, client: own } = clusterCertificates;

let scratch: string;
let server: ServerProcess;
let mutual: ServerProcess;

/** A file of the scratch directory. */
const at = (name: string): string => join(scratch, name);

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'graveyar-tls-'));
  const files = {
    'ca.crt': shown['ca.crt'],
    'server.crt': shown['tls.crt'],
    'server.key': shown['tls.key'],
    'tls.crt': own['tls.crt'],
    'tls.key': own['tls.key'],
    'empty.pem': '',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
  const flags = ['--tls-certificate', at('server.crt'), '--tls-key', at('server.key')];
  server = await startServerProcess({ dataDirectory: at('one'), flags });
  mutual = await startServerProcess({
    dataDirectory: at('two'),
    flags: [...flags, '--tls-client-authority', at('ca.crt')],
  });
}, START_MILLIS);

afterAll(async () => {
  await server.stop();
  await mutual.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** The certificate is good for the name, not for the address. */
const localhost = ({ address }: ServerProcess): string => address.replace('127.0.0.1', 'localhost');

function append(to: ServerProcess, args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> {
  return runGraveyar(['append', 's', '--type', 't', '--address', localhost(to), ...args], { env });
}

describe('a server that shows a certificate', () => {
  it('is reached with its authority, from a flag or a variable', async () => {
    const byFlag = await append(server, ['--tls-ca', at('ca.crt')]);
    expect([byFlag.code, byFlag.stderr]).toEqual([0, '']);
    const byVariable = await append(server, [], { GRAVEYAR_CLIENT_TLS_CA: at('ca.crt') });
    expect([byVariable.code, byVariable.stderr]).toEqual([0, '']);
  });

  it('is not reached without it, nor by a name that its certificate lacks', async () => {
    const plain = await append(server, ['--timeout', '3s']);
    expect(plain.code).toBe(8);
    const other = await append(server, ['--address', server.address, '--tls-ca', at('ca.crt'), '--timeout', '3s']);
    expect(other.code).toBe(8);
  });
});

describe('a server that asks for a certificate', () => {
  const all = () => ['--tls-ca', at('ca.crt'), '--tls-cert', at('tls.crt'), '--tls-key', at('tls.key')];

  it('takes the one of the flags, and the one of the variables', async () => {
    const byFlags = await append(mutual, all());
    expect([byFlags.code, byFlags.stderr]).toEqual([0, '']);
    const variables = {
      GRAVEYAR_CLIENT_TLS_CA: at('ca.crt'),
      GRAVEYAR_CLIENT_TLS_CERT: at('tls.crt'),
      GRAVEYAR_CLIENT_TLS_KEY: at('tls.key'),
    };
    const byVariables = await append(mutual, [], variables);
    expect([byVariables.code, byVariables.stderr]).toEqual([0, '']);
    const mixed = await append(mutual, ['--tls-key', at('tls.key')], {
      ...variables,
      GRAVEYAR_CLIENT_TLS_KEY: at('empty.pem'),
    });
    expect([mixed.code, mixed.stderr]).toEqual([0, '']);
  });

  it.each(['read', 'tail', 'streams', 'import', 'export', 'cluster status', 'cluster members', 'bench'])(
    'is reached by %s',
    { timeout: 120_000 },
    async (command) => {
      const more: Record<string, string[]> = {
        read: ['s'],
        tail: ['s', '--from-start', '--limit', '1'],
        import: ['-'],
        export: ['-'],
        bench: ['--workload', 'append-unary', '--duration', '100ms'],
      };
      const args = [...command.split(' '), ...(more[command] ?? []), '--address', localhost(mutual), ...all()];
      const done = await runGraveyar(args, { input: '{"stream":"s","type":"t"}\n' });
      expect([command, done.code, done.code === 0 ? '' : done.stderr]).toEqual([command, 0, '']);
    },
  );

  it('takes nobody without', async () => {
    const none = await append(mutual, ['--tls-ca', at('ca.crt'), '--timeout', '3s']);
    expect(none.code).toBe(8);
    expect(none.stderr).toMatch(/^graveyar: .*: the server asks for a certificate of the client\n$/);
  });

  it('is a server like others, whose variables for clients are no settings', async () => {
    const checked = await runGraveyar(['serve', '--print-config'], {
      env: { GRAVEYAR_CLIENT_TLS_CA: at('ca.crt'), GRAVEYAR_CLIENT_TLS_CERT: 'a', GRAVEYAR_CLIENT_TLS_KEY: 'b' },
    });
    expect([checked.code, checked.stderr]).toEqual([0, '']);
  });
});

describe('certificates that cannot be used', () => {
  it.each([
    ['a certificate alone', { cert: 'tls.crt' }, '--tls-cert: it takes --tls-key, its private key'],
    ['a key alone', { key: 'tls.key' }, '--tls-key: it takes --tls-cert, the certificate that it belongs to'],
    ['an authority that is not there', { ca: 'no.crt' }, "--tls-ca: ENOENT: no such file or directory, open '@no.crt'"],
    ['an authority that is none', { ca: 'tls.key' }, '--tls-ca: @tls.key has no certificate in PEM'],
    ['an empty file', { ca: 'empty.pem' }, '--tls-ca: @empty.pem has no certificate in PEM'],
    ['a key for a certificate', { cert: 'tls.key', key: 'tls.key' }, '--tls-cert: @tls.key has no certificate in PEM'],
    [
      'a certificate for a key',
      { cert: 'tls.crt', key: 'tls.crt' },
      '--tls-key: @tls.crt has no unencrypted private key in PEM',
    ],
    [
      'the key of another',
      { cert: 'tls.crt', key: 'server.key' },
      '--tls-key: @server.key is not the key of the certificate in @tls.crt',
    ],
  ])('are refused with flag and file: %s', async (_, files, message) => {
    const flags = Object.entries(files).flatMap(([key, name]) => [`--tls-${key}`, at(name)]);
    const refused = await append(mutual, flags);
    expect([refused.code, refused.stderr]).toEqual([2, `graveyar: ${message.replaceAll('@', `${scratch}/`)}\n`]);
  });

  it('are told with the variable that names them', async () => {
    const refused = await append(mutual, [], { GRAVEYAR_CLIENT_TLS_KEY: at('tls.key') });
    expect([refused.code, refused.stderr]).toEqual([
      2,
      'graveyar: GRAVEYAR_CLIENT_TLS_KEY: it takes --tls-cert, the certificate that it belongs to\n',
    ]);
  });

  it('are refused by the SDK too when one half is missing', () => {
    const { 'tls.crt': cert, 'tls.key': key } = own;
    for (const tls of [{ cert: Buffer.from(cert) }, { key: Buffer.from(key) }])
      expect(() => new GraveyarClient('localhost:1', { tls })).toThrow(InvalidArgumentError);
  });
});
