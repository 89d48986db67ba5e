/**
 * What each operation of a history demands of the log's order: in which gaps its answer is right, and when it must have had
 * its moment. Contents are compared here; times only in timetable.ts.
 *
 * Appends may be sent again by the client that records them, under the same ids, before it gets its answer. So an answer
 * tells of one attempt, and earlier attempts may still be on their way: a refused append may take place later (never before:
 * it would have been told "duplicate"), unless what refused it can never change again. See {@link settled}.
 */
import type { AppendOp, ReadOp } from './history.ts';
import { both, isEmpty } from './log-order.ts';
import type { Gaps, LogOrder, Write } from './log-order.ts';
import type { Violation, ViolationKind } from './violation.ts';

/** An operation that changes nothing: it has a moment within [call, ret] in one of the gaps. */
export interface Observation {
  readonly what: 'read' | 'rejection';
  readonly number: number;
  /** -Infinity: it may be of any time before `ret` (a read that need not be fresh). */
  readonly call: number;
  readonly ret: number;
  /** Disjoint, in order, none empty. */
  readonly gaps: readonly Gaps[];
}

/** Bounds of a write's moment. */
export interface WriteBounds {
  readonly write: Write;
  readonly notBefore: number;
  readonly notBeforeLine: number;
  readonly notAfter: number;
  readonly notAfterLine: number;
}

/** Everything the timetable must satisfy, and what is wrong whatever the timetable. */
export interface Demands {
  readonly observations: readonly Observation[];
  readonly writes: readonly WriteBounds[];
  readonly violations: readonly Violation[];
}

/** Goes over the history once. */
export function demandsOf(operations: readonly (AppendOp | ReadOp)[], order: LogOrder): Demands {
  const violations: Violation[] = [];
  const observations: Observation[] = [];
  const report = (kind: ViolationKind, number: number, text: string): void => {
    violations.push({ kind, message: `line ${number}: ${text}` });
  };
  for (const op of operations) {
    const observation = op.kind === 'append' ? appendDemands(op, order, report) : readDemands(op, order, report);
    if (observation !== null) observations.push(observation);
  }
  const writes = order.writes.flatMap((write) => (write.ops.length === 0 ? [] : [writeDemands(write, order, report)]));
  return { observations, writes, violations };
}

type Report = (kind: ViolationKind, number: number, text: string) => void;

function appendDemands(op: AppendOp, order: LogOrder, report: Report): Observation | null {
  const { result, line, number } = op;
  const write = order.writeOf(op);
  if (result === null) return null;
  if (result === 'ok' || result === 'duplicate') {
    checkAcknowledged(op, order, report);
    return null;
  }
  if (write?.ops.every(settled) === true) {
    report('rejected append in log', number, `${result}, but its events are at position ${write.firstPosition}`);
  }
  const gaps = rejectionGaps(op, order).filter((range) => !isEmpty(range));
  if (gaps.length === 0) {
    report('wrong rejection', number, `${result} (${JSON.stringify(line.version ?? null)}) was never true`);
    return null;
  }
  return { what: 'rejection', number, call: op.call, ret: op.ret, gaps };
}

/** An acknowledged append is in the log, where its answer says. */
function checkAcknowledged(op: AppendOp, order: LogOrder, report: Report): void {
  const missing = op.parts.flatMap(({ stream, ids }) => ids.filter((id) => order.event(stream, id) === undefined));
  if (missing.length > 0) {
    report('lost append', op.number, `acknowledged, and not in the log: ${missing.join(', ')}`);
    return;
  }
  const versions = Array.isArray(op.line.version) ? (op.line.version as readonly number[]) : [op.line.version];
  for (const [index, { stream, ids }] of op.parts.entries()) {
    const revisions = ids.map((id) => order.event(stream, id)?.revision ?? NaN);
    const last = versions[index];
    if (typeof last === 'number' && revisions.every((revision, at) => revision === last - ids.length + 1 + at))
      continue;
    report(
      'wrong answer',
      op.number,
      `${stream}: told revision ${String(last)}, and the log has ${revisions.join(', ')}`,
    );
  }
  // Their events are there and in place, but no append as a whole is: that is reported where the log was taken apart.
}

/** Whether no attempt of a refused append can succeed any more: streams only grow, and events never go away. */
export function settled({ result, line, parts }: AppendOp): boolean {
  if (result === null || result === 'ok' || result === 'duplicate') return false;
  if (result !== 'wrong-version') return true;
  const failed = parts.find(({ stream }) => stream === (line.failed ?? stream));
  const actual = line.version as number | null;
  if (failed === undefined || actual === null) return false;
  return failed.expected === 'no-stream' || (typeof failed.expected === 'number' && failed.expected < actual);
}

function rejectionGaps(op: AppendOp, order: LogOrder): Gaps[] {
  if (op.result === 'id-conflict') return conflictGaps(op, order);
  // Once any of its events is there, an attempt is told "duplicate" or "conflict".
  const first = Math.min(...op.parts.flatMap(({ stream, ids }) => ids.map((id) => writeOfEvent(stream, id, order))));
  let gaps: Gaps = { low: 0, high: first - 1 };
  if (op.result === 'wrong-version') {
    const actual = op.line.version as number | null;
    for (const { stream, expected } of op.parts) {
      if (stream === (op.line.failed ?? stream)) {
        return holds(expected, actual) ? [] : [both(gaps, order.whenAt(stream, actual))];
      }
      gaps = both(gaps, order.whenHolds(stream, expected));
    }
    return [];
  }
  for (const { stream, expected } of op.parts) gaps = both(gaps, order.whenHolds(stream, expected));
  const position = op.line.version as number;
  const { condition } = op;
  const event = order.at(null, position);
  if (condition === null || event?.tags.includes(condition.tag) !== true || position <= (condition.after ?? -1))
    return [];
  return [both(gaps, { low: order.writeAt(position), high: order.last })];
}

