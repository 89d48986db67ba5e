// The decision against a naive model of the store (a list of events), and each rule by itself.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Append, AppendCondition, ExpectedVersion } from '../../src/domain/append.ts';
import { decide, describeVersion } from '../../src/domain/decide.ts';
import type { Decision } from '../../src/domain/decide.ts';
import type { ProposedEvent } from '../../src/domain/event.ts';
import { ANY, at, NO_STREAM, part, proposed, STREAM_EXISTS, transaction, append } from '../support/events.ts';
import { ModelStore } from '../support/model-store.ts';

function modelWith(...appends: Append[]): ModelStore {
  const model = new ModelStore();
  for (const one of appends) expect(model.append(one).kind).toBe('accepted');
  return model;
}

function decideOn(model: ModelStore, asked: Append): Decision {
  return decide(asked, model, { nextPosition: model.events.length, createdAt: 7 });
}

/** What a decision says, without messages. */
function outline(decision: Decision): unknown {
  if (decision.kind === 'rejected') return { rejected: decision.error.code, details: decision.error.details };
  if (decision.kind === 'duplicate') return { duplicate: decision.parts };
  return {
    accepted: decision.parts.map(({ streamId, firstRevision, firstPosition }) => [
      streamId,
      firstRevision,
      firstPosition,
    ]),
  };
}

describe('decide: expected version', () => {
  const empty = new ModelStore();
  const three = modelWith(append('s', [1, 2, 3]));

  it.each([
    [ANY, true, true],
    [NO_STREAM, true, false],
    [STREAM_EXISTS, false, true],
    [at(0), false, false],
    [at(1), false, false],
    [at(2), false, true],
    [at(3), false, false],
  ])('%j holds on an absent stream: %s, on one at revision 2: %s', (expected: ExpectedVersion, absent, present) => {
    expect(decideOn(empty, append('s', [9], expected)).kind).toBe(absent ? 'accepted' : 'rejected');
    expect(decideOn(three, append('s', [9], expected)).kind).toBe(present ? 'accepted' : 'rejected');
  });

  it('says what was expected and what was found', () => {
    expect(outline(decideOn(three, append('s', [9], NO_STREAM)))).toEqual({
      rejected: 'WRONG_EXPECTED_VERSION',
      details: { streamId: 's', expected: 'no stream', actualRevision: 2 },
    });
    expect(outline(decideOn(empty, append('s', [9], at(4))))).toEqual({
      rejected: 'WRONG_EXPECTED_VERSION',
      details: { streamId: 's', expected: '4', actualRevision: null },
    });
    expect(describeVersion(ANY)).toBe('any');
  });
});

describe('decide: idempotency', () => {
  const model = modelWith(append('s', [1, 2]), append('other', [9]), append('s', [3, 4, 5]));

  it.each([
    [[1, 2], 0, 1],
    [[3, 4, 5], 2, 4],
    [[2, 3], 1, 2],
    [[1, 2, 3, 4, 5], 0, 4],
    [[4], 3, 3],
  ])(
    'ids %j, there together and in order, are a repetition in every mode, however they are regrouped',
    (ids, first, last) => {
      for (const version of [ANY, NO_STREAM, STREAM_EXISTS, at(0), at(77)]) {
        expect(outline(decideOn(model, append('s', ids, version)))).toEqual({
          duplicate: [{ streamId: 's', firstRevision: first, lastRevision: last }],
        });
      }
    },
  );

  it.each([
    ['a new event after known ones', [4, 5, 6], 4],
    ['a new event before known ones', [6, 1], 1],
    ['another order', [2, 1], 1],
    ['a gap', [1, 3], 3],
    ['known, new, known', [1, 6, 2], 1],
  ])('%s is a conflict that names an id that is there', (_, ids, named) => {
    for (const version of [ANY, at(4)]) {
      const decision = decideOn(model, append('s', ids, version));
      expect(outline(decision)).toMatchObject({
        rejected: 'EVENT_ID_CONFLICT',
        details: { streamId: 's', eventId: proposed(named).id, revision: named - 1 },
      });
    }
  });

  it('an id is known in its stream only', () => {
    expect(decideOn(model, append('third', [1, 2], NO_STREAM)).kind).toBe('accepted');
  });

  it('a transaction repeats when all its parts do, whatever its versions and condition say now', () => {
    const condition = { query: { items: [{ types: ['tested'], tags: [] }] }, afterPosition: null };
    const asked = transaction([part('other', [9], NO_STREAM), part('s', [1, 2], NO_STREAM)], condition);
    expect(decideOn(model, asked).kind).toBe('duplicate');
    expect(outline(decideOn(model, transaction([part('s', [1]), part('third', [1])])))).toMatchObject({
      rejected: 'EVENT_ID_CONFLICT',
      details: { streamId: 's' },
    });
  });
});

