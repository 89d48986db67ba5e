/**
 * What a leader sends to bring a follower up to date: entries, commit indexes, snapshots and heartbeats (Raft paper,
 * sections 5.3 and 7). Works on a leader's state; must not know how answers change it (leader.ts).
 */
import { assert } from '../lib/assert.ts';
import { payloadsSize } from './entry-size.ts';
import { type Entry, MessageType, newMessage, NO_DATA } from './messages.ts';
import type { Progress } from './progress.ts';
import type { Raft } from './raft.ts';
import { ProgressState } from './status.ts';
import { SNAPSHOT_TEMPORARILY_UNAVAILABLE } from './storage.ts';

const NO_ENTRIES: readonly Entry[] = [];

/**
 * Sends entries, or only the commit index when there are none and `sendIfEmpty`, or a snapshot when the entries needed
 * are compacted. Whether anything was sent: nothing goes to a follower that is paused.
 */
export function maybeSendAppend(raft: Raft, to: number, sendIfEmpty: boolean): boolean {
  const progress = raft.tracker.get(to);
  if (progress === undefined || progress.paused) return false;
  const { log } = raft;
  const prevIndex = progress.next - 1;
  const prevTerm = log.term(prevIndex);
  if (typeof prevTerm !== 'number') return maybeSendSnapshot(raft, to, progress);

  let entries = NO_ENTRIES;
  // With a full window a message still goes out now and then, without entries, to notice that the window was lost.
  if (progress.state !== ProgressState.Replicate || !progress.inflights.full) {
    const found = log.entries(progress.next, raft.config.maxSizePerMsg);
    if (typeof found === 'string') return sendIfEmpty && maybeSendSnapshot(raft, to, progress);
    entries = found;
  }
  if (entries.length === 0 && !sendIfEmpty) return false;

  const message = newMessage(MessageType.MsgApp, to);
  message.index = prevIndex;
  message.logTerm = prevTerm;
  message.entries = entries;
  message.commit = log.committed;
  raft.send(message);
  progress.sentEntries(entries.length, payloadsSize(entries));
  progress.sentCommit = log.committed;
  return true;
}

/** Sends an append, be it empty. */
export function sendAppend(raft: Raft, to: number): void {
  maybeSendAppend(raft, to, true);
}

function maybeSendSnapshot(raft: Raft, to: number, progress: Progress): boolean {
  // A follower that does not answer would not take it, and making one is costly.
  if (!progress.recentActive) return false;
  const snapshot = raft.log.snapshot();
  if (snapshot === SNAPSHOT_TEMPORARILY_UNAVAILABLE) return false;
  assert(
    snapshot.index > 0,
    () => `${to} needs entries from ${progress.next}, which are compacted, but storage has no snapshot`,
  );
  progress.becomeSnapshot(snapshot.index);
  const message = newMessage(MessageType.MsgSnap, to);
  message.snapshot = snapshot;
  raft.send(message);
  return true;
}

/** Sends appends to all others. */
export function broadcastAppend(raft: Raft): void {
  for (const id of raft.tracker.ids) {
    if (id !== raft.id) maybeSendAppend(raft, id, true);
  }
}

/** Sends heartbeats to all others, with the context of the latest read that waits, if any. */
export function broadcastHeartbeat(raft: Raft): void {
  broadcastHeartbeatWithContext(raft, raft.readOnly.lastContext ?? NO_DATA);
}

/** Sends heartbeats to all others. */
export function broadcastHeartbeatWithContext(raft: Raft, context: Uint8Array): void {
  for (const id of raft.tracker.ids) {
    const progress = id === raft.id ? undefined : raft.tracker.get(id);
    if (progress === undefined) continue;
    // The follower may not have more than it acknowledged, and must not commit what it does not have.
    const commit = Math.min(progress.match, raft.log.committed);
    const message = newMessage(MessageType.MsgHeartbeat, id);
    message.commit = commit;
    message.context = context;
    raft.send(message);
    progress.sentCommit = commit;
  }
}

/** Tells a follower to campaign at once (dissertation, section 3.10). */
export function sendTimeoutNow(raft: Raft, to: number): void {
  raft.send(newMessage(MessageType.MsgTimeoutNow, to));
}
