/**
 * What the operator needs to talk to members that speak TLS: the authority of their certificates, and a certificate of its own if
 * they want one, from the Secrets that the spec names. Kept for a minute, since Secrets are not watched: who may watch them may read all;
 * longer only while the API server fails at reading them.
 */
import type { ClientTls } from '../../src/client/client-options.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { ApiError, isApiError } from '../kubernetes/api-error.ts';
import type { CallLimits, KubernetesApi } from '../kubernetes/kubernetes-api.ts';
import { secretKind } from './kinds.ts';
import type { Secret } from './kinds.ts';

/** TLS, and a text that is another one when the certificates are others. */
export interface MemberTls {
  readonly tls: Omit<ClientTls, 'serverName'>;
  readonly version: string;
}

/** A Secret is not there, may not be read, lacks a part, or the API server fails at it: the message says which, and what to do. */
export class SecretUnreadable extends Error {
  override readonly name = 'SecretUnreadable';
}

const KEEP_MILLIS = 60_000;
const MOST_KEPT = 1000;

/** The certificates for the members of all clusters. */
export class MemberTlsSource {
  readonly #api: KubernetesApi;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly until: number; readonly value: MemberTls }>();

  constructor(api: KubernetesApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** Null: the cluster speaks no TLS to clients. Rejects with {@link SecretUnreadable}, and with the signal's reason. */
  async of(cluster: GraveyarCluster, limits: CallLimits): Promise<MemberTls | null> {
    const client = cluster.spec.tls?.client;
    if (client === undefined) return null;
    const { namespace, uid } = cluster.metadata;
    const names = [client.secretName, client.operatorSecretName ?? null] as const;
    const key = JSON.stringify([uid, ...names]);
    const now = this.#clock.monotonicMillis();
    const kept = this.#kept.get(key);
    if (kept !== undefined && now < kept.until) return kept.value;
    try {
      const value = await this.#load(namespace, names, limits);
      this.#keep(key, { until: now + KEEP_MILLIS, value });
      return value;
    } catch (error) {
      limits.signal.throwIfAborted();
      const cause = error instanceof SecretUnreadable ? error.cause : null;
      if (kept !== undefined && cause instanceof ApiError && cause.retryable) return kept.value;
      this.#kept.delete(key);
      throw error;
    }
  }

  async #load(
    namespace: string,
    [serverName, ownName]: readonly [string, string | null],
    limits: CallLimits,
  ): Promise<MemberTls> {
    const server = await this.#read(namespace, serverName, ['ca.crt'], limits);
    const own = ownName === null ? null : await this.#read(namespace, ownName, ['tls.crt', 'tls.key'], limits);
    const tls = {
      ...bytes('ca', server['ca.crt']),
      ...bytes('cert', own?.['tls.crt']),
      ...bytes('key', own?.['tls.key']),
    };
    return { tls, version: JSON.stringify([server['ca.crt'], own]) };
  }

  #keep(key: string, entry: { readonly until: number; readonly value: MemberTls }): void {
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT) break;
      this.#kept.delete(oldest);
    }
  }

  async #read(
    namespace: string,
    name: string,
    keys: readonly string[],
    limits: CallLimits,
  ): Promise<Readonly<Record<string, string>>> {
    const { data = {} } = await this.#get(namespace, name, limits);
    const missing = keys.filter((key) => (data[key] ?? '') === '');
    if (missing.length > 0)
      throw new SecretUnreadable(`Secret ${namespace}/${name} has no ${missing.join(' and no ')}`);
    return Object.fromEntries(keys.map((key) => [key, data[key] ?? '']));
  }

  async #get(namespace: string, name: string, limits: CallLimits): Promise<Secret> {
    try {
      return await this.#api.get(secretKind, { namespace, name }, limits);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      const remedy = isApiError(cause, 'FORBIDDEN')
        ? ". The value rbac.secretNames (or rbac.secrets) of the operator's chart gives it the right"
        : '';
      throw new SecretUnreadable(`Secret ${namespace}/${name} cannot be read: ${what}${remedy}`, { cause });
    }
  }
}

function bytes(name: string, base64: string | undefined): Record<string, Uint8Array> {
  return base64 === undefined ? {} : { [name]: Buffer.from(base64, 'base64') };
}
