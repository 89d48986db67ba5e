/**
 * Collecting the outputs of a node into a Ready, once (see ready.ts for what is promised about them).
 *
 * Must not decide anything: it hands out what the state machine has left, and marks it as handed out.
 */
import { entriesSize } from './entry-size.ts';
import {
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  newMessage,
} from './messages.ts';
import type { Raft } from './raft.ts';
import type { AppendTask, ApplyTask, Ready, SoftState } from './ready.ts';

/** What the last Ready told, so that the next one tells only what changed. */
export interface LastReady {
  softState: SoftState;
  hardState: HardState;
}

/** Whether committed entries wait until they are durable here (the core's own form) or not (the synchronous form). */
export type ApplyMode = 'durable-only' | 'allow-unstable';

/** State as of now, of which nothing is to be told again. */
export function currentState(raft: Raft): LastReady {
  return { softState: { leader: raft.lead, state: raft.state }, hardState: raft.hardState() };
}

function softStateChanged(raft: Raft, last: LastReady): boolean {
  return raft.lead !== last.softState.leader || raft.state !== last.softState.state;
}

function hardStateChanged(raft: Raft, { hardState }: LastReady): boolean {
  return raft.log.committed !== hardState.commit || raft.term !== hardState.term || raft.vote !== hardState.vote;
}

/** Whether there is any output. */
export function hasReady(raft: Raft, last: LastReady, mode: ApplyMode): boolean {
  return (
    raft.messages.length > 0 ||
    raft.messagesAfterAppend.length > 0 ||
    raft.log.unstable.hasNextEntries ||
    raft.log.hasNextCommittedEntries(mode === 'allow-unstable') ||
    hardStateChanged(raft, last) ||
    softStateChanged(raft, last) ||
    raft.readStates.length > 0 ||
    raft.log.unstable.nextSnapshot() !== null
  );
}

/**
 * The outputs of a node, and `last` brought up to date. With 'allow-unstable' the append task is present also when it is
 * only there to acknowledge what is in storage already.
 */
export function collectReady(raft: Raft, last: LastReady, mode: ApplyMode): Ready {
  const allowUnstable = mode === 'allow-unstable';
  const softState = softStateChanged(raft, last) ? { leader: raft.lead, state: raft.state } : null;
  if (softState !== null) last.softState = softState;
  const { messages, readStates } = raft;
  raft.messages = [];
  if (readStates.length > 0) raft.readStates = [];
  // Which entries may be applied is decided before this Ready's own entries count as handed out.
  const apply = collectApply(raft, allowUnstable);
  const append = collectAppend(raft, last, allowUnstable);
  return { softState, readStates, messages, append, apply };
}

function collectApply(raft: Raft, allowUnstable: boolean): ApplyTask | null {
  const entries = raft.log.nextCommittedEntries(allowUnstable);
  const final = entries.at(-1);
  if (final === undefined) return null;
  raft.log.acceptApplying(final.index, entriesSize(entries), allowUnstable);
  const response = newMessage(MessageType.MsgStorageApplyResp, raft.id);
  response.from = LOCAL_APPLY_THREAD;
  response.entries = entries;
  return { entries, responses: [response] };
}

function collectAppend(raft: Raft, last: LastReady, acknowledgeAlways: boolean): AppendTask | null {
  const { unstable } = raft.log;
  const entries = unstable.nextEntries();
  const snapshot = unstable.nextSnapshot();
  const hardState = hardStateChanged(raft, last) ? raft.hardState() : null;
  const responses = raft.messagesAfterAppend;
  const isNeeded = entries.length > 0 || hardState !== null || snapshot !== null || responses.length > 0;
  const mayAcknowledge = unstable.length > 0 || snapshot !== null;
  if (!isNeeded && !(acknowledgeAlways && mayAcknowledge)) return null;
  raft.messagesAfterAppend = [];

  const mustSync =
    entries.length > 0 ||
    snapshot !== null ||
    (hardState !== null && (hardState.term !== last.hardState.term || hardState.vote !== last.hardState.vote));
  if (hardState !== null) last.hardState = hardState;
  // Behind the node's own append acknowledgement, which is cheaper to handle while the entries are still unstable.
  if (mayAcknowledge) responses.push(storageAppendResponse(raft, snapshot));
  unstable.acceptInProgress();
  return { hardState, entries, snapshot, mustSync, responses };
}

/**
 * Tells the node that everything handed out so far is durable. Names the last entry of the log even when this task has no
 * entries, and the current term: when the term has moved on by the time it arrives, entries may have been replaced and it
 * does not count for them, so that every task of a new term must repeat it.
 */
function storageAppendResponse(raft: Raft, snapshot: AppendTask['snapshot']): Message {
  const response = newMessage(MessageType.MsgStorageAppendResp, raft.id);
  response.from = LOCAL_APPEND_THREAD;
  response.term = raft.term;
  if (raft.log.unstable.length > 0) {
    response.index = raft.log.lastIndex();
    response.logTerm = raft.log.lastTerm();
  }
  response.snapshot = snapshot;
  return response;
}
