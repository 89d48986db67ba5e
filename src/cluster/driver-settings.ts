/**
 * How a member takes part in its cluster: times and bounds, with their defaults and relations. All members of a cluster should
 * have the same times.
 */
import { limits } from '../domain/limits.ts';
import { assert } from '../lib/assert.ts';

export interface DriverSettings {
  /** Milliseconds between ticks of logical time. */
  readonly tickMillis: number;
  /** Ticks without a leader after which an election begins, at least; at most twice as many. */
  readonly electionTicks: number;
  /** Ticks between a leader's heartbeats. */
  readonly heartbeatTicks: number;
  /** Bytes of entries in one message. */
  readonly maxMessageBytes: number;
  /** Messages with entries, and their bytes, on their way to one follower. */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** Bytes of entries that a leader takes before they are committed. */
  readonly maxUncommittedBytes: number;
  /** Bytes of entries that are committed and handed out to be applied, but not applied. */
  readonly maxUnappliedBytes: number;
  /** Bytes that the log grows before it is cut: flush the state, forget what it has. A restart reads about that much. */
  readonly trimBytes: number;
  /** Entries and their bytes, about, that are kept behind the cut for followers that are slow; a cluster of one keeps none. */
  readonly keepEntries: number;
  readonly keepBytes: number;
  /** A chunk of a snapshot's records has at least so many bytes, unless it is the last, and at most one transaction more. */
  readonly snapshotChunkBytes: number;
  /** How long an append waits for a leader to be known before it is refused, in election timeouts. */
  readonly leaderWaitTimeouts: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

export const DEFAULT_DRIVER_SETTINGS: DriverSettings = {
  tickMillis: 100,
  electionTicks: 10,
  heartbeatTicks: 1,
  maxMessageBytes: MiB,
  maxInflightMessages: 256,
  maxInflightBytes: 64 * MiB,
  maxUncommittedBytes: 256 * MiB,
  maxUnappliedBytes: 64 * MiB,
  trimBytes: 64 * MiB,
  keepEntries: 10_000,
  keepBytes: 64 * MiB,
  snapshotChunkBytes: MiB,
  leaderWaitTimeouts: 3,
};

assert(DEFAULT_DRIVER_SETTINGS.maxUncommittedBytes > 2 * limits.appendBytes, 'two groups of any size fit into the log');
