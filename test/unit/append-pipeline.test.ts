// The rules of truth of the append pipeline, each in an order of events chosen by the test.
import { StoreError } from '../../src/domain/errors.ts';
import { describe, expect, it } from 'vitest';
import type { AppendOptions } from '../../src/pipeline/append/append-options.ts';
import { accepted, answerOf, AppendBench, repeated } from '../support/append-bench.ts';
import type { Asked } from '../support/append-bench.ts';
import { settle } from '../support/controlled-store.ts';
import { append, at, NO_STREAM, part, proposed, transaction } from '../support/events.ts';

describe('an answer', () => {
  it('comes only after the group is durable', async () => {
    const bench = new AppendBench();
    const asked = bench.ask(append('s', [1, 2]));
    await bench.load();
    expect(bench.store.commits).toHaveLength(1);
    expect(asked.answer).toBeUndefined();
    await bench.commit();
    expect(asked.answer).toEqual(accepted(0, 0, 2));
  });

  it('comes before the group is applied', async () => {
    const bench = new AppendBench();
    const asked = bench.ask(append('s', [1]));
    await bench.load();
    await bench.commit();
    expect(bench.store.appliedEnd).toBe(0);
    expect(asked.answer).toEqual(accepted(0, 0));
  });

  it('that rejects on the ground of an append in flight waits until that is durable', async () => {
    const bench = new AppendBench();
    bench.ask(append('s', [1]));
    await bench.load();
    const rejected = bench.ask(append('s', [2], NO_STREAM));
    await bench.load();
    expect(rejected.answer).toBeUndefined();
    await bench.commit();
    expect(rejected.answer).toBe('WRONG_EXPECTED_VERSION');
  });

  it('that repeats an append in flight waits until that is durable, and names the original place', async () => {
    const bench = new AppendBench();
    bench.ask(append('other', [7, 8]));
    bench.ask(append('s', [1, 2]));
    bench.ask(append('s', [3]));
    await bench.load();
    const retry = bench.ask(append('s', [1, 2, 3], NO_STREAM));
    const middle = bench.ask(append('s', [2]));
    await bench.load();
    expect(retry.answer).toBeUndefined();
    await bench.commit();
    expect(retry.answer).toEqual(repeated(0, 2, 3));
    expect(middle.answer).toEqual(repeated(1, 3));
  });

  it('that rejects on the ground of applied state only comes at once', async () => {
    const bench = new AppendBench();
    const rejected = bench.ask(append('s', [1], at(3)));
    await bench.load();
    expect(rejected.answer).toBe('WRONG_EXPECTED_VERSION');
    expect(bench.store.commits).toHaveLength(0);
  });

  it('to a repetition finds places of applied events, also across appends', async () => {
    const bench = new AppendBench();
    bench.ask(append('s', [1, 2, 3]));
    bench.ask(append('other', [9]));
    bench.ask(append('s', [4, 5]));
    await bench.load();
    await bench.commit();
    bench.store.apply(3);
    const retry = bench.ask(append('s', [2, 3, 4]));
    await bench.load();
    expect(retry.answer).toEqual([
      { firstRevision: 1, lastRevision: 3, firstPosition: 1, lastPosition: 4, duplicate: true },
    ]);
  });
});

describe('many appends to one stream', () => {
  it('are in flight at once, decided in order against each other, whether or not applied', async () => {
    const bench = new AppendBench();
    const first = bench.ask(append('s', [1], NO_STREAM));
    const second = bench.ask(append('s', [2], at(0)));
    await bench.load();
    const third = bench.ask(append('s', [3], at(1)));
    const wrong = bench.ask(append('s', [4], at(1)));
    await bench.load();
    expect(bench.store.commits.map(({ group }) => group.appends.length)).toEqual([2, 1]);
    await bench.commit();
    expect(third.answer).toBeUndefined();
    await bench.commit();
    expect([first, second, third, wrong].map(({ answer }) => answer)).toEqual([
      accepted(0, 0),
      accepted(1, 1),
      accepted(2, 2),
      'WRONG_EXPECTED_VERSION',
    ]);
  });

  it('see what is durable but not yet applied', async () => {
    const bench = new AppendBench();
    bench.ask(append('s', [1]));
    await bench.load();
    await bench.commit();
    const next = bench.ask(append('s', [2], at(0)));
    await bench.load();
    await bench.commit();
    expect(next.answer).toEqual(accepted(1, 1));
  });

  it('see a group that is applied while their facts are being loaded', async () => {
    const bench = new AppendBench();
    bench.ask(append('s', [1]));
    await bench.load();
    await bench.commit();
    const next = bench.ask(append('s', [2], at(0)));
    const retry = bench.ask(append('s', [1]));
    await settle();
    bench.store.apply(1);
    await bench.load();
    await bench.commit();
    expect(next.answer).toEqual(accepted(1, 1));
    expect(retry.answer).toEqual(repeated(0, 0));
  });
});

