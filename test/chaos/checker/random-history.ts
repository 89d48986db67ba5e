/**
 * Random small histories of a store that keeps its word, with everything that clients of a real one meet: overlapping calls,
 * answers that never came, appends that took effect long after, repetitions and refusals. Pure, by a seeded source.
 */
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { Condition, Expected, HistoryLine, LogEvent } from './history.ts';

/** What happened, and what is in the store in the end. */
export interface RandomHistory {
  readonly lines: HistoryLine[];
  readonly log: LogEvent[];
}

interface Planned {
  readonly client: number;
  readonly call: number;
  readonly at: number;
  readonly ret: number | null;
  /** False: the request was lost on its way. */
  readonly arrives: boolean;
}

const STREAMS = ['a', 'b'];
type Line = { -readonly [K in keyof HistoryLine]: HistoryLine[K] };

/** So many operations on two streams. */
export function randomHistory(random: SeededRandom, size: number): RandomHistory {
  const planned: Planned[] = [];
  const free = new Map<number, number>();
  for (let n = 0; n < size; n++) {
    const client = random.integer(3);
    const call = (free.get(client) ?? 0) + random.integer(6);
    const at = call + random.integer(6);
    const answered = random.integer(5) > 0;
    const ret = answered ? at + random.integer(6) : null;
    const late = answered ? at : at + random.integer(20);
    planned.push({ client, call, at: late, ret, arrives: answered || random.integer(3) > 0 });
    free.set(client, (ret ?? at) + 1);
  }
  planned.sort((a, b) => a.at - b.at);
  const log: LogEvent[] = [];
  const known: HistoryLine[] = [];
  const lines = planned.map((plan) => {
    const line = perform(plan, log, known, random);
    known.push(line);
    return line;
  });
  return { lines: lines.sort((a, b) => a.call - b.call), log };
}

function perform(plan: Planned, log: LogEvent[], known: readonly HistoryLine[], random: SeededRandom): HistoryLine {
  const { client, call, ret } = plan;
  const base: Line = {
    client,
    call,
    ...(ret === null ? {} : { ret }),
    op: 'read',
    stream: STREAMS[random.integer(2)] ?? 'a',
  };
  if (random.integer(3) === 0 && ret !== null) return read(base, log, random);
  const earlier = known.filter(({ op }) => op === 'append' || op === 'transaction');
  const again = random.integer(4) === 0 ? earlier[random.integer(earlier.length)] : undefined;
  const transaction = random.integer(4) === 0;
  const line: Line = again === undefined ? fresh(base, transaction, log, random) : repeated(base, again);
  if (!plan.arrives) return line;
  const answer = append(line, log);
  return ret === null ? line : { ...line, ...answer };
}

function read(base: Line, log: readonly LogEvent[], random: SeededRandom): HistoryLine {
  const stream = random.integer(3) === 0 ? null : (base.stream as string);
  const ids = log.filter((event) => stream === null || event.stream === stream).map(({ id }) => id);
  const from = random.integer(ids.length + 1);
  const version = ids.length === 0 ? null : ids.length - 1;
  return { ...base, stream, from, ids: ids.slice(from), version, result: 'ok' };
}

function fresh(base: Line, transaction: boolean, log: readonly LogEvent[], random: SeededRandom): Line {
  const ids = (): string[] => Array.from({ length: 1 + random.integer(2) }, () => `e${random.integer(1e9)}`);
  const condition: Condition = {
    tag: 'even',
    after: random.integer(2) === 0 ? null : random.integer(log.length + 1) - 1,
  };
  const guard = random.integer(3) === 0 ? { condition } : {};
  if (!transaction) {
    return { ...base, op: 'append', expected: expectation(base.stream as string, log, random), ids: ids(), ...guard };
  }
  const expected = STREAMS.map((stream) => expectation(stream, log, random));
  return { ...base, op: 'transaction', stream: STREAMS, expected, ids: STREAMS.map(ids), ...guard };
}

function expectation(stream: string, log: readonly LogEvent[], random: SeededRandom): Expected {
  const last = lastOf(stream, log) ?? 0;
  const kinds: readonly Expected[] = ['any', 'any', 'no-stream', 'stream-exists', last, last, last + 1];
  return kinds[random.integer(kinds.length)] ?? 'any';
}

function repeated(base: Line, { op, stream, expected, ids, condition }: HistoryLine): Line {
  const asked = { op, stream, expected, ids, condition };
  return {
    ...base,
    ...(Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as Partial<Line>),
  };
}

/** The store: decides and appends. Returns the answer. */
function append(line: Line, log: LogEvent[]): Partial<Line> {
  const single = line.op === 'append';
  const streams = (single ? [line.stream] : line.stream) as string[];
  const expected = (single ? [line.expected] : line.expected) as Expected[];
  const ids = (single ? [line.ids] : line.ids) as string[][];
  const found = streams.map((stream, part) =>
    (ids[part] ?? []).map((id) => log.find((event) => event.stream === stream && event.id === id)?.revision),
  );
  if (found.flat().every((revision) => revision !== undefined)) {
    const last = found.map((part) => part.at(-1) ?? 0);
    return { result: 'duplicate', version: single ? (last[0] ?? 0) : last };
  }
  for (const [part, stream] of streams.entries()) {
    const actual = lastOf(stream, log);
    const want = expected[part] ?? 'any';
    const right =
      want === 'any' ||
      (want === 'no-stream' ? actual === null : want === 'stream-exists' ? actual !== null : want === actual);
    if (!right) return { result: 'wrong-version', version: actual, ...(single ? {} : { failed: stream }) };
  }
  const { condition } = line;
  if (condition !== undefined) {
    const hit = log.find(({ tags, position }) => tags.includes(condition.tag) && position > (condition.after ?? -1));
    if (hit !== undefined) return { result: 'condition-failed', version: hit.position };
  }
  for (const [part, stream] of streams.entries()) {
    for (const id of ids[part] ?? []) {
      const position = log.length;
      const tags = position % 4 === 0 ? ['even'] : [];
      log.push({ position, stream, revision: (lastOf(stream, log) ?? -1) + 1, id, createdAt: position, tags });
    }
  }
  const last = streams.map((stream) => lastOf(stream, log) ?? 0);
  return { result: 'ok', version: single ? (last[0] ?? 0) : last };
}

function lastOf(stream: string, log: readonly LogEvent[]): number | null {
  const length = log.filter((event) => event.stream === stream).length;
  return length === 0 ? null : length - 1;
}
