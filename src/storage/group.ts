/**
 * A group: the appends that were decided together and become durable together, as one log entry. Layout: FORMAT.md, "Group".
 */
import type { StoredAppend } from './stored-append.ts';

/** An encoded group. `bytes` is the log entry's payload; the records of `appends` are views into it. */
export interface EncodedGroup {
  readonly bytes: Uint8Array;
  /** In the order of positions, without gaps. At least one. */
  readonly appends: readonly StoredAppend[];
}
