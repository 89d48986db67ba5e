// What appends are answered when a commit loses its race, or fails.
import { describe, expect, it } from 'vitest';
import type { Append } from '../../src/domain/append.ts';
import { StoreError } from '../../src/domain/errors.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { EncodedGroup } from '../../src/storage/group.ts';
import { accepted, answerOf, AppendBench } from '../support/append-bench.ts';
import { settle } from '../support/controlled-store.ts';
import type { ControlledStore } from '../support/controlled-store.ts';
import { append, at, NO_STREAM, proposed } from '../support/events.ts';

/** A group of another writer that begins at the end of the log. */
function foreignGroup(store: ControlledStore, streamId: string, id: number): EncodedGroup {
  const firstPosition = store.durableEnd;
  const mine = store.log.filter((one) => one.streamId === streamId);
  const streamNumber = mine[0]?.firstPosition ?? firstPosition;
  const firstRevision = mine.reduce((sum, one) => sum + one.count, 0);
  return encodeGroup([{ streamId, streamNumber, firstRevision, firstPosition, createdAt: 1, events: [proposed(id)] }]);
}

describe('a lost race', () => {
  it('is decided again, in order, against what the winner wrote; nothing is answered in between', async () => {
    const bench = new AppendBench();
    const first = bench.ask(append('s', [1], NO_STREAM));
    const rejected = bench.ask(append('s', [2], NO_STREAM));
    await bench.load();
    const second = bench.ask(append('s', [3]));
    await bench.load();
    const third = bench.ask(append('t', [4]));
    await settle();
    bench.store.loseRace(foreignGroup(bench.store, 's', 99));
    await settle();
    expect([first, rejected, second, third].map(({ answer }) => answer)).toEqual(Array(4).fill(undefined));
    for (let n = 0; n < 3; n++) await bench.load();
    for (let n = 0; n < 3; n++) await bench.commit();
    expect([first, rejected, second, third].map(({ answer }) => answer)).toEqual([
      'WRONG_EXPECTED_VERSION',
      'WRONG_EXPECTED_VERSION',
      accepted(1, 1),
      accepted(0, 2),
    ]);
  });

  it('while facts are being loaded throws these away', async () => {
    const bench = new AppendBench();
    const first = bench.ask(append('s', [1]));
    await bench.load();
    const second = bench.ask(append('s', [2], at(0)));
    await settle();
    bench.store.loseRace(foreignGroup(bench.store, 's', 99));
    await settle();
    for (let n = 0; n < 3; n++) await bench.load();
    for (let n = 0; n < 3; n++) await bench.commit();
    expect([first.answer, second.answer]).toEqual([accepted(1, 1), 'WRONG_EXPECTED_VERSION']);
  });

  it('takes a group that has nothing to commit with it', async () => {
    const bench = new AppendBench();
    const first = bench.ask(append('s', [1]));
    await bench.load();
    const rejected = bench.ask(append('s', [2], NO_STREAM));
    const repetition = bench.ask(append('s', [1]));
    await bench.load();
    expect(bench.store.commits).toHaveLength(1);
    bench.store.loseRace(foreignGroup(bench.store, 'other', 99));
    await settle();
    expect([first, rejected, repetition].map(({ answer }) => answer)).toEqual(Array(3).fill(undefined));
    await bench.load();
    await bench.commit();
    expect([first, rejected].map(({ answer }) => answer)).toEqual([accepted(0, 1), 'WRONG_EXPECTED_VERSION']);
    expect(repetition.answer).toMatchObject([{ firstPosition: 1, duplicate: true }]);
  });

  it('of a group that has nothing to commit leaves a group behind it alone, which did commit', async () => {
    const bench = new AppendBench();
    const first = bench.ask(append('s', [1]));
    await bench.load();
    await bench.commit();
    bench.store.holdsConfirms = true;
    const rejected = bench.ask(append('s', [2], NO_STREAM));
    await bench.load();
    const behind = bench.ask(append('t', [3]));
    await bench.load();
    bench.store.holdsConfirms = false;
    bench.store.confirms.shift()?.resolve('lost-race');
    await settle();
    expect([rejected.answer, behind.answer]).toEqual([undefined, undefined]);
    await bench.commit();
    bench.store.apply(2);
    await bench.load();
    expect([first, rejected, behind].map(({ answer }) => answer)).toEqual([
      accepted(0, 0),
      'WRONG_EXPECTED_VERSION',
      accepted(0, 1),
    ]);
  });

  it('too often ends in OVERLOADED', async () => {
    const bench = new AppendBench({ maxRaces: 2 });
    const asked = bench.ask(append('s', [1]));
    for (let race = 0; race < 3; race++) {
      await bench.load();
      expect(asked.answer).toBeUndefined();
      bench.store.loseRace(foreignGroup(bench.store, 's', 90 + race));
      await settle();
    }
    expect(asked.answer).toBe('OVERLOADED');
  });
});