/** n + 1 when the event is not in the log. */
function writeOfEvent(stream: string, id: string, order: LogOrder): number {
  const event = order.event(stream, id);
  return event === undefined ? order.last + 1 : order.writeAt(event.position);
}

function holds(expected: AppendOp['parts'][number]['expected'], actual: number | null): boolean {
  if (expected === 'any') return true;
  if (expected === 'no-stream') return actual === null;
  return expected === 'stream-exists' ? actual !== null : expected === actual;
}

/** The gaps at which some of the append's ids are there, but not as one repetition of it. */
function conflictGaps(op: AppendOp, order: LogOrder): Gaps[] {
  const found = op.parts.map(({ stream, ids }) => ids.map((id) => order.event(stream, id)));
  const steps = new Set(found.flat().flatMap((event) => (event === undefined ? [] : [order.writeAt(event.position)])));
  const starts = [...steps].sort((a, b) => a - b);
  const ranges: Gaps[] = [];
  for (const [index, low] of starts.entries()) {
    const there = found.map((part) => part.map((event) => present(event, low, order)));
    const whole = there.every((part) =>
      part.every((revision, at) => revision !== null && revision === (part[0] ?? 0) + at),
    );
    if (!whole) ranges.push({ low, high: (starts[index + 1] ?? order.last + 1) - 1 });
  }
  return ranges;
}

function present(
  event: { position: number; revision: number } | undefined,
  gap: number,
  order: LogOrder,
): number | null {
  return event !== undefined && order.writeAt(event.position) <= gap ? event.revision : null;
}

function readDemands(op: ReadOp, order: LogOrder, report: Report): Observation | null {
  const { stream, number, from, version, ids } = op;
  for (const [index, id] of ids.entries()) {
    const event = order.at(stream, from + index);
    if (event?.id === id) continue;
    const place = `${stream ?? 'position'} ${from + index}`;
    report('wrong content', number, `${place} is ${id}, and the log has ${event?.id ?? 'nothing'}`);
    return null;
  }
  if (op.kind === 'read' && ids.length > 0 && from + ids.length - 1 !== version) {
    report('wrong content', number, `it ends at ${from + ids.length - 1}, and says that ${String(version)} was last`);
    return null;
  }
  const gaps = op.kind === 'read' ? order.whenAt(stream, version) : sinceGaps(op, order);
  if (isEmpty(gaps)) {
    report(
      'wrong content',
      number,
      `${stream ?? 'the store'} was never at ${String(version)}: half of an append was seen`,
    );
    return null;
  }
  return freshness(op, gaps, order, report);
}

/** A delivery is a prefix that ends anywhere: all it says is that its events were there. */
function sinceGaps({ stream, from, ids }: ReadOp, order: LogOrder): Gaps {
  const event = order.at(stream, from + ids.length - 1);
  return event === undefined ? { low: 0, high: order.last } : { low: order.writeAt(event.position), high: order.last };
}

function freshness(op: ReadOp, gaps: Gaps, order: LogOrder, report: Report): Observation {
  const { number, consistency, call, ret } = op;
  const observation = { what: 'read', number, call, ret, gaps: [gaps] } as const;
  if (op.kind === 'deliver') return { ...observation, call: -Infinity };
  if (consistency === 'linearizable') return observation;
  if (consistency !== 'local' && gaps.high < order.writeAt(consistency.atLeast)) {
    report(
      'stale read',
      number,
      `at least position ${consistency.atLeast} was asked for, and later events are missing`,
    );
  }
  return { ...observation, call: -Infinity };
}

/** The spec at the write itself, and its bounds in time. */
function writeDemands(write: Write, order: LogOrder, report: Report): WriteBounds {
  const before = write.number - 1;
  const fresh = write.ops.filter(({ result }) => result === 'ok');
  const answered = write.ops.filter(({ result }) => result === 'ok' || result === 'duplicate');
  const [author] = fresh;
  if (fresh.length > 1) {
    report(
      'appended twice',
      fresh[1]?.number ?? 0,
      `line ${author?.number ?? 0} got the same answer for the same events`,
    );
  }
  // Without an answer that says so, any attempt that was not settled otherwise may be the one that took effect.
  const unsettled = write.ops.filter((op) => !settled(op));
  const candidates = (author === undefined ? unsettled : [author]).filter((op) => accepts(op, before, order));
  if (candidates.length === 0) {
    const op = author ?? write.ops[0];
    report('wrong acceptance', op?.number ?? 0, `at position ${write.firstPosition}: not in the state it asked for`);
  }
  const among = candidates.length > 0 ? candidates : write.ops;
  const first = among.reduce((least, op) => (op.call < least.call ? op : least));
  const last = answered.reduce<AppendOp | null>((least, op) => (op.ret < (least?.ret ?? Infinity) ? op : least), null);
  return {
    write,
    notBefore: first.call,
    notBeforeLine: first.number,
    notAfter: last?.ret ?? Infinity,
    notAfterLine: last?.number ?? 0,
  };
}

function accepts(op: AppendOp, gap: number, order: LogOrder): boolean {
  const within = ({ low, high }: Gaps): boolean => low <= gap && gap <= high;
  if (op.condition !== null && !within(order.whenFree(op.condition))) return false;
  return op.parts.every(({ stream, expected }) => within(order.whenHolds(stream, expected)));
}
