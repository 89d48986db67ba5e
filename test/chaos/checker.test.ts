// The checker finds planted anomalies, accepts what a good store does, and agrees with an exhaustive search on small histories.
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { checkHistory } from './checker/check-history.ts';
import type { HistoryLine, LogEvent } from './checker/history.ts';
import { operationsOf } from './checker/history.ts';
import { randomHistory } from './checker/random-history.ts';
import type { RandomHistory } from './checker/random-history.ts';
import { explainable } from './checker/search-oracle.ts';

const seed = Number(process.env['CHECKER_SEED'] ?? Math.floor(Math.random() * 1e9));

function log(...events: readonly (readonly [stream: string, id: string, tags?: readonly string[]])[]): LogEvent[] {
  const lengths = new Map<string, number>();
  return events.map(([stream, id, tags = []], position) => {
    const revision = lengths.get(stream) ?? 0;
    lengths.set(stream, revision + 1);
    return { position, stream, revision, id, createdAt: 1000 + position, tags };
  });
}

/** An append to stream a. */
function append(call: number, ret: number | null, id: string, rest: Partial<HistoryLine> = {}): HistoryLine {
  const answer = ret === null ? {} : { ret, result: 'ok' as const };
  return { client: call, call, ...answer, op: 'append', stream: 'a', expected: 'any', ids: [id], ...rest };
}

function read(call: number, ret: number, ids: readonly string[], rest: Partial<HistoryLine> = {}): HistoryLine {
  const version = ids.length === 0 ? null : ids.length - 1;
  return { client: call, call, ret, op: 'read', stream: 'a', from: 0, ids, version, result: 'ok', ...rest };
}

function deliver(ret: number, from: number, ids: readonly string[]): HistoryLine {
  return { client: 's', call: 0, ret, op: 'deliver', stream: null, from, ids };
}

function kinds(lines: readonly HistoryLine[], ...logs: readonly LogEvent[][]): string[] {
  const named = new Map(logs.map((events, index) => [`r${index}`, events]));
  return [...new Set(checkHistory(lines, named).map(({ kind }) => kind))];
}

