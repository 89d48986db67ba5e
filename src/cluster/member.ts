/**
 * Who the members of a cluster are, beyond what the Raft core knows of them. Knows no behaviour.
 */

/** A member as the configuration has it: travels in the configuration change that adds it, and is kept with the state. */
export interface MemberInfo {
  /** Random safe integer from 1 on, made with the data directory: an empty disk is another member. */
  readonly id: number;
  /** For people, for example `node-1`. Unique in a cluster, 1 to 63 bytes. */
  readonly name: string;
  /** `host:port` where it listens for members. */
  readonly peerAddress: string;
  /** `host:port` where it serves clients; told to those who look for the leader. */
  readonly clientAddress: string;
}

/**
 * What a process tells about itself to one that asks over the peer port, before or after it belongs to a cluster.
 */
export interface Introduction {
  readonly member: MemberInfo;
  /** Null: it belongs to no cluster yet. */
  readonly clusterId: string | null;
  /** Names of the static list it was started with, sorted; empty without one. The lists of first members must be equal. */
  readonly initialMembers: readonly string[];
  /** Ids of the members of its cluster as far as it has applied; empty without a cluster. */
  readonly knownIds: readonly number[];
}
