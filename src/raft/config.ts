/**
 * Settings of a node and their ranges. Knows no defaults of the product: whoever creates a node decides.
 */
import type { RaftStorage } from './storage.ts';

/** How reads become linearizable (dissertation, sections 6.4.1 and 6.4.2). */
export type ReadOnlyOption =
  /** A round of heartbeats per read proves leadership. */
  | 'safe'
  /** The leader relies on its lease: cheaper, but wrong when clocks run at different speeds. Needs `checkQuorum`. */
  | 'lease-based';

/** Settings of a node. Sizes are in bytes of entrySize(), Infinity for no limit. */
export interface RaftConfig {
  /** 1 .. 2^53 - 1, unique for ever in its group: never reused after its disk is lost. */
  readonly id: number;
  readonly storage: RaftStorage;
  /** Ticks without a leader after which a node campaigns; greater than `heartbeatTick`. */
  readonly electionTick: number;
  /** Ticks between heartbeats; at least 1. */
  readonly heartbeatTick: number;
  /**
   * Gives the ticks after which this node campaigns, asked for again at each change of role or term. Must spread over
   * [electionTick, 2 * electionTick), or elections split for ever (Raft paper, section 5.2).
   */
  readonly randomizedElectionTimeout: (electionTick: number) => number;
  /** Index up to which the application has applied: where the entries to apply begin. Default 0: as the log begins. */
  readonly applied?: number;
  /** Limit of the entries of one MsgApp; one entry is always sent. Default Infinity. */
  readonly maxSizePerMsg?: number;
  /** Limit of the entries handed out to be applied and not acknowledged yet. Default: `maxSizePerMsg`. */
  readonly maxCommittedSizePerReady?: number;
  /** Limit of the payload of uncommitted entries in a leader's log; a proposal above it is refused. Default Infinity. */
  readonly maxUncommittedEntriesSize?: number;
  /** MsgApps in flight to one follower; at least 1. */
  readonly maxInflightMsgs: number;
  /** Bytes in flight to one follower; at least `maxSizePerMsg`. Default Infinity. */
  readonly maxInflightBytes?: number;
  /** Reads waiting for proof of leadership, or for the first commit of a term; further ones are dropped. Default 65,536. */
  readonly maxPendingReads?: number;
  /** The leader steps down when it has not heard a quorum for an election timeout. Default false. */
  readonly checkQuorum?: boolean;
  /** Ask whether an election could be won before starting it (dissertation, section 9.6). Default false. */
  readonly preVote?: boolean;
  /** Default 'safe'. */
  readonly readOnlyOption?: ReadOnlyOption;
  /** Followers refuse proposals instead of passing them on. Default false. */
  readonly disableProposalForwarding?: boolean;
  /** Propose configuration changes also where they are not possible now. For tests. Default false. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader steps down when it applies its own removal or demotion. Default true. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * A candidate asks for votes only when its new term, and its vote for itself, are durable. Without this it may win by the
   * votes of others alone, crash, and win the same term again with another log. Default true; false behaves as etcd-raft.
   */
  readonly voteRequestsAfterAppend?: boolean;
  /**
   * Who refuses a vote tells the last entry that it knows to be committed, and a candidate that has this entry takes it for committed too.
   * Without this a member that does not know of a removal it has the entry of may need the vote of the removed one for ever. Changes
   * nothing about who votes for whom. Default true; false behaves as etcd-raft.
   */
  readonly commitInVoteRejections?: boolean;
}

/** The settings with their defaults. */
export type ResolvedConfig = Required<RaftConfig>;

/** Settings that make no sense. A mistake of the caller, told before anything runs. */
export class InvalidRaftConfig extends Error {
  override readonly name = 'InvalidRaftConfig';
}

function check(valid: boolean, message: string): void {
  if (!valid) throw new InvalidRaftConfig(message);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

/** Fills in the defaults. Throws {@link InvalidRaftConfig}, naming the field and its range. */
export function resolveConfig(config: RaftConfig): ResolvedConfig {
  const maxSizePerMsg = config.maxSizePerMsg ?? Infinity;
  const resolved: ResolvedConfig = {
    applied: 0,
    maxUncommittedEntriesSize: Infinity,
    maxInflightBytes: Infinity,
    maxPendingReads: 65_536,
    checkQuorum: false,
    preVote: false,
    readOnlyOption: 'safe',
    disableProposalForwarding: false,
    disableConfChangeValidation: false,
    stepDownOnRemoval: true,
    voteRequestsAfterAppend: true,
    commitInVoteRejections: true,
    ...config,
    maxSizePerMsg,
    maxCommittedSizePerReady: config.maxCommittedSizePerReady ?? maxSizePerMsg,
  };
  check(isCount(config.id), `id ${config.id}: must be an integer in 1..2^53-1`);
  check(isCount(config.heartbeatTick), `heartbeatTick ${config.heartbeatTick}: must be an integer >= 1`);
  check(
    isCount(config.electionTick) && config.electionTick > config.heartbeatTick,
    `electionTick ${config.electionTick}: must be an integer greater than heartbeatTick (${config.heartbeatTick})`,
  );
  check(isCount(config.maxInflightMsgs), `maxInflightMsgs ${config.maxInflightMsgs}: must be an integer >= 1`);
  check(Number.isSafeInteger(resolved.applied) && resolved.applied >= 0, `applied ${resolved.applied}: must be >= 0`);
  check(maxSizePerMsg >= 0, `maxSizePerMsg ${maxSizePerMsg}: must be >= 0`);
  check(
    resolved.maxCommittedSizePerReady > 0,
    `maxCommittedSizePerReady ${resolved.maxCommittedSizePerReady}: must be > 0`,
  );
  check(
    resolved.maxUncommittedEntriesSize > 0,
    `maxUncommittedEntriesSize ${resolved.maxUncommittedEntriesSize}: must be > 0`,
  );
  check(
    resolved.maxInflightBytes >= maxSizePerMsg || resolved.maxInflightBytes === Infinity,
    `maxInflightBytes ${resolved.maxInflightBytes}: must be at least maxSizePerMsg (${maxSizePerMsg})`,
  );
  check(resolved.maxPendingReads >= 1, `maxPendingReads ${resolved.maxPendingReads}: must be >= 1`);
  check(
    resolved.readOnlyOption !== 'lease-based' || resolved.checkQuorum,
    'readOnlyOption lease-based: needs checkQuorum, or the lease has no end',
  );
  return resolved;
}
