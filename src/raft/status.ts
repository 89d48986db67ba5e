/** What a node tells about itself to operators and tests: copies, never the live state. */
import type { ConfState, HardState } from './messages.ts';
import type { StateType } from './ready.ts';

/** How the leader replicates to one peer. */
export const ProgressState = {
  /** One message at a time, until it is known where the logs agree. */
  Probe: 0,
  /** A pipeline of messages, as far as the in-flight window allows. */
  Replicate: 1,
  /** Paused until a snapshot has arrived. */
  Snapshot: 2,
} as const;
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

/** The leader's view of one peer. */
export interface ProgressStatus {
  readonly id: number;
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  /** Index of the snapshot being sent, or 0. */
  readonly pendingSnapshot: number;
  /** Heard of within the last election timeout. */
  readonly recentActive: boolean;
  readonly isLearner: boolean;
  /** Whether messages with entries are held back for now. */
  readonly paused: boolean;
  /** Messages with entries in flight. */
  readonly inflight: number;
}

/** State of a node. */
export interface Status {
  readonly id: number;
  readonly state: StateType;
  /** The leader known, or 0. */
  readonly leader: number;
  readonly hardState: HardState;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly confState: ConfState;
  readonly isLearner: boolean;
  /** The node that leadership is being handed to, or 0. */
  readonly leadTransferee: number;
  /** By id; empty unless the node leads. */
  readonly progress: readonly ProgressStatus[];
}
