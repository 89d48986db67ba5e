/**
 * What the core wants done: the outputs of a node, in the asynchronous-storage form that is the core's own.
 *
 * Order is the contract. Append tasks are made durable in the order they were given, and their responses released only
 * after; apply tasks likewise. Between the two kinds, and against `messages`, there is no order to keep: entries to apply
 * are always already durable here. Must not know how the state behind it changes.
 */
import type { Entry, HardState, Message, Snapshot } from './messages.ts';

/** Role of a node. */
export const StateType = {
  Follower: 0,
  Candidate: 1,
  Leader: 2,
  PreCandidate: 3,
} as const;
export type StateType = (typeof StateType)[keyof typeof StateType];

/** Volatile facts worth telling, for example to route clients. Not persisted. */
export interface SoftState {
  /** The leader known, or 0. */
  readonly leader: number;
  readonly state: StateType;
}

/** A read request that may be served once the state machine has applied `index` (dissertation, section 6.4). */
export interface ReadState {
  readonly index: number;
  /** The context given to readIndex(). */
  readonly context: Uint8Array;
}

/**
 * State to make durable, all of it before any of `responses` is released.
 *
 * A snapshot replaces the whole log; entries of the same task come after it. Entries replace whatever the log holds from
 * the index of the first one on. `mustSync` tells when the write must have reached the disk before the responses may be
 * released; otherwise only the commit index changed, and losing it does no harm.
 */
export interface AppendTask {
  /** The hard state to write, or null when it has not changed since the last task. */
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | null;
  readonly mustSync: boolean;
  /** To release, in this order, once this task and all before it are durable. Those for this node go to step(). */
  readonly responses: readonly Message[];
}

/** Committed entries to apply to the state machine, in order, before any of `responses` is released to step(). */
export interface ApplyTask {
  /** Contiguous, and the first follows the last of the task before (or the snapshot before). */
  readonly entries: readonly Entry[];
  readonly responses: readonly Message[];
}

/** All outputs that have come up since the last Ready. */
export interface Ready {
  /** Present when it changed. */
  readonly softState: SoftState | null;
  readonly readStates: readonly ReadState[];
  /** To send now; they depend on nothing that is not durable. */
  readonly messages: readonly Message[];
  readonly append: AppendTask | null;
  readonly apply: ApplyTask | null;
}

/**
 * The same in the synchronous form: persist (hard state, then snapshot or entries), apply, send `messages`, then call
 * advance(). Nothing in `messages` may be sent before the rest is durable.
 */
export interface SyncReady {
  readonly softState: SoftState | null;
  readonly hardState: HardState | null;
  readonly readStates: readonly ReadState[];
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | null;
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  readonly mustSync: boolean;
}
