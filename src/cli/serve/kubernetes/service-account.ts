/**
 * What a pod is given to talk to the API server: where that is, whom to trust, and a token. The files change while the pod runs
 * (tokens are good for an hour), so they are read for every call.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Credentials {
  readonly namespace: string;
  readonly token: string;
  /** PEM. */
  readonly authority: Buffer;
}

/** Host and port of the API server. */
export interface ApiServerAddress {
  readonly host: string;
  readonly port: string;
}

/** Where the API server is, by the variables that every pod has; null outside of a pod. */
export function apiServerAddress(environment: Readonly<Record<string, string | undefined>>): ApiServerAddress | null {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  return host === '' ? null : { host, port };
}

/** Rejects when a file is not there, as with a pod that mounts no token. */
export async function readCredentials(directory: string): Promise<Credentials> {
  const [namespace, token, authority] = await Promise.all([
    readFile(join(directory, 'namespace'), 'utf8'),
    readFile(join(directory, 'token'), 'utf8'),
    readFile(join(directory, 'ca.crt')),
  ]);
  return { namespace: namespace.trim(), token: token.trim(), authority };
}