describe('planted anomalies', () => {
  const good = [
    append(0, 1, 'x', { version: 0 }),
    append(2, 3, 'y', { version: 1 }),
    append(4, 5, 'z', { version: 2 }),
  ];
  const goodLog = log(['a', 'x'], ['a', 'y'], ['a', 'z']);

  it('accepts the history they are planted in', () => {
    expect(kinds([...good, read(6, 7, ['x', 'y', 'z'])], goodLog, goodLog)).toEqual([]);
  });

  it('finds a lost append', () => {
    expect(kinds(good, log(['a', 'x'], ['a', 'y']))).toEqual(['lost append']);
  });

  it('finds a lost append in the middle, whose place another one took', () => {
    expect(kinds(good, log(['a', 'x'], ['a', 'z']))).toContain('lost append');
  });

  it('finds an event that is there twice', () => {
    expect(kinds(good, log(['a', 'x'], ['a', 'y'], ['a', 'z'], ['a', 'y']))).toEqual(['duplicate event']);
  });

  it('finds two answers for one append, each of which says it was the first', () => {
    const twice = [append(0, 1, 'x', { version: 0 }), append(2, 3, 'x', { version: 0 })];
    expect(kinds(twice, log(['a', 'x']))).toContain('appended twice');
  });

  it('finds reordered appends by their answers', () => {
    expect(kinds(good, log(['a', 'y'], ['a', 'x'], ['a', 'z']))).toContain('wrong answer');
  });

  it('finds appends to two streams in an order against real time', () => {
    const lines = [append(0, 1, 'x', { version: 0 }), append(2, 3, 'y', { stream: 'b', version: 0 })];
    expect(kinds(lines, log(['a', 'x'], ['b', 'y']))).toEqual([]);
    expect(kinds(lines, log(['b', 'y'], ['a', 'x']))).toEqual(['order against real time']);
  });

  it('finds a stale read, also by the breadth of one microsecond', () => {
    expect(kinds([...good, read(6, 7, ['x', 'y'])], goodLog)).toEqual(['stale read']);
    expect(kinds([...good, read(5, 7, ['x', 'y'])], goodLog)).toEqual([]);
  });

  it('lets a read that may be stale be stale, but not older than what it asked for', () => {
    expect(kinds([...good, read(6, 7, ['x'], { consistency: 'local' })], goodLog)).toEqual([]);
    expect(kinds([...good, read(6, 7, ['x'], { consistency: { atLeast: 0 } })], goodLog)).toEqual([]);
    expect(kinds([...good, read(6, 7, ['x'], { consistency: { atLeast: 1 } })], goodLog)).toEqual(['stale read']);
  });

  it('finds a read of what was not yet there', () => {
    const early = read(0, 1, ['x', 'y'], { consistency: 'local' });
    expect(kinds([...good, early], goodLog)).toEqual(['early read']);
  });

  it('finds a read that has seen less than the one before', () => {
    const lines = [append(0, 9, 'x', { version: 0 }), read(1, 2, ['x']), read(3, 4, [])];
    expect(kinds(lines, log(['a', 'x']))).toEqual(['reads go back']);
  });

  it('finds a read with other events than the log', () => {
    expect(kinds([...good, read(6, 7, ['x', 'q', 'z'])], goodLog)).toEqual(['wrong content']);
  });

  it('finds an append that was accepted at the wrong version', () => {
    const lines = [...good.slice(0, 2), append(4, 5, 'z', { version: 2, expected: 0 })];
    expect(kinds(lines, goodLog)).toEqual(['wrong acceptance']);
    expect(kinds([...good.slice(0, 2), append(4, 5, 'z', { version: 2, expected: 'no-stream' })], goodLog)).toEqual([
      'wrong acceptance',
    ]);
  });

  it('finds a refusal for a version that the stream was not at in its time', () => {
    const refused = append(6, 7, 'q', { expected: 2, result: 'wrong-version', version: 1 });
    expect(kinds([...good, refused], goodLog)).toEqual(['wrong rejection']);
    expect(kinds([...good, { ...refused, version: 2, expected: 1 }], goodLog)).toEqual([]);
  });

  it('finds a refusal that contradicts itself', () => {
    const refused = append(6, 7, 'q', { expected: 2, result: 'wrong-version', version: 2 });
    expect(kinds([...good, refused], goodLog)).toEqual(['wrong rejection']);
  });

  it('finds a refused append in the log', () => {
    const lines = [...good.slice(0, 2), append(4, 5, 'z', { expected: 0, result: 'wrong-version', version: 1 })];
    expect(kinds(lines, goodLog)).toContain('rejected append in log');
  });

  it('finds a refusal as conflict of ids that were not there', () => {
    const refused = append(6, 7, 'q', { ids: ['q', 'y'], result: 'id-conflict' });
    expect(kinds([...good, refused], goodLog)).toEqual([]);
    expect(kinds([...good, { ...refused, call: 1, ret: 1 }], goodLog)).toEqual(['wrong rejection']);
  });

  it('finds a failed condition without an event for it, and an append against its condition', () => {
    const condition = { tag: 't', after: null };
    const tagged = log(['a', 'x', ['t']], ['a', 'y'], ['a', 'z']);
    const refused = append(6, 7, 'q', { condition, result: 'condition-failed', version: 0 });
    expect(kinds([...good, refused], tagged)).toEqual([]);
    expect(kinds([...good, refused], goodLog)).toEqual(['wrong rejection']);
    const accepted = [...good.slice(0, 2), append(4, 5, 'z', { version: 2, condition })];
    expect(kinds(accepted, tagged)).toEqual(['wrong acceptance']);
  });

  it('finds half a transaction, and events that nobody appended', () => {
    const line = {
      client: 1,
      call: 0,
      ret: 1,
      op: 'transaction',
      stream: ['a', 'b'],
      expected: ['any', 'any'],
    } as const;
    const transaction: HistoryLine = { ...line, ids: [['x'], ['y']], result: 'ok', version: [0, 0] };
    expect(kinds([transaction], log(['a', 'x'], ['b', 'y']))).toEqual([]);
    expect(kinds([transaction], log(['a', 'x']))).toContain('lost append');
    expect(kinds([{ ...transaction, ret: undefined } as never], log(['a', 'x']))).toContain('torn append');
    expect(kinds([transaction], log(['a', 'x'], ['b', 'y'], ['b', 'q']))).toEqual(['invented event']);
    const seen = read(0, 1, ['x'], { stream: null });
    expect(kinds([transaction, seen], log(['a', 'x'], ['b', 'y']))).toEqual(['wrong content']);
  });

  it('lets an append without an answer happen at any later time, or never, but not earlier', () => {
    const lines = [append(0, null, 'x'), append(5, 6, 'y', { version: 0 })];
    expect(kinds(lines, log(['a', 'y']))).toEqual([]);
    expect(kinds(lines, log(['a', 'y'], ['a', 'x']))).toEqual([]);
    const late = [append(5, null, 'x'), read(1, 2, ['x'])];
    expect(kinds(late, log(['a', 'x']))).toEqual(['early read']);
  });

  it('finds gaps, repetitions and wrong events in subscriptions', () => {
    expect(kinds([...good, deliver(6, 0, ['x', 'y']), deliver(7, 2, ['z'])], goodLog)).toEqual([]);
    expect(kinds([...good, deliver(6, 0, ['x']), deliver(7, 2, ['z'])], goodLog)).toEqual(['subscription gap']);
    expect(kinds([...good, deliver(6, 0, ['x', 'y']), deliver(7, 1, ['y', 'z'])], goodLog)).toEqual([
      'subscription duplicate',
    ]);
    expect(kinds([...good, deliver(6, 0, ['y'])], goodLog)).toEqual(['wrong content']);
    expect(kinds([...good, deliver(1, 0, ['x', 'y'])], goodLog)).toEqual(['early read']);
  });

  it('finds malformed and unequal logs', () => {
    const [x, y, z] = goodLog as [LogEvent, LogEvent, LogEvent];
    expect(kinds(good, [x, { ...y, position: 2 }, z])).toEqual(['positions not dense']);
    expect(kinds(good, [x, { ...y, revision: 2 }, z])).toContain('revisions not gap-free');
    expect(kinds(good, [x, y, { ...z, createdAt: 0 }])).toEqual(['time goes back']);
    expect(kinds(good, goodLog, [x, y])).toEqual(['replicas differ']);
    expect(kinds(good, goodLog, [x, y, { ...z, createdAt: z.createdAt + 1 }])).toEqual(['replicas differ']);
  });
});