describe('a condition', () => {
  it('fails on a matching event in flight, by tag, by type, and after its position only', async () => {
    const bench = new AppendBench();
    const tagged = { ...part('s', []), events: [proposed(1, { type: 'seat-taken', tags: ['seat:1', 'hall:2'] })] };
    bench.ask(transaction([tagged]));
    const ask = (id: number, types: string[], tags: string[], afterPosition: number | null): Asked =>
      bench.ask(transaction([part(`t${id}`, [id])], { query: { items: [{ types, tags }] }, afterPosition }));
    const asked = [
      ask(11, [], ['seat:1', 'hall:2'], null),
      ask(12, ['seat-taken'], [], null),
      ask(13, ['seat-taken'], ['seat:1'], 0),
      ask(14, ['other'], ['seat:1'], null),
      ask(15, [], ['seat:2'], null),
    ];
    await bench.load();
    await bench.commit();
    expect(asked.map(({ answer }) => (typeof answer === 'string' ? answer : 'accepted'))).toEqual([
      'APPEND_CONDITION_FAILED',
      'APPEND_CONDITION_FAILED',
      'accepted',
      'accepted',
      'accepted',
    ]);
  });
});

describe('grouping', () => {
  it('takes all that arrives meanwhile as the next group, with at most two groups in flight', async () => {
    const bench = new AppendBench();
    bench.ask(append('a', [1]));
    await bench.load();
    bench.ask(append('b', [1]));
    await bench.load();
    for (let n = 0; n < 5; n++) bench.ask(append(`c${n}`, [1]));
    await bench.load();
    expect(bench.store.commits.map(({ group }) => group.appends.length)).toEqual([1, 1]);
    await bench.commit();
    await bench.load();
    expect(bench.store.commits.map(({ group }) => group.appends.length)).toEqual([1, 5]);
  });

  it('bounds a group by appends, events and bytes, and takes a larger append alone', async () => {
    const sizes = async (options: Partial<AppendOptions['group']>, counts: number[]): Promise<number[]> => {
      const group = { maxAppends: 100, maxEvents: 100, maxBytes: 1e9, ...options };
      const bench = new AppendBench({ group, maxGroupsInFlight: 100 });
      counts.forEach((count, n) =>
        bench.ask(
          append(
            `s${n}`,
            Array.from({ length: count }, (_, id) => id),
          ),
        ),
      );
      for (const {} of counts) await bench.load();
      return bench.store.commits.map((commit) => commit.group.appends.length);
    };
    expect(await sizes({ maxAppends: 2 }, [1, 1, 1, 1, 1])).toEqual([2, 2, 1]);
    expect(await sizes({ maxEvents: 10 }, [5, 5, 1, 11, 4])).toEqual([2, 1, 1, 1]);
    expect(await sizes({ maxBytes: 1000 }, [1, 1, 1, 50])).toEqual([3, 1]);
  });
});

describe('bounds', () => {
  const admission = { maxAppends: 3, maxBytes: 1e9, maxWaitMillis: 1000 };

  it('refuse what the queue has no room for, and take more when it has', async () => {
    const bench = new AppendBench({ admission });
    await settle();
    bench.ask(append('busy', [0]));
    await settle();
    const asked = [1, 2, 3, 4].map((n) => bench.ask(append(`s${n}`, [n])));
    await settle();
    expect(asked.map(({ answer }) => answer)).toEqual([undefined, undefined, undefined, 'OVERLOADED']);
    await bench.load();
    const late = bench.ask(append('late', [5]));
    await bench.load();
    await bench.commit();
    await bench.commit();
    await bench.load();
    await bench.commit();
    expect(late.answer).toEqual(accepted(0, 4));
  });

  it('count bytes, and take any append into an empty queue', async () => {
    const bench = new AppendBench({ admission: { ...admission, maxBytes: 600 } });
    bench.ask(append('busy', [0]));
    await settle();
    const large = bench.ask(append('s', [1, 2, 3, 4, 5]));
    const small = bench.ask(append('s', [6]));
    await settle();
    expect([large.answer, small.answer]).toEqual([undefined, 'OVERLOADED']);
  });

  it('end the waiting of an append that is not decided in time', async () => {
    const bench = new AppendBench({ admission });
    bench.ask(append('busy', [0]));
    await settle();
    const early = bench.ask(append('s', [1]));
    bench.clock.advance(600);
    const late = bench.ask(append('s', [2]));
    bench.clock.advance(399);
    await settle();
    expect(early.answer).toBeUndefined();
    bench.clock.advance(1);
    await settle();
    expect([early.answer, late.answer]).toEqual(['DEADLINE_EXCEEDED', undefined]);
    bench.clock.advance(600);
    await settle();
    expect(late.answer).toBe('DEADLINE_EXCEEDED');
  });

  it('hold the next group back while too much is not applied', async () => {
    const bench = new AppendBench({ maxUnappliedBytes: 1 });
    bench.ask(append('s', [1]));
    await bench.load();
    await bench.commit();
    const next = bench.ask(append('s', [2]));
    await settle();
    expect(bench.store.loads).toHaveLength(0);
    bench.store.apply(1);
    await bench.load();
    await bench.commit();
    expect(next.answer).toEqual(accepted(1, 1));
  });
});

