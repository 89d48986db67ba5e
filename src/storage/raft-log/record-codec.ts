/**
 * The records that the Raft log writes into the segment log, as bytes and back.
 *
 * Layout in ../FORMAT.md, section "Raft log records". All numbers are little-endian; 64-bit ones are safe integers. The
 * segment log has checked the bytes, so a record that does not decode was written by other code: STORAGE_CORRUPT. Must
 * not know in which order records may come.
 */
import { assert } from '../../lib/assert.ts';
import type { ConfState, Entry, HardState } from '../../raft/messages.ts';
import type { RecordParts } from '../segment-log/types.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

const KIND = { entry: 1, hardState: 2, snapshot: 3, compaction: 4, checkpoint: 5 } as const;

/** What stands in place of all entries up to `index`. */
export interface LogBase {
  /** `empty`: nothing does. `compaction`: this member's own state. `snapshot`: the state of another member. */
  readonly origin: 'empty' | 'compaction' | 'snapshot';
  readonly index: number;
  /** Term of the entry at `index`. */
  readonly term: number;
  readonly confState: ConfState;
  /** What the snapshot's maker put there; empty otherwise. */
  readonly data: Uint8Array;
}

/** Everything that a reader must know of the records before a segment. */
export interface Checkpoint {
  readonly hardState: HardState;
  readonly base: LogBase;
  /** Index of the last entry; `base.index` when there is none. */
  readonly lastIndex: number;
}

/** A record, decoded. The bytes in it are views of what was decoded. */
export type RaftRecord =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'hardState'; readonly hardState: HardState }
  | { readonly kind: 'base'; readonly base: LogBase }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint };

/** Bytes in front of an entry's data. */
export const ENTRY_HEAD_BYTES = 18;

const HARD_STATE_BYTES = 24;
const ORIGINS = ['empty', 'compaction', 'snapshot'] as const;

/** The entry; its data are not copied. */
export function encodeEntry(entry: Entry): RecordParts {
  const head = new ByteWriter(ENTRY_HEAD_BYTES);
  head.uint8(KIND.entry);
  head.uint8(entry.type);
  head.uint64(entry.term);
  head.uint64(entry.index);
  return entry.data.length === 0 ? [head.bytes] : [head.bytes, entry.data];
}

/** The hard state, as one part. */
export function encodeHardState(hardState: HardState): RecordParts {
  const writer = new ByteWriter(1 + HARD_STATE_BYTES);
  writer.uint8(KIND.hardState);
  writeHardState(writer, hardState);
  return [writer.bytes];
}

/** A mark that entries up to `base.index` are replaced. `base.origin` must not be `empty`. */
export function encodeBase(base: LogBase): RecordParts {
  assert(base.origin !== 'empty', 'an empty base is not written');
  const writer = new ByteWriter(1 + baseBytes(base));
  writer.uint8(base.origin === 'snapshot' ? KIND.snapshot : KIND.compaction);
  writeBase(writer, base);
  return [writer.bytes];
}

/** The checkpoint, as one part. Only the first record of a segment may be one. */
export function encodeCheckpoint(checkpoint: Checkpoint): RecordParts {
  const writer = new ByteWriter(1 + HARD_STATE_BYTES + 8 + 1 + baseBytes(checkpoint.base));
  writer.uint8(KIND.checkpoint);
  writeHardState(writer, checkpoint.hardState);
  writer.uint64(checkpoint.lastIndex);
  writer.uint8(ORIGINS.indexOf(checkpoint.base.origin));
  writeBase(writer, checkpoint.base);
  return [writer.bytes];
}

/** The record, or null when the bytes are none. Numbers beyond the safe integers make it none, too. */
export function decodeRecord(payload: Uint8Array): RaftRecord | null {
  const reader = new ByteReader(payload);
  const record = readRecord(reader);
  return reader.failed || (record?.kind !== 'entry' && reader.left > 0) ? null : record;
}

function readRecord(reader: ByteReader): RaftRecord | null {
  const kind = reader.uint8() as (typeof KIND)[keyof typeof KIND];
  switch (kind) {
    case KIND.entry: {
      const type = reader.uint8() as Entry['type'];
      const term = reader.uint64();
      const index = reader.uint64();
      return { kind: 'entry', entry: { type, term, index, data: reader.rest() } };
    }
    case KIND.hardState:
      return { kind: 'hardState', hardState: readHardState(reader) };
    case KIND.snapshot:
      return { kind: 'base', base: readBase(reader, 'snapshot') };
    case KIND.compaction:
      return { kind: 'base', base: readBase(reader, 'compaction') };
    case KIND.checkpoint: {
      const hardState = readHardState(reader);
      const lastIndex = reader.uint64();
      const origin = ORIGINS[reader.uint8()];
      if (origin === undefined) return null;
      return { kind: 'checkpoint', checkpoint: { hardState, lastIndex, base: readBase(reader, origin) } };
    }
    default:
      kind satisfies never;
      return null;
  }
}

function writeHardState(writer: ByteWriter, { term, vote, commit }: HardState): void {
  writer.uint64(term);
  writer.uint64(vote);
  writer.uint64(commit);
}

function readHardState(reader: ByteReader): HardState {
  return { term: reader.uint64(), vote: reader.uint64(), commit: reader.uint64() };
}

function baseBytes({ confState, data }: LogBase): number {
  let members = 0;
  for (const ids of memberLists(confState)) members += 4 + 8 * ids.length;
  return 16 + members + 1 + 4 + data.length;
}

function writeBase(writer: ByteWriter, { index, term, confState, data }: LogBase): void {
  writer.uint64(index);
  writer.uint64(term);
  for (const ids of memberLists(confState)) {
    writer.uint32(ids.length);
    for (const id of ids) writer.uint64(id);
  }
  writer.uint8(confState.autoLeave ? 1 : 0);
  writer.uint32(data.length);
  writer.append(data);
}

function readBase(reader: ByteReader, origin: LogBase['origin']): LogBase {
  const index = reader.uint64();
  const term = reader.uint64();
  const voters = readMembers(reader);
  const learners = readMembers(reader);
  const votersOutgoing = readMembers(reader);
  const learnersNext = readMembers(reader);
  const autoLeave = reader.uint8() !== 0;
  // Copied: it outlives the record's buffer.
  const data = reader.take(reader.uint32()).slice();
  return { origin, index, term, confState: { voters, learners, votersOutgoing, learnersNext, autoLeave }, data };
}

function memberLists(confState: ConfState): readonly (readonly number[])[] {
  return [confState.voters, confState.learners, confState.votersOutgoing, confState.learnersNext];
}

function readMembers(reader: ByteReader): number[] {
  const count = reader.uint32();
  const ids: number[] = [];
  for (let i = 0; i < count && !reader.failed; i++) ids.push(reader.uint64());
  return ids;
}
