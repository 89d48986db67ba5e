/**
 * What an append promises, as a suite that runs on any store, embedded or over gRPC. Written against the pipeline's
 * surface; a client is adapted to it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Append, AppendResult } from '../../src/domain/append.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { ErrorCode, ErrorDetails } from '../../src/domain/errors.ts';
import type { RecordedEvent } from '../../src/domain/event.ts';
import { limits } from '../../src/domain/limits.ts';
import type { EventPipeline } from '../../src/pipeline/event-pipeline.ts';
import { collectEvents } from '../support/decoded-batch.ts';
import { append, at, eventId, NO_STREAM, part, proposed, STREAM_EXISTS, transaction } from '../support/events.ts';

/** What the suite uses of a pipeline. */
export type AppendClient = Pick<EventPipeline, 'append' | 'readStream'>;

/** Something to run the suite on. It may hold events already; the suite uses streams of its own. */
export interface AppendSubject {
  readonly client: AppendClient;
  readonly close: () => Promise<void>;
}

const SIGNAL = new AbortController().signal;
const LINEARIZABLE = { kind: 'linearizable' } as const;

/** Runs the suite. `name` says what it runs on. */
export function appendContract(name: string, open: () => Promise<AppendSubject>): void {
  describe(`append on ${name}`, () => {
    let subject: AppendSubject;
    let streams = 0;

    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject.close();
    });

    /** A stream id that no test has used. */
    const fresh = (): string => `append-contract-${++streams}`;
    const ask = (asked: Append): Promise<readonly AppendResult[]> => subject.client.append(asked, SIGNAL);
    const refused = async <C extends ErrorCode>(asked: Append, code: C): Promise<ErrorDetails[C]> => {
      const error: unknown = await ask(asked).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (!(error instanceof StoreError) || !error.is(code)) throw new Error(`expected ${code}`, { cause: error });
      return error.details;
    };
    const revisions = (results: readonly AppendResult[]): number[][] =>
      results.map(({ firstRevision, lastRevision }) => [firstRevision, lastRevision]);
    const read = (streamId: string): Promise<RecordedEvent[]> => {
      const options = { streamId, direction: 'forwards', fromRevision: null, limit: null } as const;
      return collectEvents(subject.client.readStream({ ...options, consistency: LINEARIZABLE }, SIGNAL));
    };

    describe('the expected version', () => {
      it('any appends to an absent and to a present stream', async () => {
        const stream = fresh();
        expect(revisions(await ask(append(stream, [1, 2])))).toEqual([[0, 1]]);
        expect(revisions(await ask(append(stream, [3])))).toEqual([[2, 2]]);
      });

      it('no stream appends to an absent stream only', async () => {
        const stream = fresh();
        expect(revisions(await ask(append(stream, [1], NO_STREAM)))).toEqual([[0, 0]]);
        expect(await refused(append(stream, [2], NO_STREAM), 'WRONG_EXPECTED_VERSION')).toEqual({
          streamId: stream,
          expected: 'no stream',
          actualRevision: 0,
        });
      });

      it('stream exists appends to a present stream only', async () => {
        const stream = fresh();
        expect(await refused(append(stream, [1], STREAM_EXISTS), 'WRONG_EXPECTED_VERSION')).toEqual({
          streamId: stream,
          expected: 'stream exists',
          actualRevision: null,
        });
        await ask(append(stream, [1]));
        expect(revisions(await ask(append(stream, [2], STREAM_EXISTS)))).toEqual([[1, 1]]);
      });

      it('an exact revision is the last event of the stream, 0 being the first', async () => {
        const stream = fresh();
        expect(await refused(append(stream, [1], at(0)), 'WRONG_EXPECTED_VERSION')).toMatchObject({ expected: '0' });
        await ask(append(stream, [1]));
        expect(revisions(await ask(append(stream, [2, 3], at(0))))).toEqual([[1, 2]]);
        for (const revision of [0, 1, 3]) {
          const details = await refused(append(stream, [4], at(revision)), 'WRONG_EXPECTED_VERSION');
          expect(details).toEqual({ streamId: stream, expected: String(revision), actualRevision: 2 });
        }
        expect(revisions(await ask(append(stream, [4], at(2))))).toEqual([[3, 3]]);
      });

      it('lets exactly one of many writers win', async () => {
        const stream = fresh();
        await ask(append(stream, [0]));
        const writers = Array.from({ length: 50 }, (_, n) => ask(append(stream, [n + 1], at(0))));
        const outcomes = await Promise.allSettled(writers);
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(await read(stream)).toHaveLength(2);
      });
    });

    describe('events', () => {
      it('come back as they were sent, with their places and a time that does not go back', async () => {
        const stream = fresh();
        const sent = [
          proposed(1, { type: 'päid', data: Uint8Array.of(0, 255, 10), contentType: '', tags: ['a', 'ü 漢'] }),
          proposed(2, { data: new Uint8Array(0), metadata: Uint8Array.of(1, 2, 3), contentType: 'x/y' }),
        ];
        const [result] = await ask({ streams: [{ ...part(stream, []), events: sent }], condition: null });
        const found = await read(stream);
        expect(found.map(({ id, type, contentType, tags }) => ({ id, type, contentType, tags }))).toEqual(
          sent.map(({ id, type, contentType, tags }) => ({ id, type, contentType, tags })),
        );
        expect(found.map(({ data, metadata }) => [[...data], [...metadata]])).toEqual(
          sent.map(({ data, metadata }) => [[...data], [...metadata]]),
        );
        expect(found.map(({ streamId, revision, position }) => [streamId, revision, position])).toEqual([
          [stream, 0, result?.firstPosition],
          [stream, 1, result?.lastPosition],
        ]);
        const [first, second] = found;
        expect(second?.createdAt).toBeGreaterThanOrEqual(first?.createdAt ?? Infinity);
      });

      it('are read by whoever reads after the answer', async () => {
        for (let round = 0; round < 20; round++) {
          const stream = fresh();
          await ask(append(stream, [1]));
          expect(await read(stream)).toHaveLength(1);
        }
      });

      it('get dense positions, whatever is refused in between', async () => {
        const stream = fresh();
        const asked = Array.from({ length: 100 }, (_, n) =>
          ask(append(n % 3 === 0 ? stream : fresh(), [n], n % 5 === 0 ? at(10_000) : { kind: 'any' })),
        );
        const results = (await Promise.allSettled(asked)).flatMap((outcome) =>
          outcome.status === 'fulfilled' ? outcome.value : [],
        );
        expect(results).toHaveLength(80);
        const positions = results.map(({ firstPosition }) => firstPosition).sort((a, b) => a - b);
        const from = positions[0] ?? 0;
        expect(positions).toEqual(positions.map((_, n) => from + n));
      });

      it('of one append may be 10,000', async () => {
        const stream = fresh();
        const ids = Array.from({ length: limits.eventsPerAppend }, (_, n) => n);
        expect(revisions(await ask(append(stream, ids)))).toEqual([[0, limits.eventsPerAppend - 1]]);
        expect((await read(stream)).map(({ id }) => id)).toEqual(ids.map(eventId));
      });

      it('may have 16 MiB', async () => {
        const stream = fresh();
        const data = new Uint8Array(limits.eventBytes).fill(7);
        await ask({ streams: [{ ...part(stream, []), events: [proposed(1, { data })] }], condition: null });
        const [found] = await read(stream);
        expect(found?.data.length).toBe(data.length);
        expect(Buffer.compare(found?.data ?? new Uint8Array(0), data)).toBe(0);
      });
    });

    describe('an append of the most bytes', () => {
      it('has 64 MiB in all', async () => {
        const stream = fresh();
        const type = 't';
        const data = new Uint8Array(limits.eventBytes - type.length).fill(1);
        const count = limits.appendBytes / limits.eventBytes;
        const events = Array.from({ length: count }, (_, n) => proposed(n, { type, data, contentType: '' }));
        await ask({ streams: [{ ...part(stream, []), events }], condition: null });
        expect((await read(stream)).map((event) => event.data.length)).toEqual(Array(count).fill(data.length));
      });
    });

    describe('a repeated append', () => {
      it('succeeds with the original places in every mode, however often', async () => {
        const stream = fresh();
        const [original] = await ask(append(stream, [1, 2], NO_STREAM));
        await ask(append(stream, [3], at(1)));
        for (const version of [NO_STREAM, STREAM_EXISTS, at(0), at(99), { kind: 'any' } as const]) {
          expect(await ask(append(stream, [1, 2], version))).toEqual([{ ...original, duplicate: true }]);
        }
        expect(await read(stream)).toHaveLength(3);
      });

      it('succeeds while the original is in flight', async () => {
        const stream = fresh();
        const answers = await Promise.all(Array.from({ length: 20 }, () => ask(append(stream, [1, 2], NO_STREAM))));
        expect(answers.filter(([result]) => result?.duplicate === false)).toHaveLength(1);
        expect(new Set(answers.map(([result]) => result?.firstPosition)).size).toBe(1);
        expect(await read(stream)).toHaveLength(2);
      });

      it('may be regrouped', async () => {
        const stream = fresh();
        await ask(append(stream, [1, 2]));
        await ask(append(fresh(), [8]));
        await ask(append(stream, [3, 4]));
        expect(await ask(append(stream, [2, 3]))).toMatchObject([
          { firstRevision: 1, lastRevision: 2, duplicate: true },
        ]);
        const [all] = await ask(append(stream, [1, 2, 3, 4]));
        expect(all).toMatchObject({ firstRevision: 0, lastRevision: 3, duplicate: true });
        const found = await read(stream);
        expect([all?.firstPosition, all?.lastPosition]).toEqual([found[0]?.position, found[3]?.position]);
      });

      it.each([
        ['with a new event', [2, 3]],
        ['after a new event', [3, 1]],
        ['in another order', [2, 1]],
        ['with a gap', [1, 5]],
      ])('%s is a conflict', async (_, ids) => {
        const stream = fresh();
        await ask(append(stream, [1, 2]));
        await ask(append(stream, [4, 5]));
        expect(await refused(append(stream, ids), 'EVENT_ID_CONFLICT')).toMatchObject({ streamId: stream });
        expect(await read(stream)).toHaveLength(4);
      });

      it('is known in its stream only', async () => {
        const [one, other] = [fresh(), fresh()];
        await ask(append(one, [1]));
        expect(await ask(append(other, [1], NO_STREAM))).toMatchObject([{ firstRevision: 0, duplicate: false }]);
      });
    });

    describe('a transaction', () => {
      it('appends to all streams or to none, with dense positions', async () => {
        const [a, b] = [fresh(), fresh()];
        const [first, second] = await ask(transaction([part(a, [1, 2], NO_STREAM), part(b, [3], NO_STREAM)]));
        expect(second?.firstPosition).toBe((first?.lastPosition ?? NaN) + 1);
        const failing = transaction([part(a, [4]), part(b, [5], at(7))]);
        expect(await refused(failing, 'WRONG_EXPECTED_VERSION')).toMatchObject({ streamId: b, actualRevision: 0 });
        expect([await read(a), await read(b)].map(({ length }) => length)).toEqual([2, 1]);
      });

      it('can be repeated as a whole, though its versions no longer hold', async () => {
        const [a, b] = [fresh(), fresh()];
        const asked = transaction([part(a, [1], NO_STREAM), part(b, [2], NO_STREAM)]);
        const original = await ask(asked);
        await ask(append(a, [9]));
        expect(await ask(asked)).toEqual(original.map((result) => ({ ...result, duplicate: true })));
        expect(await refused(transaction([part(a, [1]), part(b, [3])]), 'EVENT_ID_CONFLICT')).toMatchObject({
          streamId: a,
        });
      });
    });

    describe('a condition', () => {
      const tagged = (stream: string, id: number, type: string, tags: string[]): Append =>
        transaction([{ ...part(stream, []), events: [proposed(id, { type, tags })] }]);
      const under = (asked: Append, types: string[], tags: string[], afterPosition: number | null): Append => ({
        ...asked,
        condition: { query: { items: [{ types, tags }] }, afterPosition },
      });

      it('fails when an event matches, and only after its position', async () => {
        const tag = fresh();
        const [one] = await ask(tagged(fresh(), 1, 'seat-taken', [tag, 'hall']));
        const position = one?.lastPosition ?? NaN;
        const next = tagged(fresh(), 2, 'seat-taken', [tag]);
        expect(await refused(under(next, ['seat-taken'], [tag], null), 'APPEND_CONDITION_FAILED')).toEqual({
          position,
          afterPosition: null,
        });
        await refused(under(next, [], [tag, 'hall'], position - 1), 'APPEND_CONDITION_FAILED');
        expect(await ask(under(next, ['seat-taken'], [tag], position))).toMatchObject([{ duplicate: false }]);
      });

      it('holds when types or tags do not match together', async () => {
        const tag = fresh();
        await ask(tagged(fresh(), 1, 'seat-taken', [tag]));
        expect(await ask(under(tagged(fresh(), 2, 'x', []), ['seat-freed'], [tag], null))).toHaveLength(1);
        expect(await ask(under(tagged(fresh(), 3, 'x', []), [], [tag, 'nowhere'], null))).toHaveLength(1);
      });

      it('lets exactly one of many writers win, also in flight', async () => {
        const tag = fresh();
        const writers = Array.from({ length: 30 }, (_, n) =>
          ask(under(tagged(fresh(), n, 'seat-taken', [tag]), ['seat-taken'], [tag], null)),
        );
        const outcomes = await Promise.allSettled(writers);
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });

      it('does not keep a transaction from being repeated', async () => {
        const tag = fresh();
        const asked = under(tagged(fresh(), 1, 'seat-taken', [tag]), ['seat-taken'], [tag], null);
        const original = await ask(asked);
        expect(await ask(asked)).toEqual(original.map((result) => ({ ...result, duplicate: true })));
      });
    });

    describe('order', () => {
      it('of appends that are sent without waiting is the order of their places', async () => {
        const stream = fresh();
        const asked = Array.from({ length: 200 }, (_, n) => ask(append(stream, [n], n === 0 ? NO_STREAM : at(n - 1))));
        const answers = await Promise.all(asked);
        expect(answers.map(([result]) => result?.firstRevision)).toEqual(asked.map((_, n) => n));
      });
    });

    it('aborted before it was decided is CANCELLED', async () => {
      const error: unknown = await subject.client
        .append(append(fresh(), [1]), AbortSignal.abort())
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(StoreError);
      expect((error as StoreError).code).toBe('CANCELLED');
    });
  });
}
