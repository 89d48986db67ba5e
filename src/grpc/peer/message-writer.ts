/**
 * Raft messages to bytes: the way of every replicated byte, so it is written by hand, with the size known before the first byte
 * is written and entry data copied once. Knows the field numbers of MessagesRequest and what it holds (graveyar.raft.v1); a test
 * holds it equal to the generated code.
 */
import type { Entry, Message, Snapshot } from '../../cluster/raft-message.ts';
import { Snapshot as SnapshotMessage } from '../gen/graveyar/raft/v1/message.ts';

/** A message whose size is known, ready to be written. */
export interface SizedMessage {
  readonly message: Message;
  /** Bytes of the serialized RaftMessage. */
  readonly size: number;
}

/** How many bytes the number takes as a varint. `value` is a safe integer from 0. */
function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** A field with a one-byte tag; one that is 0 is left out. */
function numberSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

function bytesSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function entrySize({ type, term, index, data }: Entry): number {
  const dataSize = data.length === 0 ? 0 : bytesSize(data.length);
  return numberSize(type) + numberSize(term) + numberSize(index) + dataSize;
}

function snapshotBytes({ index, term, confState, data }: Snapshot): Uint8Array {
  return SnapshotMessage.encode({
    index,
    term,
    data: Buffer.from(data),
    confState: {
      voters: [...confState.voters],
      learners: [...confState.learners],
      votersOutgoing: [...confState.votersOutgoing],
      learnersNext: [...confState.learnersNext],
      autoLeave: confState.autoLeave,
    },
  }).finish();
}

/** Bytes of the serialized RaftMessage. */
export function messageSize(message: Message): number {
  let size =
    numberSize(message.type) +
    numberSize(message.to) +
    numberSize(message.from) +
    numberSize(message.term) +
    numberSize(message.logTerm) +
    numberSize(message.index) +
    numberSize(message.commit) +
    (message.reject ? 2 : 0) +
    numberSize(message.rejectHint);
  for (const entry of message.entries) size += bytesSize(entrySize(entry));
  if (message.snapshot !== null) size += bytesSize(snapshotBytes(message.snapshot).length);
  if (message.context.length > 0) size += bytesSize(message.context.length);
  return size;
}

/** A MessagesRequest with these messages. */
export function encodeMessages(messages: readonly SizedMessage[]): Buffer {
  let total = 0;
  for (const { size } of messages) total += bytesSize(size);
  const writer = new Writer(total);
  for (const { message, size } of messages) {
    writer.tagAndNumber(18, size);
    writer.message(message);
  }
  return writer.bytes;
}

/** Writes into bytes of a size that was found before. */
class Writer {
  readonly bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  message(message: Message): void {
    this.number(8, message.type);
    this.number(16, message.to);
    this.number(24, message.from);
    this.number(32, message.term);
    this.number(40, message.logTerm);
    this.number(48, message.index);
    for (const entry of message.entries) {
      this.tagAndNumber(58, entrySize(entry));
      this.#entry(entry);
    }
    this.number(64, message.commit);
    if (message.snapshot !== null) this.field(74, snapshotBytes(message.snapshot));
    this.number(80, message.reject ? 1 : 0);
    this.number(88, message.rejectHint);
    if (message.context.length > 0) this.field(98, message.context);
  }

  #entry({ type, term, index, data }: Entry): void {
    this.number(8, type);
    this.number(16, term);
    this.number(24, index);
    if (data.length > 0) this.field(34, data);
  }

  number(tag: number, value: number): void {
    if (value !== 0) this.tagAndNumber(tag, value);
  }

  field(tag: number, value: Uint8Array): void {
    this.tagAndNumber(tag, value.length);
    this.bytes.set(value, this.#at);
    this.#at += value.length;
  }

  tagAndNumber(tag: number, value: number): void {
    const { bytes } = this;
    bytes[this.#at++] = tag;
    let rest = value;
    while (rest >= 0x80) {
      bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    bytes[this.#at++] = rest;
  }
}
