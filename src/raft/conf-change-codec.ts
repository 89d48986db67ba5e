/**
 * The bytes of a configuration change in an entry.
 *
 * Format: the protocol buffer messages ConfChange (entry type ConfChange: 1 id, always 0; 2 type; 3 node id; 4 context) and
 * ConfChangeV2 (entry type ConfChangeV2: 1 transition; 2 changes {1 type; 2 node id}; 3 context), numbers as varints,
 * fields in ascending order, numbers always present, an empty context left out. The entry type is the version. No bytes at
 * all are the ConfChangeV2 that leaves a joint configuration, so that the bound on uncommitted bytes never refuses it.
 *
 * Decoding is strict and total: what the encoder cannot have written is invalid, on every replica alike. Encodes and
 * decodes without platform services; must not know configurations.
 */
import { assert } from '../lib/assert.ts';
import {
  type ConfChange,
  confChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  LEAVE_JOINT,
} from './conf-change.ts';
import { type Entry, EntryType, NO_DATA } from './messages.ts';

/** Wire type of a varint and of a length-delimited field, in the low three bits of a field's tag. */
const VARINT = 0;
const BYTES = 2;

/** Largest number of steps in one change; more than any sensible group has members. */
export const MAX_CONF_CHANGE_STEPS = 1_000;

function pushVarint(out: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
}

function pushNumber(out: number[], field: number, value: number): void {
  out.push((field << 3) | VARINT);
  pushVarint(out, value);
}

function pushBytes(out: number[], field: number, bytes: ArrayLike<number>): void {
  out.push((field << 3) | BYTES);
  pushVarint(out, bytes.length);
  for (let i = 0; i < bytes.length; i++) out.push(bytes[i] as number);
}

/**
 * The data of an entry of `type` that carries `change`. The original form carries exactly one step and no transition:
 * asserted. Node ids are safe integers >= 0.
 */
export function encodeConfChange(
  change: ConfChange,
  type: typeof EntryType.ConfChange | typeof EntryType.ConfChangeV2,
): Uint8Array {
  assert(change.changes.length <= MAX_CONF_CHANGE_STEPS, () => `${change.changes.length} steps in a change`);
  for (const { nodeId } of change.changes) {
    assert(Number.isSafeInteger(nodeId) && nodeId >= 0, () => `node id ${nodeId} in a configuration change`);
  }
  const out: number[] = [];
  if (type === EntryType.ConfChange) {
    const [single, ...more] = change.changes;
    assert(
      single !== undefined && more.length === 0 && change.transition === ConfChangeTransition.Auto,
      'the original form of a configuration change has one step and no transition',
    );
    pushNumber(out, 1, 0);
    pushNumber(out, 2, single.type);
    pushNumber(out, 3, single.nodeId);
    if (change.context.length > 0) pushBytes(out, 4, change.context);
    return Uint8Array.from(out);
  }
  pushNumber(out, 1, change.transition);
  for (const single of change.changes) {
    const step: number[] = [];
    pushNumber(step, 1, single.type);
    pushNumber(step, 2, single.nodeId);
    pushBytes(out, 2, step);
  }
  if (change.context.length > 0) pushBytes(out, 3, change.context);
  return Uint8Array.from(out);
}

/** A position in bytes being decoded; every read answers undefined at anything unexpected. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Whether the next field has this tag; then it is passed. */
  take(field: number, wireType: number): boolean {
    if (this.#bytes[this.#at] !== ((field << 3) | wireType)) return false;
    this.#at++;
    return true;
  }

  varint(): number | undefined {
    let value = 0;
    let scale = 1;
    for (let length = 1; length <= 8; length++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return Number.isSafeInteger(value) && (byte > 0 || length === 1) ? value : undefined;
      scale *= 0x80;
    }
    return undefined;
  }

  number(field: number): number | undefined {
    return this.take(field, VARINT) ? this.varint() : undefined;
  }

  /** Bytes of a length-delimited field whose tag has been passed. */
  bytes(): Uint8Array | undefined {
    const length = this.varint();
    if (length === undefined || length > this.#bytes.length - this.#at) return undefined;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function isType(value: number | undefined): value is ConfChangeType {
  return value !== undefined && value <= ConfChangeType.AddLearnerNode;
}

function isTransition(value: number | undefined): value is ConfChangeTransition {
  return value !== undefined && value <= ConfChangeTransition.JointExplicit;
}

/** The rest of a message: a context that is not empty, or nothing. */
function readContext(reader: Reader, field: number): Uint8Array | undefined {
  if (reader.atEnd()) return NO_DATA;
  const context = reader.take(field, BYTES) ? reader.bytes() : undefined;
  return context !== undefined && context.length > 0 && reader.atEnd() ? context : undefined;
}

function decodeOriginal(data: Uint8Array): ConfChange | undefined {
  const reader = new Reader(data);
  const id = reader.number(1);
  const type = reader.number(2);
  const nodeId = reader.number(3);
  const context = readContext(reader, 4);
  if (id !== 0 || !isType(type) || nodeId === undefined || context === undefined) return undefined;
  return confChange([{ type, nodeId }], ConfChangeTransition.Auto, context);
}

function decodeStep(data: Uint8Array | undefined): ConfChangeSingle | undefined {
  if (data === undefined) return undefined;
  const reader = new Reader(data);
  const type = reader.number(1);
  const nodeId = reader.number(2);
  return isType(type) && nodeId !== undefined && reader.atEnd() ? { type, nodeId } : undefined;
}

function decodeV2(data: Uint8Array): ConfChange | undefined {
  if (data.length === 0) return LEAVE_JOINT;
  const reader = new Reader(data);
  const transition = reader.number(1);
  if (!isTransition(transition)) return undefined;
  const changes: ConfChangeSingle[] = [];
  while (reader.take(2, BYTES)) {
    const step = decodeStep(reader.bytes());
    if (step === undefined || changes.length === MAX_CONF_CHANGE_STEPS) return undefined;
    changes.push(step);
  }
  const context = readContext(reader, 3);
  return context === undefined ? undefined : confChange(changes, transition, context);
}

/** The change that an entry of type ConfChange or ConfChangeV2 carries; undefined when it is not a valid one. */
export function decodeConfChange(entry: Pick<Entry, 'type' | 'data'>): ConfChange | undefined {
  if (entry.type === EntryType.ConfChange) return decodeOriginal(entry.data);
  return entry.type === EntryType.ConfChangeV2 ? decodeV2(entry.data) : undefined;
}
