/**
 * Raft messages from bytes. Entry data and contexts are views into what arrived. Knows the field numbers of RaftMessage
 * (graveyar.raft.v1), and what is impossible in a message from another member: the core takes what passes here for granted.
 */
import { isLocalMessage, MessageType } from '../../cluster/raft-message.ts';
import type { Entry, Message, Snapshot } from '../../cluster/raft-message.ts';
import { invalidArgument } from '../../domain/validate-text.ts';
import { Snapshot as SnapshotMessage } from '../gen/graveyar/raft/v1/message.ts';
import { decodeRequest, RequestReader } from '../request-reader.ts';

const noBytes: Uint8Array = new Uint8Array(0);
const noEntries: readonly Entry[] = [];
const knownTypes: ReadonlySet<number> = new Set(Object.values(MessageType));
const lastEntryType = 2;
const emptyConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

/** The messages of a MessagesRequest, for `to` and from `from`. Throws INVALID_ARGUMENT; then none of them was taken. */
export function readMessages(bytes: Uint8Array, from: number, to: number): Message[] {
  const messages = decodeRequest({ decode: readRequest }, bytes);
  for (const message of messages) check(message, from, to);
  return messages;
}

/** One serialized RaftMessage, likewise. */
export function readMessage(bytes: Uint8Array, from: number, to: number): Message {
  const message = decodeRequest({ decode: (reader) => readRaftMessage(reader, reader.len) }, bytes);
  check(message, from, to);
  return message;
}

function readRequest(reader: RequestReader): Message[] {
  const messages: Message[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 18) messages.push(readRaftMessage(reader, reader.nestedEnd(reader.len)));
    else skip(reader, tag);
  }
  reader.expectEnd(reader.len);
  return messages;
}

function readRaftMessage(reader: RequestReader, end: number): Message {
  let entries: Entry[] | null = null;
  let snapshot: Snapshot | null = null;
  let context: Uint8Array = noBytes;
  let reject = false;
  /** By field number. */
  const numbers = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 58) (entries ??= []).push(readEntry(reader, reader.nestedEnd(end)));
    else if (tag === 74) snapshot = readSnapshot(reader.bytes());
    else if (tag === 80) reject = reader.safeInteger() !== 0;
    else if (tag === 98) context = reader.bytes();
    else if ((tag & 7) === 0 && tag >>> 3 < numbers.length && tag !== 0) numbers[tag >>> 3] = reader.safeInteger();
    else skip(reader, tag);
  }
  reader.expectEnd(end);
  const [, type = 0, to = 0, from = 0, term = 0, logTerm = 0, index = 0, , commit = 0, , , rejectHint = 0] = numbers;
  return {
    type: type as MessageType,
    to,
    from,
    term,
    logTerm,
    index,
    entries: entries ?? noEntries,
    commit,
    snapshot,
    reject,
    rejectHint,
    context,
  };
}

function readEntry(reader: RequestReader, end: number): Entry {
  let type = 0;
  let term = 0;
  let index = 0;
  let data: Uint8Array = noBytes;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) type = reader.safeInteger();
    else if (tag === 16) term = reader.safeInteger();
    else if (tag === 24) index = reader.safeInteger();
    else if (tag === 34) data = reader.bytes();
    else skip(reader, tag);
  }
  reader.expectEnd(end);
  return { type: type as Entry['type'], term, index, data };
}

function readSnapshot(bytes: Uint8Array): Snapshot {
  const { index, term, confState, data } = SnapshotMessage.decode(new RequestReader(bytes));
  return { index, term, confState: confState ?? emptyConfState, data };
}

/** Passes over a field of a later version of the protocol. */
function skip(reader: RequestReader, tag: number): void {
  if (tag >>> 3 === 0) throw new RangeError('a field has the number 0');
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- it refuses what is no wire type
  reader.skip(tag & 7, tag >>> 3);
}

/**
 * Requests that a follower passes on to the leader as they came: from whoever asked, or, for a leadership transfer, from whom it
 * is for.
 */
const mayBePassedOn: ReadonlySet<number> = new Set([
  MessageType.MsgProp,
  MessageType.MsgReadIndex,
  MessageType.MsgTransferLeader,
]);

function check(message: Message, from: number, to: number): void {
  const { type, entries } = message;
  if (!knownTypes.has(type)) throw invalidArgument('messages.type', `is ${type}, which is no type of message`);
  if (isLocalMessage(type)) throw invalidArgument('messages.type', `is ${type}, which a member sends only to itself`);
  if (message.from !== from && !mayBePassedOn.has(type))
    throw invalidArgument('messages.from', `is ${message.from}`, `the sender, ${from}`);
  if (message.to !== to) throw invalidArgument('messages.to', `is ${message.to}`, `this member, ${to}`);
  if ((type === MessageType.MsgSnap) !== (message.snapshot !== null)) {
    throw invalidArgument('messages.snapshot', 'is there or missing against the type of the message');
  }
  if (type === MessageType.MsgApp) checkOrder(message);
  for (const entry of entries) {
    if (entry.type > lastEntryType) throw invalidArgument('entries.type', `is ${entry.type}`, '0, 1 or 2');
  }
}

/** Indexes are consecutive and terms never go back. */
function checkOrder({ term, index, logTerm, entries }: Message): void {
  let nextIndex = index + 1;
  let lastTerm = logTerm;
  for (const entry of entries) {
    if (entry.index !== nextIndex) throw invalidArgument('entries.index', `is ${entry.index}`, `${nextIndex}`);
    if (entry.term < lastTerm || entry.term > term) {
      throw invalidArgument('entries.term', `is ${entry.term}`, `${lastTerm} to ${term}`);
    }
    nextIndex++;
    lastTerm = entry.term;
  }
}
