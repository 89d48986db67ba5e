/**
 * Second stage: takes the appends that will be decided and committed together. No timer: whatever arrived while earlier
 * groups were on their way is the next group. Must not know how a group is decided.
 */
import type { Admission } from './admission.ts';
import type { PendingAppend } from './pending-append.ts';

/** Bounds of a group. A single append that is larger is a group of its own. */
export interface GroupLimits {
  readonly maxAppends: number;
  readonly maxEvents: number;
  /** Bytes of memory, by `appendMemory`. */
  readonly maxBytes: number;
}

/** Takes the longest-waiting appends that fit into a group together; empty only when nothing waits. */
export function takeGroup(admission: Admission, limits: GroupLimits): PendingAppend[] {
  const group: PendingAppend[] = [];
  let events = 0;
  let bytes = 0;
  while (group.length < limits.maxAppends) {
    const pending = admission.peek();
    if (pending === null) break;
    events += pending.events;
    bytes += pending.bytes;
    if (group.length > 0 && (events > limits.maxEvents || bytes > limits.maxBytes)) break;
    admission.take();
    group.push(pending);
  }
  return group;
}