describe('decide: condition', () => {
  const tagged = (n: number, type: string, tags: string[]): ProposedEvent => proposed(n, { type, tags });
  const model = new ModelStore();
  model.append({
    ...append('s', []),
    streams: [{ streamId: 's', expectedVersion: ANY, events: [tagged(1, 'a', ['x'])] }],
  });
  model.append({
    ...append('s', []),
    streams: [{ streamId: 's', expectedVersion: ANY, events: [tagged(2, 'b', ['x', 'y'])] }],
  });

  it.each([
    [['a'], [], null, true],
    [['a'], [], 0, false],
    [['b'], [], 0, true],
    [['b'], [], 1, false],
    [[], ['x', 'y'], null, true],
    [['a'], ['y'], null, false],
    [['c'], [], null, false],
  ])('types %j with tags %j after %j fails: %s', (types, tags, afterPosition, fails) => {
    const condition: AppendCondition = { query: { items: [{ types, tags }] }, afterPosition };
    const decision = decideOn(model, transaction([part('t', [5])], condition));
    expect(decision.kind).toBe(fails ? 'rejected' : 'accepted');
    if (decision.kind === 'rejected') expect(decision.error.code).toBe('APPEND_CONDITION_FAILED');
  });
});

describe('decide: places', () => {
  it('gives dense positions over all streams of a transaction, and names a new stream by its first position', () => {
    const model = modelWith(append('a', [1, 2]));
    const decision = decideOn(model, transaction([part('b', [3, 4]), part('a', [5]), part('c', [6])]));
    expect(decision.kind === 'accepted' && decision.parts).toMatchObject([
      { streamId: 'b', streamNumber: 2, firstRevision: 0, firstPosition: 2, createdAt: 7 },
      { streamId: 'a', streamNumber: 0, firstRevision: 2, firstPosition: 4, createdAt: 7 },
      { streamId: 'c', streamNumber: 5, firstRevision: 0, firstPosition: 5, createdAt: 7 },
    ]);
  });
});

describe('decide: against the naive model', () => {
  it('answers any sequence of appends as the model does', () => {
    fc.assert(
      fc.property(fc.array(appendArbitrary, { maxLength: 25 }), (appends) => {
        const model = new ModelStore();
        for (const asked of appends) {
          const decision = decideOn(model, asked);
          expect(outline(decision)).toMatchObject(model.expected(asked) as object);
          model.append(asked);
        }
      }),
      { numRuns: 500 },
    );
  });
});

const STREAMS = ['a', 'b', 'c'];
const TYPES = ['t', 'u'];
const TAGS = ['x', 'y'];

const partArbitrary = fc.record({
  // Few ids, mostly ascending: repetitions, regrouped ones and overlaps are all likely.
  ids: fc.oneof(
    fc
      .tuple(fc.nat(12), fc.integer({ min: 1, max: 4 }))
      .map(([from, count]) => Array.from({ length: count }, (_, n) => from + n)),
    fc.uniqueArray(fc.nat(12), { minLength: 1, maxLength: 4 }),
  ),
  expectedVersion: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<ExpectedVersion>(ANY, NO_STREAM, STREAM_EXISTS) },
    { weight: 2, arbitrary: fc.nat(6).map((revision) => at(revision)) },
  ),
});

const conditionArbitrary = fc.record({
  afterPosition: fc.option(fc.nat(10), { nil: null }),
  query: fc.record({
    items: fc.array(
      fc
        .record({ types: fc.subarray(TYPES), tags: fc.subarray(TAGS) })
        .filter((item) => item.types.length + item.tags.length > 0),
      { minLength: 1, maxLength: 2 },
    ),
  }),
});

const appendArbitrary: fc.Arbitrary<Append> = fc
  .record({
    streams: fc.subarray(STREAMS, { minLength: 1, maxLength: 2 }),
    parts: fc.array(partArbitrary, { minLength: 2, maxLength: 2 }),
    condition: fc.option(conditionArbitrary, { nil: null, freq: 2 }),
  })
  .map(({ streams, parts, condition }) => ({
    condition,
    streams: streams.map((streamId, index) => {
      const one = parts[index] ?? parts[0];
      const events = (one?.ids ?? []).map((n) =>
        proposed(n, { type: TYPES[n % 2] ?? 't', tags: TAGS.filter((_, tag) => (n >> tag) % 2 === 0) }),
      );
      return { streamId, events, expectedVersion: one?.expectedVersion ?? ANY };
    }),
  }));