describe('aborting', () => {
  it.each(['queued', 'loading'])('while %s cancels the append: nothing of it is committed', async (when) => {
    const bench = new AppendBench();
    bench.ask(append('busy', [0]));
    await settle();
    if (when === 'loading') await bench.load();
    const caller = new AbortController();
    const gone = bench.ask(append('s', [1]), caller.signal);
    const after = bench.ask(append('s', [2], NO_STREAM));
    if (when === 'loading') await settle();
    caller.abort();
    await settle();
    expect(gone.answer).toBe('CANCELLED');
    for (let n = 0; n < 3; n++) await bench.load();
    for (let n = 0; n < 3; n++) await bench.commit();
    expect(after.answer).toEqual(accepted(0, 1));
    expect(bench.store.log.map((one) => one.streamId)).toEqual(['busy', 's']);
  });

  it('before the call cancels it, and a timeout is told apart', async () => {
    const bench = new AppendBench();
    expect(await answerOf(bench.ask(append('s', [1]), AbortSignal.abort()))).toBe('CANCELLED');
    const timeout = new DOMException('late', 'TimeoutError');
    const expired = new StoreError('DEADLINE_EXCEEDED', 'the deadline passed', { reason: 'of the call' });
    for (const reason of [timeout, expired]) {
      expect(await answerOf(bench.ask(append('s', [1]), AbortSignal.abort(reason)))).toBe('DEADLINE_EXCEEDED');
    }
  });

  it('after the decision only ends the waiting', async () => {
    const bench = new AppendBench();
    const caller = new AbortController();
    const gone = bench.ask(append('s', [1]), caller.signal);
    const other = bench.ask(append('s', [2], at(0)), caller.signal);
    await bench.load();
    caller.abort();
    await settle();
    expect([gone.answer, other.answer]).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN']);
    await bench.commit();
    expect(bench.store.log).toHaveLength(2);
  });
});

describe('stopping', () => {
  it('refuses new appends, finishes the admitted, then resolves', async () => {
    const bench = new AppendBench();
    const first = bench.ask(append('s', [1]));
    await bench.load();
    const second = bench.ask(append('s', [2]));
    let stopped = false;
    const stopping = bench.pipeline.stop().then(() => (stopped = true));
    expect(await answerOf(bench.ask(append('s', [3])))).toBe('NOT_SERVING');
    await bench.load();
    await bench.commit();
    expect(stopped).toBe(false);
    await bench.commit();
    await stopping;
    expect([first.answer, second.answer]).toEqual([accepted(0, 0), accepted(1, 1)]);
  });
});

describe('the observer', () => {
  it('hears of every answer with its outcome and time, of groups, commits and the queue', async () => {
    const answers: unknown[] = [];
    const groups: number[][] = [];
    const commits: unknown[] = [];
    const queues: number[][] = [];
    const bench: AppendBench = new AppendBench({
      group: { maxAppends: 3, maxEvents: 100, maxBytes: 1e9 },
      observer: {
        appendAnswered: (...told) => answers.push(told),
        groupDecided: (appends, events) => groups.push([appends, events]),
        groupCommitted: (...told) => commits.push(told),
        queueMeasured: (appends, _, inFlight) => queues.push([appends, inFlight]),
      },
    });
    bench.ask(append('s', [1, 2]));
    bench.ask(append('s', [1, 2]));
    bench.ask(append('s', [3], at(7)));
    bench.ask(append('s', [4]), AbortSignal.abort());
    bench.ask(append('s', [5]));
    await bench.load();
    bench.clock.advance(5);
    await bench.load();
    await bench.commit();
    await bench.commit();
    expect(answers).toEqual([
      ['CANCELLED', 1, 0],
      ['accepted', 2, 5],
      ['WRONG_EXPECTED_VERSION', 1, 5],
      ['duplicate', 2, 5],
      ['accepted', 1, 5],
    ]);
    expect(groups).toEqual([
      [1, 2],
      [1, 1],
    ]);
    expect(commits).toEqual([
      ['committed', 5],
      ['committed', 0],
    ]);
    expect(queues).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });
});

describe('time', () => {
  it('of creation never goes back, though the clock does', async () => {
    const bench = new AppendBench();
    for (const [id, micros] of [5000, 3000, 6000].entries()) {
      bench.clock.micros = micros;
      bench.ask(append('s', [id]));
      await bench.load();
      await bench.commit();
    }
    expect(bench.store.log.map((one) => one.createdAt)).toEqual([5000, 5000, 6000]);
  });
});
