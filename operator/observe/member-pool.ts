/**
 * Connections to members: one for each pod, made when it is first asked and closed when it is gone. Knows nothing of what is said.
 */
import type { ClusterClient } from '../../src/client/cluster-client.ts';
import { GraveyarClient } from '../../src/client/graveyar-client.ts';
import type { MemberTls } from './member-tls.ts';

/** Whom to call. */
export interface MemberTarget {
  /** Of the pod: another pod is another member, whatever its address. */
  readonly podUid: string;
  /** `host:port`. */
  readonly address: string;
  /** The name in its certificate. */
  readonly serverName: string;
  readonly tls: MemberTls | null;
}

interface Pooled {
  readonly fingerprint: string;
  readonly client: GraveyarClient;
}

/** A connection is given up on early: a member that cannot be reached is nothing special. */
const CONNECT_MILLIS = 300;

/** The connections of the operator. */
export class MemberPool {
  readonly #deadlineMillis: number;
  /** By cluster key, then by pod. */
  readonly #clusters = new Map<string, Map<string, Pooled>>();

  /** `deadlineMillis`: of calls that say nothing else. */
  constructor(deadlineMillis: number) {
    this.#deadlineMillis = deadlineMillis;
  }

  /** How many connections there are. */
  get size(): number {
    return [...this.#clusters.values()].reduce((sum, pods) => sum + pods.size, 0);
  }

  /** The member's own word: calls go to this pod alone. Not to be kept. */
  clientOf(cluster: string, { podUid, address, serverName, tls }: MemberTarget): ClusterClient {
    const pods = this.#clusters.get(cluster) ?? new Map<string, Pooled>();
    this.#clusters.set(cluster, pods);
    const fingerprint = JSON.stringify([address, serverName, tls?.version ?? null]);
    const pooled = pods.get(podUid);
    if (pooled?.fingerprint === fingerprint) return pooled.client.cluster;
    pooled?.client.close();
    const client = new GraveyarClient(address, {
      deadlineMillis: this.#deadlineMillis,
      connectMillis: CONNECT_MILLIS,
      // Another member's answer would be taken for this one's.
      discover: false,
      ...(tls === null ? {} : { tls: { ...tls.tls, serverName } }),
    });
    pods.set(podUid, { fingerprint, client });
    return client.cluster;
  }

  /** Closes what the cluster has to pods other than these. */
  retain(cluster: string, podUids: ReadonlySet<string>): void {
    const pods = this.#clusters.get(cluster);
    for (const [uid, { client }] of pods ?? []) {
      if (podUids.has(uid)) continue;
      client.close();
      pods?.delete(uid);
    }
    if (pods?.size === 0) this.#clusters.delete(cluster);
  }

  /** Closes everything. */
  close(): void {
    for (const cluster of [...this.#clusters.keys()]) this.retain(cluster, new Set());
  }
}
