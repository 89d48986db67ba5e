// The pipeline in random orders of events (arrivals, loads, commits, lost races, applying, aborts) against the naive model that
// decides everything in sequence.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Append, ExpectedVersion } from '../../src/domain/append.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import { AppendBench } from '../support/append-bench.ts';
import type { Asked } from '../support/append-bench.ts';
import { settle } from '../support/controlled-store.ts';
import type { ControlledStore } from '../support/controlled-store.ts';
import { ANY, at, NO_STREAM, proposed, STREAM_EXISTS } from '../support/events.ts';
import { ModelStore } from '../support/model-store.ts';

type Step =
  | { readonly kind: 'ask'; readonly append: Append }
  | { readonly kind: 'load' | 'commit' | 'settle' }
  | { readonly kind: 'apply'; readonly appends: number }
  | { readonly kind: 'race'; readonly stream: string };

const partArbitrary = fc.record({
  ids: fc
    .tuple(fc.nat(15), fc.integer({ min: 1, max: 3 }))
    .map(([from, count]) => Array.from({ length: count }, (_, n) => from + n)),
  expectedVersion: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom<ExpectedVersion>(ANY, NO_STREAM, STREAM_EXISTS) },
    { weight: 2, arbitrary: fc.nat(6).map((revision) => at(revision)) },
  ),
});

const askArbitrary: fc.Arbitrary<Step> = fc
  .record({
    streams: fc.subarray(['a', 'b'], { minLength: 1 }),
    parts: fc.tuple(partArbitrary, partArbitrary),
    condition: fc.option(
      fc.record({
        afterPosition: fc.option(fc.nat(8), { nil: null }),
        query: fc.record({
          items: fc.constantFrom(
            [{ types: ['t0'], tags: [] }],
            [{ types: [], tags: ['x1'] }],
            [{ types: ['t1'], tags: ['x0'] }],
          ),
        }),
      }),
      { nil: null, freq: 2 },
    ),
  })
  .map(({ streams, parts, condition }) => {
    const all = streams.map((streamId, index) => {
      const { ids, expectedVersion } = parts[index] ?? parts[0];
      const events = ids.map((n) => proposed(n, { type: `t${n % 2}`, tags: [`x${n % 3}`] }));
      return { streamId, events, expectedVersion };
    });
    return { kind: 'ask', append: { streams: all, condition } };
  });

const progressArbitrary = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.constantFrom<Step>({ kind: 'load' }, { kind: 'commit' }, { kind: 'settle' }),
  fc.nat(3).map((appends) => ({ kind: 'apply', appends })),
);

/** Takes one step, and lets everything run that it makes possible unless the step is an arrival. */
async function take(bench: AppendBench, step: Step, asked: { append: Append; answer: Asked }[]): Promise<void> {
  const { store } = bench;
  switch (step.kind) {
    case 'ask':
      asked.push({ append: step.append, answer: bench.ask(step.append) });
      return;
    case 'load':
      store.answerLoad();
      break;
    case 'commit':
      store.commitNext();
      break;
    case 'apply':
      store.apply(store.appliedAppends + step.appends);
      break;
    case 'race':
      store.loseRace(encodeGroup([foreign(store, step.stream)]));
      break;
    case 'settle':
      break;
  }
  await settle();
}

/** Lets everything that is on its way come to its end. */
async function finish(bench: AppendBench, asked: { answer: Asked }[]): Promise<void> {
  for (let round = 0; asked.some(({ answer }) => answer.answer === undefined); round++) {
    if (round > 500) throw new Error('appends without an answer');
    for (const kind of ['settle', 'load', 'commit'] as const) await take(bench, { kind }, []);
    bench.store.apply(bench.store.log.length);
  }
}

let foreignIds = 1000;

/** What another writer appends at the end of the log. */
function foreign(store: ControlledStore, streamId: string): Parameters<typeof encodeGroup>[0][number] {
  const firstPosition = store.durableEnd;
  const mine = store.log.filter((one) => one.streamId === streamId);
  return {
    streamId,
    streamNumber: mine[0]?.firstPosition ?? firstPosition,
    firstRevision: mine.reduce((sum, one) => sum + one.count, 0),
    firstPosition,
    createdAt: 1,
    events: [proposed(foreignIds++)],
  };
}

function logOf(store: ControlledStore): string[] {
  return store.log.flatMap((one) =>
    Array.from({ length: one.count }, (_, n) => `${one.streamId}@${one.firstRevision + n} ${one.eventId(n)}`),
  );
}

describe('the pipeline', () => {
  it('decides concurrent appends as if one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(askArbitrary, progressArbitrary), { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, maxGroupsInFlight) => {
          const bench = new AppendBench({ maxGroupsInFlight });
          const asked: { append: Append; answer: Asked }[] = [];
          for (const step of steps) await take(bench, step, asked);
          await finish(bench, asked);
          const model = new ModelStore();
          for (const { append, answer } of asked) {
            const expected = model.expected(append) as Record<string, unknown>;
            model.append(append);
            expect(outlineOf(answer.answer)).toEqual(modelOutline(model, append, expected));
          }
          expect(logOf(bench.store)).toEqual(
            model.events.map(({ streamId, revision, event }) => `${streamId}@${revision} ${event.id}`),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps every promise when other writers win races', async () => {
    const raceArbitrary = fc.constantFrom('a', 'b').map((stream): Step => ({ kind: 'race', stream }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            { weight: 5, arbitrary: askArbitrary },
            { weight: 5, arbitrary: progressArbitrary },
            { weight: 1, arbitrary: raceArbitrary },
          ),
          { maxLength: 40 },
        ),
        async (steps) => {
          const bench = new AppendBench();
          const asked: { append: Append; answer: Asked }[] = [];
          for (const step of steps) await take(bench, step, asked);
          await finish(bench, asked);
          const log = logOf(bench.store);
          expect(new Set(log.map((line) => line.replace(/@\d+/, ''))).size).toBe(log.length);
          for (const { append, answer } of asked) {
            if (typeof answer.answer === 'string' || answer.answer === undefined) continue;
            for (const [index, part] of append.streams.entries()) {
              const result = answer.answer[index];
              expect(log[result?.firstPosition ?? -1]).toBe(
                `${part.streamId}@${result?.firstRevision} ${part.events[0]?.id}`,
              );
              expect(log[result?.lastPosition ?? -1]).toBe(
                `${part.streamId}@${result?.lastRevision} ${part.events.at(-1)?.id}`,
              );
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

function outlineOf(answer: Asked['answer']): unknown {
  if (typeof answer === 'string' || answer === undefined) return answer;
  return answer.map((result) => [result.firstRevision, result.firstPosition, result.lastPosition, result.duplicate]);
}

/** What the model says of an append that it has taken in. */
function modelOutline(model: ModelStore, append: Append, expected: Record<string, unknown>): unknown {
  if (typeof expected['rejected'] === 'string') return expected['rejected'];
  const positionOf = (streamId: string, id: string | undefined): number | undefined =>
    model.events.find((one) => one.streamId === streamId && one.event.id === id)?.position;
  return append.streams.map(({ streamId, events }) => {
    const first = positionOf(streamId, events[0]?.id);
    const revision = model.events[first ?? -1]?.revision;
    return [revision, first, positionOf(streamId, events.at(-1)?.id), expected['duplicate'] !== undefined];
  });
}