describe('a failed commit', () => {
  const unknown = new StoreError('OUTCOME_UNKNOWN', 'lost leadership', { reason: 'test' });

  it('leaves the outcome of its group and of later ones unknown, answers earlier ones, and starts afresh', async () => {
    const bench = new AppendBench({ maxGroupsInFlight: 3 });
    const asked = ['a', 'b', 'c'].map((streamId) => append(streamId, [1], NO_STREAM));
    const first = bench.ask(asked[0] as Append);
    await bench.load();
    const second = bench.ask(asked[1] as Append);
    const rejected = bench.ask(append('b', [5], NO_STREAM));
    await bench.load();
    const third = bench.ask(asked[2] as Append);
    await bench.load();
    const [held0, held1, held2] = [...bench.store.commits];
    bench.store.commits.length = 0;
    held1?.reject(unknown);
    held2?.reject(unknown);
    await settle();
    expect([first.answer, second.answer]).toEqual([undefined, undefined]);
    bench.store.log.push(...(held0?.group.appends ?? []));
    held0?.resolve('committed');
    await settle();
    expect([first, second, rejected, third].map(({ answer }) => answer)).toEqual([
      accepted(0, 0),
      'OUTCOME_UNKNOWN',
      'OUTCOME_UNKNOWN',
      'OUTCOME_UNKNOWN',
    ]);
    const retry = bench.ask(asked[1] as Append);
    await settle();
    expect(bench.store.loads).toHaveLength(0);
    bench.store.apply(1);
    await bench.load();
    await bench.commit();
    expect(retry.answer).toEqual(accepted(0, 1));
  });

  it('of the disk is an unknown outcome too, and a failed store serves nobody any more', async () => {
    const bench = new AppendBench();
    const inFlight = bench.ask(append('s', [1]));
    await bench.load();
    const loading = bench.ask(append('s', [2]));
    await settle();
    const queued = bench.ask(append('s', [3]));
    const broken = new StoreError('STORAGE_IO', 'no space', { path: 'log', reason: 'ENOSPC' });
    bench.store.commits.shift()?.reject(broken);
    bench.store.failWith(broken);
    bench.store.loads.shift()?.reject(broken);
    await settle();
    expect([inFlight, loading, queued].map(({ answer }) => answer)).toEqual([
      'OUTCOME_UNKNOWN',
      'STORAGE_IO',
      'NOT_SERVING',
    ]);
    expect(await answerOf(bench.ask(append('s', [4])))).toBe('NOT_SERVING');
    await bench.pipeline.stop();
  });

  it('of a load fails its group only', async () => {
    const bench = new AppendBench();
    const asked = bench.ask(append('s', [1]));
    await settle();
    bench.store.loads.shift()?.reject(new StoreError('NOT_LEADER', 'no', { leaderId: null, endpoint: null }));
    await settle();
    expect(asked.answer).toBe('NOT_LEADER');
    const next = bench.ask(append('s', [2]));
    await bench.load();
    await bench.commit();
    expect(next.answer).toEqual(accepted(0, 0));
  });
});

describe('an epoch that is over', () => {
  it('has its decisions made again in the next one, also those that commit nothing', async () => {
    const bench = new AppendBench();
    bench.ask(append('s', [1]));
    await bench.load();
    await bench.commit();
    bench.store.epoch = 2;
    const rejected = bench.ask(append('s', [2], { kind: 'no-stream' }));
    await bench.load();
    // Decided in the first epoch, from state that may be old by now: not answered before it was decided again.
    expect(rejected.answer).toBeUndefined();
    bench.store.apply(1);
    await bench.load();
    expect(rejected.answer).toBe('WRONG_EXPECTED_VERSION');
  });
});