describe(`random histories, CHECKER_SEED=${seed}`, () => {
  it('accepts what a good store does', () => {
    for (let round = 0; round < 1500; round++) {
      const { lines, log: events } = randomHistory(new SeededRandom(seed + round), 3 + (round % 60));
      expect(checkHistory(lines, new Map([['r', events]])), `CHECKER_SEED=${seed + round}`).toEqual([]);
    }
  });

  it('agrees with an exhaustive search on histories with something changed in them', { timeout: 120_000 }, () => {
    let refused = 0;
    let accepted = 0;
    for (let round = 0; round < 6000; round++) {
      const random = new SeededRandom(seed + round);
      const history = spoil(randomHistory(random, 3 + random.integer(6)), random);
      const found = checkHistory(history.lines, new Map([['r', history.log]]));
      const fits = explainable(operationsOf(history.lines), history.log);
      const story = `CHECKER_SEED=${seed + round} ${JSON.stringify({ found, ...history }, null, 1)}`;
      expect(found.length === 0, story).toBe(fits);
      if (fits) accepted++;
      else refused++;
    }
    // The comparison is worth something only when both verdicts occur.
    expect(refused).toBeGreaterThan(500);
    expect(accepted).toBeGreaterThan(500);
  });
});

/** Changes one or two things, which may or may not make the history impossible. The log stays well-formed. */
function spoil({ lines, log: events }: RandomHistory, random: SeededRandom): RandomHistory {
  const changed = [...lines];
  let end = [...events];
  for (let times = 1 + random.integer(2); times > 0; times--) {
    const index = random.integer(changed.length);
    const line = changed[index] as HistoryLine;
    const shift = random.integer(9) - 4;
    switch (random.integer(6)) {
      case 0:
        if (line.ret !== undefined) changed[index] = { ...line, call: line.call + shift, ret: line.ret + shift };
        break;
      case 1:
        if (line.ret !== undefined) changed[index] = { ...line, ret: line.call + random.integer(3) };
        break;
      case 2:
        if (typeof line.version === 'number')
          changed[index] = { ...line, version: line.version + (shift > 0 ? 1 : -1) };
        break;
      case 3:
        if (line.result === 'duplicate') changed[index] = { ...line, result: 'ok' };
        else if (line.result === 'ok' && line.op === 'append') changed[index] = { ...line, result: 'duplicate' };
        break;
      case 4:
        end = end.slice(0, -1);
        break;
      default:
        if (line.op === 'append' && line.result === 'ok') changed[index] = { ...line, expected: 'no-stream' };
    }
  }
  return { lines: changed, log: end };
}
