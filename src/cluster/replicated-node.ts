/**
 * What a process that is a member of a cluster consists of, and what opening one takes. A single node is a cluster of one.
 * Shapes only: open-replicated-store.ts makes it.
 */
import type { Clock } from '../lib/clock.ts';
import type { Store } from '../storage/store.ts';
import type { ClusterObserver } from '../telemetry/cluster-observer.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ClusterAdmin } from './cluster-admin.ts';
import type { DriverSettings } from './driver-settings.ts';
import type { Transport } from './transport.ts';

/** How a process with an empty data directory comes to belong to a cluster. Of no effect later. */
export type Beginning =
  /** It is a cluster of its own. */
  | { readonly kind: 'alone' }
  /** One of these first members, itself (by name) among them. They wait for each other. */
  | {
      readonly kind: 'initial-members';
      readonly members: readonly { readonly name: string; readonly address: string }[];
    }
  /** It asks the members at these peer addresses to add it as a learner, until one does. Empty: it waits to be added. */
  | { readonly kind: 'join'; readonly addresses: readonly string[] }
  /** It does nothing by itself: it waits to be added to a cluster, or to be told to found one. */
  | { readonly kind: 'wait' };

/** The peer addresses in it: where others were when this process was started. */
export function addressesOf(beginning: Beginning): readonly string[] {
  if (beginning.kind === 'initial-members') return beginning.members.map(({ address }) => address);
  return beginning.kind === 'join' ? beginning.addresses : [];
}

export interface OpenReplicatedStoreOptions {
  /** Default: `{kind: 'alone'}`. */
  readonly beginning?: Beginning;
  /** Default: `node-1`. See MemberInfo. */
  readonly name?: string;
  /** Where other members and clients reach this one. Default: empty, which is enough for a cluster of one. */
  readonly peerAddress?: string;
  readonly clientAddress?: string;
  /** Null, the default: none, for a cluster of one that stays one. It belongs to the node from the call on. */
  readonly transport?: Transport | null;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly observer?: ClusterObserver;
  /** From 0 up to, not including, 1: spreads election timeouts. */
  readonly random?: () => number;
  readonly settings?: Partial<DriverSettings>;
  /** Size of the log's segment files in bytes. */
  readonly segmentBytes?: number;
}

export interface ReplicatedNode {
  readonly store: Store;
  readonly admin: ClusterAdmin;
  /** Resolves when this member finds itself removed from its cluster: it serves no more, and the process should say so and end. */
  readonly removed: Promise<void>;
  /** Hands leadership over, if this member leads and another can take it; for at most `millis`. Never rejects. Call it before `close`. */
  handOver(millis: number): Promise<void>;
  /** Closes the store, and with it everything. The same as `store.close()`. */
  close(): Promise<void>;
}
