/**
 * The recorded history: what each client asked, when, and what it was told; and the log of events that the store has in the
 * end. One JSON object a line (see ../README.md, which is the format's contract). Knows nothing of how either came about.
 *
 * Times are whole microseconds of one monotonic clock: `call` was read before a request left, `ret` after its answer was there.
 */

/** The state an append wants a stream to be in; a number is the revision of its last event. */
export type Expected = 'any' | 'no-stream' | 'stream-exists' | number;

/** An append fails when an event with the tag exists at a position greater than `after` (null: at all). */
export interface Condition {
  readonly tag: string;
  readonly after: number | null;
}

/** What an answer said. */
export type Result = 'ok' | 'duplicate' | 'wrong-version' | 'id-conflict' | 'condition-failed';

/** One line of a history. A member that is not there was not asked for, or is not known. */
export interface HistoryLine {
  readonly client: number | string;
  readonly call: number;
  /** Not there: the outcome is unknown. It may have happened, may happen later, or never. */
  readonly ret?: number;
  readonly op: 'append' | 'transaction' | 'read' | 'deliver';
  /** A transaction has one for each part. Null: the whole store. */
  readonly stream: string | readonly string[] | null;
  readonly expected?: Expected | readonly Expected[];
  readonly ids?: readonly string[] | readonly (readonly string[])[];
  readonly result?: Result;
  /**
   * Append: last revision of its events (one for each part); wrong-version: the actual revision; condition-failed: the position
   * found. Read: the last revision that was there, or last position of the whole store. Null: there was nothing.
   */
  readonly version?: number | null | readonly number[];
  /** The stream that was not at its expected version, in a transaction. */
  readonly failed?: string;
  readonly condition?: Condition;
  /** Read, deliver: the revision (or position) of the first id. */
  readonly from?: number;
  /** Reads. Not there: linearizable. */
  readonly consistency?: 'linearizable' | 'local' | { readonly atLeast: number };
}

/** An event of the final log, as a replica gave it. */
export interface LogEvent {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly createdAt: number;
  readonly tags: readonly string[];
}

/** One stream's share of an append. */
export interface Part {
  readonly stream: string;
  readonly expected: Expected;
  readonly ids: readonly string[];
}

/** An append or a transaction, in one form. */
export interface AppendOp {
  readonly kind: 'append';
  readonly line: HistoryLine;
  readonly number: number;
  readonly call: number;
  /** Infinity when the outcome is unknown. */
  readonly ret: number;
  readonly parts: readonly Part[];
  readonly condition: Condition | null;
  /** Null: unknown. */
  readonly result: Result | null;
}

/** A read to the end, or a batch of a subscription. */
export interface ReadOp {
  readonly kind: 'read' | 'deliver';
  readonly line: HistoryLine;
  readonly number: number;
  readonly call: number;
  readonly ret: number;
  readonly stream: string | null;
  readonly ids: readonly string[];
  readonly from: number;
  readonly version: number | null;
  readonly consistency: 'linearizable' | 'local' | { readonly atLeast: number };
}

/** The lines, in one form. Reads without an answer say nothing and are left out. Throws on a line that makes no sense. */
export function operationsOf(lines: readonly HistoryLine[]): (AppendOp | ReadOp)[] {
  const operations: (AppendOp | ReadOp)[] = [];
  for (const [index, line] of lines.entries()) {
    const number = index + 1;
    if (line.ret !== undefined && line.ret < line.call) throw new Error(`line ${number}: it ends before it begins`);
    if (line.op === 'append' || line.op === 'transaction') operations.push(appendOf(line, number));
    else if (line.ret !== undefined) operations.push(readOf(line, number, line.ret));
  }
  return operations;
}

function appendOf(line: HistoryLine, number: number): AppendOp {
  const streams = Array.isArray(line.stream) ? (line.stream as readonly string[]) : [line.stream as string];
  const expected = Array.isArray(line.expected) ? (line.expected as readonly Expected[]) : [line.expected as Expected];
  const ids = (line.op === 'transaction' ? line.ids : [line.ids]) as readonly (readonly string[])[];
  const parts = streams.map((stream, part) => ({ stream, expected: expected[part] ?? 'any', ids: ids[part] ?? [] }));
  if (parts.some((part) => part.ids.length === 0)) throw new Error(`line ${number}: an append without events`);
  return {
    kind: 'append',
    line,
    number,
    call: line.call,
    ret: line.ret ?? Infinity,
    parts,
    condition: line.condition ?? null,
    result: line.ret === undefined ? null : (line.result ?? null),
  };
}

function readOf(line: HistoryLine, number: number, ret: number): ReadOp {
  const ids = (line.ids ?? []) as readonly string[];
  const version = line.version ?? null;
  if (typeof version === 'object' && version !== null) throw new Error(`line ${number}: a read of several streams`);
  return {
    kind: line.op === 'deliver' ? 'deliver' : 'read',
    line,
    number,
    call: line.call,
    ret,
    stream: line.stream as string | null,
    ids,
    from: line.from ?? 0,
    version,
    consistency: line.consistency ?? 'linearizable',
  };
}

/** The history of a file's text. */
export function parseHistory(text: string): HistoryLine[] {
  return parseLines<HistoryLine>(text);
}

/** The log of a file's text. */
export function parseLog(text: string): LogEvent[] {
  return parseLines<LogEvent>(text);
}

function parseLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
