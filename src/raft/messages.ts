/**
 * The vocabulary of the Raft core: entries, hard state, configuration state, snapshots and messages.
 *
 * Plain data, shared by everyone who drives the core. Every object here is immutable once it has been handed over: the
 * core keeps references to entries and messages, and so may a transport or a storage. Must not know behaviour.
 */

/** "No node": the vote of a node that has not voted, the leader of a node that knows none, the sender of a local call. */
export const NONE = 0;

/** Sender of what the local log storage answers ({@link MessageType.MsgStorageAppendResp}). Never a node's id. */
export const LOCAL_APPEND_THREAD = -1;

/** Sender of what the local state machine answers ({@link MessageType.MsgStorageApplyResp}). Never a node's id. */
export const LOCAL_APPLY_THREAD = -2;

/** Payload of an entry that carries none, and context of a message that carries none. Shared; has no bytes to change. */
export const NO_DATA: Uint8Array = new Uint8Array(0);

/** What an entry's data mean. */
export const EntryType = {
  /** Opaque application data; empty for the first entry of a leader's term. */
  Normal: 0,
  /** One configuration change in the form of the original protocol (see conf-change-codec.ts). */
  ConfChange: 1,
  /** A configuration change that may go through a joint configuration (see conf-change-codec.ts). */
  ConfChangeV2: 2,
} as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** One entry of the log. `data` is never copied by the core, and nobody may write to it after it was proposed. */
export interface Entry {
  readonly type: EntryType;
  /** Term of the leader that created the entry. */
  readonly term: number;
  /** Place in the log; the first entry ever has index 1. */
  readonly index: number;
  readonly data: Uint8Array;
}

/** What a node must have on disk before it answers (Raft paper, figure 2, "persistent state"), and its commit index. */
export interface HardState {
  readonly term: number;
  /** The candidate voted for in `term`, or {@link NONE}. */
  readonly vote: number;
  /** Highest index known committed. May lag behind on disk without harm. */
  readonly commit: number;
}

/** The hard state of a node that has never taken part in anything. */
export const EMPTY_HARD_STATE: HardState = { term: 0, vote: NONE, commit: 0 };

/** A membership configuration. All arrays are sorted ascending and free of duplicates. */
export interface ConfState {
  /** Voters; in a joint configuration those of the incoming half. */
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  /** Voters of the outgoing half; not empty exactly while the configuration is joint. */
  readonly votersOutgoing: readonly number[];
  /** Outgoing voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly number[];
  /** Whether the leader proposes to leave the joint configuration by itself. */
  readonly autoLeave: boolean;
}

/** The configuration without anybody in it. */
export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** State of the application as of `index`, which replaces the log up to there. An index of 0 is no snapshot. */
export interface Snapshot {
  readonly index: number;
  /** Term of the entry at `index`. */
  readonly term: number;
  /** Configuration as of `index`. */
  readonly confState: ConfState;
  /** Opaque to the core: the state itself, or a description of where to get it. */
  readonly data: Uint8Array;
}

/** Kinds of message. The numbers are those of etcd-raft's protocol; a transport may send them as they are. */
export const MessageType = {
  /** Local: start an election. */
  MsgHup: 0,
  /** Local: a leader's heartbeat is due. */
  MsgBeat: 1,
  MsgProp: 2,
  MsgApp: 3,
  MsgAppResp: 4,
  MsgVote: 5,
  MsgVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  /** Local: the transport could not deliver to `from`. */
  MsgUnreachable: 10,
  /** Local: how sending a snapshot to `from` ended. */
  MsgSnapStatus: 11,
  /** Local: the leader must look whether it still hears a quorum. */
  MsgCheckQuorum: 12,
  MsgTransferLeader: 13,
  MsgTimeoutNow: 14,
  MsgReadIndex: 15,
  MsgReadIndexResp: 16,
  MsgPreVote: 17,
  MsgPreVoteResp: 18,
  /** Local: an append task is durable. */
  MsgStorageAppendResp: 20,
  /** Local: an apply task is done. */
  MsgStorageApplyResp: 22,
  /** Local: forget the leader. */
  MsgForgetLeader: 23,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/**
 * A message between nodes, or from a node's own storage. One shape for all kinds, so that the hot path sees one hidden
 * class; a field that a kind does not use is 0, empty, false or null.
 */
export interface Message {
  readonly type: MessageType;
  readonly to: number;
  readonly from: number;
  /** Term of the sender; 0 for local messages, and for proposals and read requests that are passed on. */
  readonly term: number;
  /**
   * MsgApp: term at `index`. MsgVote, MsgPreVote: term of the last entry. Rejecting MsgAppResp: term at `rejectHint`. A refused
   * vote: term at `commit`.
   */
  readonly logTerm: number;
  /** MsgApp: index before the first entry. MsgAppResp: acknowledged, or rejected, index. MsgVote: last index. */
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  readonly snapshot: Snapshot | null;
  readonly reject: boolean;
  /** Rejecting MsgAppResp: the follower's guess of the greatest index at which the logs may agree. */
  readonly rejectHint: number;
  /** Request context of a ReadIndex round; {@link CAMPAIGN_TRANSFER} in a vote request of a leadership transfer. */
  readonly context: Uint8Array;
}

/** A message while the core is still filling it in. */
export type MessageDraft = { -readonly [K in keyof Message]: Message[K] };

const NO_ENTRIES: readonly Entry[] = [];

/** A message of `type` for `to` with every other field at its zero. The only place that creates messages. */
export function newMessage(type: MessageType, to: number): MessageDraft {
  return {
    type,
    to,
    from: NONE,
    term: 0,
    logTerm: 0,
    index: 0,
    entries: NO_ENTRIES,
    commit: 0,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: NO_DATA,
  };
}

const MESSAGE_TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(MessageType).map(([name, value]) => [value, name]),
);

/** The usual name of a message type, for logs and tests. */
export function messageTypeName(type: MessageType): string {
  return MESSAGE_TYPE_NAMES.get(type) ?? `Msg(${type})`;
}

/** Context of a vote request that a leader asked for; makes voters ignore their leader lease (dissertation, 4.2.3). */
export const CAMPAIGN_TRANSFER: Uint8Array = Uint8Array.of(
  ...Array.from('CampaignTransfer', (char) => char.charCodeAt(0)),
);

/** Whether a message may only come from this node itself, so that one from the network is a mistake or an attack. */
export function isLocalMessage(type: MessageType): boolean {
  switch (type) {
    case MessageType.MsgHup:
    case MessageType.MsgBeat:
    case MessageType.MsgUnreachable:
    case MessageType.MsgSnapStatus:
    case MessageType.MsgCheckQuorum:
    case MessageType.MsgStorageAppendResp:
    case MessageType.MsgStorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Whether a message answers one of ours, so that its sender must be a peer we track. */
export function isResponseMessage(type: MessageType): boolean {
  switch (type) {
    case MessageType.MsgAppResp:
    case MessageType.MsgVoteResp:
    case MessageType.MsgHeartbeatResp:
    case MessageType.MsgUnreachable:
    case MessageType.MsgReadIndexResp:
    case MessageType.MsgPreVoteResp:
    case MessageType.MsgStorageAppendResp:
    case MessageType.MsgStorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Whether `id` names a local storage instead of a node. */
export function isLocalTarget(id: number): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}
