/**
 * An authority of a test cluster's own, and the certificates and kubeconfigs that it makes. Made with openssl; worth nothing
 * outside the test that made them.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate and its key as PEM files. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const DAYS = '3650';

/** Makes the certificates of one directory. */
export class CertificateAuthority {
  readonly directory: string;
  readonly #own: KeyPair;

  constructor(directory: string) {
    this.directory = directory;
    this.#own = this.#pairOf('ca');
    openssl([
      ...['req', '-x509', ...newKey(this.#own.key), '-out', this.#own.certificate, '-days', DAYS],
      ...['-subj', '/CN=graveyar test authority', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
  }

  /** The authority's certificate, as a file. */
  get certificate(): string {
    return this.#own.certificate;
  }

  /** A certificate for a server with these names, each as `DNS:name` or `IP:address`. */
  server(name: string, names: readonly string[]): KeyPair {
    return this.#issue(name, `/CN=${name}`, [`subjectAltName=${names.join(',')}`, 'extendedKeyUsage=serverAuth']);
  }

  /** A certificate for a user of the API server, in groups. */
  client(user: string, groups: readonly string[] = []): KeyPair {
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join('');
    return this.#issue(user.replaceAll(':', '-'), subject, ['extendedKeyUsage=clientAuth']);
  }

  /** A key to sign tokens of service accounts with, as a file. */
  signingKey(): string {
    const key = join(this.directory, 'service-accounts.key');
    openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key]);
    return key;
  }

  /** A kubeconfig, as a file, for a user that is made for it. */
  kubeconfig(server: string, user: string, groups: readonly string[] = []): string {
    const pair = this.client(user, groups);
    const path = join(this.directory, `${user.replaceAll(':', '-')}.kubeconfig`);
    const data = (file: string): string => readFileSync(file).toString('base64');
    const credentials = { 'client-certificate-data': data(pair.certificate), 'client-key-data': data(pair.key) };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': data(this.certificate) } }],
      users: [{ name: user, user: credentials }],
      contexts: [{ name: 'test', context: { cluster: 'test', user } }],
    };
    // JSON is YAML too.
    writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 });
    return path;
  }

  #pairOf(name: string): KeyPair {
    return { certificate: join(this.directory, `${name}.crt`), key: join(this.directory, `${name}.key`) };
  }

  #issue(name: string, subject: string, extensions: readonly string[]): KeyPair {
    const pair = this.#pairOf(name);
    openssl([
      ...['req', '-x509', ...newKey(pair.key), '-out', pair.certificate, '-days', DAYS, '-subj', subject],
      ...['-CA', this.#own.certificate, '-CAkey', this.#own.key, '-addext', 'basicConstraints=critical,CA:FALSE'],
      ...extensions.flatMap((extension) => ['-addext', extension]),
    ]);
    return pair;
  }
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path];
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 30_000 });
}
