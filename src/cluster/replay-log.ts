/**
 * Recovery of a single node: applies the entries that are in the log but not in the state. After a crash the state is that
 * of some moment, with everything before it; the log has the rest.
 */
import { assert } from '../lib/assert.ts';
import { EntryType } from '../raft/messages.ts';
import type { Entry } from '../raft/messages.ts';
import { COMPACTED, UNAVAILABLE } from '../raft/storage.ts';
import type { EventState, StateEntry } from '../storage/event-state/event-state.ts';
import { decodeGroup } from '../storage/group.ts';
import type { EncodedGroup } from '../storage/group.ts';
import type { RaftLog } from '../storage/raft-log/raft-log.ts';
import type { CommittedEntry } from './journal.ts';

/** Bytes of entries that are read and applied at a time. */
const STEP_BYTES = 4 * 1024 * 1024;

/**
 * Applies all entries above the state's applied index. The log was opened against that index, so it begins no later than
 * the entry behind it and ends no earlier. Returns how many entries it applied.
 */
export async function replayLog(log: RaftLog, state: EventState): Promise<number> {
  const from = state.appliedIndex + 1;
  const end = log.lastIndex() + 1;
  for (let at = from; at < end;) {
    const entries = log.entries(at, end, STEP_BYTES);
    assert(entries !== COMPACTED && entries !== UNAVAILABLE, () => `the log was checked to have entry ${at}`);
    await state.apply(entries.map((entry) => toStateEntry(entry)));
    at += entries.length;
  }
  return end - from;
}

/**
 * An entry as the state takes it. Entries of other kinds than appends only move the applied index.
 * @param group The decoded payload, when it is known already.
 */
export function toStateEntry(entry: CommittedEntry & Partial<Pick<Entry, 'type'>>, group?: EncodedGroup): StateEntry {
  const { index, term, data, type = EntryType.Normal } = entry;
  const carriesGroup = type === EntryType.Normal && data.length > 0;
  return { index, term, group: carriesGroup ? (group ?? decodeGroup(data)) : null };
}
