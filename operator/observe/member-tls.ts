/**
 * What the operator needs to talk to members that speak TLS: the authority of their certificates, and a certificate of its own if
 * they want one, from the Secrets that the spec names. Kept for a minute, since Secrets are not watched: who may watch them may read all.
 */
import type { ClientTls } from '../../src/client/client-options.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import type { CallLimits, KubernetesApi } from '../kubernetes/kubernetes-api.ts';
import { secretKind } from './kinds.ts';

/** TLS, and a text that is another one when the certificates are others. */
export interface MemberTls {
  readonly tls: Omit<ClientTls, 'serverName'>;
  readonly version: string;
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

  /** Null: the cluster speaks no TLS to clients. Rejects when a Secret cannot be read or lacks a part. */
  async of(cluster: GraveyarCluster, limits: CallLimits): Promise<MemberTls | null> {
    const client = cluster.spec.tls?.client;
    if (client === undefined) return null;
    const { namespace, uid } = cluster.metadata;
    const names = [client.secretName, client.operatorSecretName ?? null] as const;
    const key = JSON.stringify([uid, ...names]);
    const now = this.#clock.monotonicMillis();
    const kept = this.#kept.get(key);
    if (kept !== undefined && now < kept.until) return kept.value;
    const server = await this.#read(namespace, names[0], ['ca.crt'], limits);
    const own = names[1] === null ? null : await this.#read(namespace, names[1], ['tls.crt', 'tls.key'], limits);
    const tls = {
      ...bytes('ca', server['ca.crt']),
      ...bytes('cert', own?.['tls.crt']),
      ...bytes('key', own?.['tls.key']),
    };
    const value = { tls, version: JSON.stringify([server['ca.crt'], own]) };
    this.#kept.delete(key);
    this.#kept.set(key, { until: now + KEEP_MILLIS, value });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT) break;
      this.#kept.delete(oldest);
    }
    return value;
  }

  async #read(
    namespace: string,
    name: string,
    keys: readonly string[],
    limits: CallLimits,
  ): Promise<Readonly<Record<string, string>>> {
    const { data = {} } = await this.#api.get(secretKind, { namespace, name }, limits);
    const missing = keys.filter((key) => (data[key] ?? '') === '');
    if (missing.length > 0) throw new Error(`Secret ${namespace}/${name} has no ${missing.join(' and no ')}`);
    return Object.fromEntries(keys.map((key) => [key, data[key] ?? '']));
  }
}

function bytes(name: string, base64: string | undefined): Record<string, Uint8Array> {
  return base64 === undefined ? {} : { [name]: Buffer.from(base64, 'base64') };
}
