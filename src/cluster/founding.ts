/**
 * The founding of a cluster on demand: a member that was started to wait for one is told, by somebody who keeps count of clusters, to
 * make one of which it is the only member.
 *
 * Invariants: it happens at most once for a member, whatever it is asked and how often; the id of the member is part of the demand, so
 * that one whose disk was lost meanwhile, and which therefore is another member, refuses; a member that a leader has spoken to is about to
 * be in that leader's cluster, and refuses. Must not know Raft.
 */
import { StoreError } from '../domain/errors.ts';

export interface FoundingParts {
  /** This member. */
  readonly id: number;
  /** Whether this member was started to wait to be told; else it finds its cluster by itself. */
  readonly waits: boolean;
  /** Null: it belongs to none. */
  readonly clusterId: () => string | null;
  /** A leader of some cluster has spoken to this member. */
  readonly approached: () => boolean;
  /** Makes the cluster. Resolves when it is durable here. */
  readonly found: (clusterId: string) => Promise<void>;
}

export class Founding {
  readonly #parts: FoundingParts;
  #underWay: { readonly clusterId: string; readonly done: Promise<void> } | null = null;

  constructor(parts: FoundingParts) {
    this.#parts = parts;
  }

  /** As `ClusterAdmin.found` says; the signal is the caller's to heed. */
  async found(clusterId: string, memberId: number): Promise<void> {
    const { id, waits, approached, found } = this.#parts;
    if (memberId !== id) throw refused(`this is member ${id}, not ${memberId}`);
    const own = this.#parts.clusterId() ?? this.#underWay?.clusterId ?? null;
    if (own !== null && own !== clusterId) throw refused(`this member belongs to another cluster, ${own}`);
    if (own === null) {
      if (!waits) throw refused('this member was not started to wait for a cluster (--wait-for-cluster)');
      if (approached()) throw refused('a cluster is about to take this member in');
      this.#underWay = { clusterId, done: found(clusterId) };
    }
    await this.#underWay?.done;
  }
}

function refused(reason: string): StoreError<'MEMBERSHIP_REFUSED'> {
  return new StoreError('MEMBERSHIP_REFUSED', reason, { reason });
}
