/**
 * What the caller of a method said beside its request: metadata of ours, and its deadline.
 */
import type { Metadata } from '@grpc/grpc-js';

/** `true`: only the leader may answer; another member says NOT_LEADER with the leader's address instead of forwarding. */
export const REQUIRE_LEADER = 'graveyar-require-leader';

/** Set by a member that passes a call on. It is passed on once only. */
export const FORWARDED = 'graveyar-forwarded';

/** About one call. */
export interface CallFacts {
  /** {@link REQUIRE_LEADER} is set. */
  readonly requiresLeader: boolean;
  /** {@link FORWARDED} is set. */
  readonly forwarded: boolean;
  /** When the caller stops waiting, in milliseconds since the epoch; Infinity when it does not say. */
  readonly deadline: number;
}

/** Whether a piece of metadata is there and says yes. */
export function says(metadata: Metadata | null, key: string): boolean {
  return metadata?.get(key)[0] === 'true';
}
