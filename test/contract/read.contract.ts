/**
 * What reads promise, as a suite that runs on any store, embedded or over gRPC. Written against the pipeline's surface; a
 * client is adapted to it. The suite is the only writer while it runs.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileFilter, matchesFilter } from '../../src/domain/compiled-filter.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { ProposedEvent } from '../../src/domain/event.ts';
import type { Filter } from '../../src/domain/filter.ts';
import { limits } from '../../src/domain/limits.ts';
import type { AllRead, EventPipeline, StreamRead } from '../../src/pipeline/event-pipeline.ts';
import { collectEvents } from '../support/decoded-batch.ts';
import { ANY, proposed } from '../support/events.ts';
import { nth } from '../support/nth.ts';
import type { LoggedEvent } from '../support/subscriber.ts';

/** What the suite uses of a pipeline. */
export type ReadClient = Pick<EventPipeline, 'append' | 'readStream' | 'readAll' | 'listStreams'>;

/** Something to run the suite on. It may hold events already; the suite uses streams of its own. */
export interface ReadSubject {
  readonly client: ReadClient;
  readonly close: () => Promise<void>;
}

type Logged = LoggedEvent & ProposedEvent;

const SIGNAL = new AbortController().signal;
const LINEARIZABLE = { kind: 'linearizable' } as const;
const ORDERS = 'read-contract/order-1';
const CARTS = 'read-contract/cart-é';

/** Runs the suite. `name` says what it runs on. */
export function readContract(name: string, open: () => Promise<ReadSubject>): void {
  describe(`reads on ${name}`, () => {
    let subject: ReadSubject;
    let numbers = 5_000_000;
    /** What the suite wrote, in the order of positions. */
    const log: Logged[] = [];

    async function write(streamId: string, events: readonly Partial<ProposedEvent>[]): Promise<void> {
      const full = events.map((event) => proposed(numbers++, event));
      const append = { streams: [{ streamId, events: full, expectedVersion: ANY }], condition: null };
      const result = nth(await subject.client.append(append, SIGNAL), 0);
      full.forEach((event, n) => {
        log.push({ ...event, streamId, revision: result.firstRevision + n, position: result.firstPosition + n });
      });
    }

    beforeAll(async () => {
      subject = await open();
      await write(ORDERS, [{ type: 'placed', tags: ['a'] }, { type: 'paid', tags: ['a', 'b'] }, { type: 'shipped' }]);
      await write(CARTS, [{ type: 'opened', tags: ['b'] }, { type: 'paid' }]);
      await write(ORDERS, [
        { type: 'returned', tags: ['b', 'a'] },
        { type: 'paid', tags: ['c'] },
      ]);
      await write(CARTS, [{ type: 'closed', data: new Uint8Array([0, 255, 1]), metadata: new Uint8Array([7]) }]);
    });
    afterAll(async () => {
      await subject.close();
    });

    const stream = (read: Partial<StreamRead>) => {
      const whole: StreamRead = {
        streamId: ORDERS,
        direction: 'forwards',
        fromRevision: null,
        limit: null,
        consistency: LINEARIZABLE,
      };
      return collectEvents(subject.client.readStream({ ...whole, ...read }, SIGNAL));
    };
    const all = (read: Partial<AllRead>) => {
      const from = { kind: 'position', position: nth(log, 0).position } as const;
      const whole: AllRead = { direction: 'forwards', from, limit: null, filter: null, consistency: LINEARIZABLE };
      return collectEvents(subject.client.readAll({ ...whole, ...read }, SIGNAL));
    };
    const revisionsOf = async (read: Partial<StreamRead>) => (await stream(read)).map((event) => event.revision);
    const positionsOf = async (read: Partial<AllRead>) => (await all(read)).map((event) => event.position);
    const refused = async (work: Promise<unknown>, code: ErrorCode): Promise<StoreError> => {
      const error: unknown = await work.then(
        () => null,
        (reason: unknown) => reason,
      );
      if (!(error instanceof StoreError) || !error.is(code)) throw new Error(`expected ${code}`, { cause: error });
      return error;
    };

    it('give back every field of an event as it was appended', async () => {
      const events = [...(await stream({})), ...(await stream({ streamId: CARTS }))];
      expect(events).toHaveLength(log.length);
      for (const event of events) {
        const written = nth(
          log.filter((one) => one.position === event.position),
          0,
        );
        const { streamId, revision, id, type, contentType, tags } = written;
        expect(event).toMatchObject({ streamId, revision, id, type, contentType, tags });
        expect(Buffer.from(event.data)).toEqual(Buffer.from(written.data));
        expect(Buffer.from(event.metadata)).toEqual(Buffer.from(written.metadata));
        expect(event.createdAt).toBeGreaterThan(0);
      }
    });

    it('of a stream go both ways, from any revision, in the middle of an append too', async () => {
      expect(await revisionsOf({})).toEqual([0, 1, 2, 3, 4]);
      expect(await revisionsOf({ direction: 'backwards' })).toEqual([4, 3, 2, 1, 0]);
      expect(await revisionsOf({ fromRevision: 1 })).toEqual([1, 2, 3, 4]);
      expect(await revisionsOf({ fromRevision: 3, direction: 'backwards' })).toEqual([3, 2, 1, 0]);
      expect(await revisionsOf({ fromRevision: 1, limit: 3 })).toEqual([1, 2, 3]);
      expect(await revisionsOf({ fromRevision: 4, limit: 2, direction: 'backwards' })).toEqual([4, 3]);
    });

    it('of a stream from beyond its end are empty forwards, everything backwards', async () => {
      expect(await revisionsOf({ fromRevision: 4 })).toEqual([4]);
      expect(await revisionsOf({ fromRevision: 5 })).toEqual([]);
      expect(await revisionsOf({ fromRevision: 5, direction: 'backwards', limit: 1 })).toEqual([4]);
    });

    it('of a stream that does not exist say so', async () => {
      const error = await refused(stream({ streamId: 'read-contract/none' }), 'STREAM_NOT_FOUND');
      expect(error.details).toEqual({ streamId: 'read-contract/none' });
    });

    it('of the whole store go both ways, from any position, with a limit', async () => {
      const positions = log.map((event) => event.position);
      expect(await positionsOf({})).toEqual(positions);
      const from = { kind: 'position', position: nth(positions, 4) } as const;
      expect(await positionsOf({ from })).toEqual(positions.slice(4));
      expect(await positionsOf({ from, direction: 'backwards', limit: 5 })).toEqual(positions.slice(0, 5).toReversed());
      expect(await positionsOf({ from: null, direction: 'backwards', limit: 8 })).toEqual(positions.toReversed());
      expect(await positionsOf({ limit: 3 })).toEqual(positions.slice(0, 3));
    });

    it('from a position beyond the end are empty', async () => {
      const beyond = nth(log, log.length - 1).position + 1;
      expect(await positionsOf({ from: { kind: 'position', position: beyond } })).toEqual([]);
      expect(await positionsOf({ from: { kind: 'position', position: Number.MAX_SAFE_INTEGER } })).toEqual([]);
    });

    it('from a time begin with the first event at or after it, backwards with the last at or before it', async () => {
      const events = await all({});
      const micros = nth(events, 3).createdAt;
      const at = { kind: 'time', micros } as const;
      const before = { kind: 'time', micros: micros - 1 } as const;
      const positions = (wanted: (createdAt: number) => boolean): number[] =>
        events.filter((event) => wanted(event.createdAt)).map((event) => event.position);
      expect(await positionsOf({ from: at })).toEqual(positions((time) => time >= micros));
      const limit = log.length;
      const upTo = (await positionsOf({ from: at, direction: 'backwards', limit })).filter(
        (p) => p >= nth(log, 0).position,
      );
      expect(upTo).toEqual(positions((time) => time <= micros).toReversed());
      const below = (await positionsOf({ from: before, direction: 'backwards', limit })).filter(
        (p) => p >= nth(log, 0).position,
      );
      expect(below).toEqual(positions((time) => time < micros).toReversed());
      expect(await positionsOf({ from: { kind: 'time', micros: micros + 3_600_000_000 } })).toEqual([]);
    });

    const filters: readonly Filter[] = [
      { kind: 'stream-prefix', prefix: 'read-contract/order' },
      { kind: 'stream-prefix', prefix: 'read-contract/none' },
      { kind: 'stream-regex', pattern: '/cart-.$' },
      { kind: 'type-prefix', prefix: 'p' },
      { kind: 'type-regex', pattern: '^(paid|closed)$' },
      { kind: 'query', query: { items: [{ types: [], tags: ['a', 'b'] }] } },
      { kind: 'query', query: { items: [{ types: ['paid', 'opened'], tags: [] }] } },
      {
        kind: 'query',
        query: {
          items: [
            { types: ['paid'], tags: ['c'] },
            { types: ['opened'], tags: ['b'] },
          ],
        },
      },
      { kind: 'query', query: { items: [{ types: ['none'], tags: [] }] } },
    ];
    it.each(filters)('with the filter %j give what matches, both ways and limited', async (filter) => {
      const compiled = compileFilter(filter);
      const expected = log.filter((event) => matchesFilter(compiled, event)).map((event) => event.position);
      expect(await positionsOf({ filter })).toEqual(expected);
      expect(await positionsOf({ filter, limit: 2 })).toEqual(expected.slice(0, 2));
      const from = { kind: 'position', position: nth(log, log.length - 1).position } as const;
      const back = await positionsOf({ filter, from, direction: 'backwards', limit: Math.max(1, expected.length) });
      expect(back.filter((position) => position >= nth(log, 0).position)).toEqual(expected.toReversed());
    });

    it('with a pattern that is not RE2 are refused, naming the field', async () => {
      const error = await refused(all({ filter: { kind: 'type-regex', pattern: '(?=x)' } }), 'INVALID_ARGUMENT');
      expect(error.details).toMatchObject({ field: 'filter.type_regex' });
    });

    it('see what was acknowledged, at the consistency asked for', async () => {
      await write(ORDERS, [{ type: 'late' }]);
      const { position } = nth(log, log.length - 1);
      expect((await positionsOf({ consistency: { kind: 'at-least', position } })).at(-1)).toBe(position);
      expect((await positionsOf({})).at(-1)).toBe(position);
      expect((await positionsOf({ consistency: { kind: 'local' } })).at(-1)).toBe(position);
    });

    it('come in bounded messages, and a larger event comes alone', async () => {
      const streamId = 'read-contract/large';
      const large = limits.responseBytes + 1000;
      await write(
        streamId,
        Array.from({ length: 30 }, () => ({ data: new Uint8Array(100_000) })),
      );
      await write(streamId, [{ data: new Uint8Array(large) }, {}]);
      const read: StreamRead = {
        streamId,
        direction: 'forwards',
        fromRevision: null,
        limit: null,
        consistency: LINEARIZABLE,
      };
      let events = 0;
      for (const direction of ['forwards', 'backwards'] as const) {
        for await (const batch of subject.client.readStream({ ...read, direction }, SIGNAL)) {
          if (batch.wire.length > limits.responseBytes) expect(batch.count).toBe(1);
          events += batch.count;
        }
      }
      expect(events).toBe(64);
    });

    it('end with the reason of the abort', async () => {
      const abort = new AbortController();
      const read: StreamRead = {
        streamId: 'read-contract/large',
        direction: 'forwards',
        fromRevision: null,
        limit: null,
        consistency: LINEARIZABLE,
      };
      const batches = subject.client.readStream(read, abort.signal)[Symbol.asyncIterator]();
      expect((await batches.next()).done).toBe(false);
      abort.abort(new Error('enough'));
      await expect(batches.next()).rejects.toThrow();
    });

    it('list streams by prefix, page by page, in the byte order of their ids', async () => {
      const prefix = 'read-contract-list/';
      // U+FF5E is above U+1F600 in code units, below it in bytes of UTF-8.
      const ids = ['a', 'a/b', 'b', 'z', 'é', '～', '😀'].map((id) => prefix + id);
      for (const id of ids.toReversed()) await write(id, [{}, {}]);
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const page = await subject.client.listStreams({ prefix, after, limit: 3, consistency: LINEARIZABLE }, SIGNAL);
        expect(page.streams.length).toBeLessThanOrEqual(3);
        for (const one of page.streams) {
          seen.push(one.streamId);
          const mine = log.filter((event) => event.streamId === one.streamId).map((event) => event.position);
          expect(one).toMatchObject({ lastRevision: 1, firstPosition: mine[0], lastPosition: mine[1] });
        }
        after = page.next;
      } while (after !== null);
      expect(seen).toEqual(ids);
      const exact = await subject.client.listStreams(
        { prefix, after: null, limit: 7, consistency: LINEARIZABLE },
        SIGNAL,
      );
      expect([exact.streams.length, exact.next]).toEqual([7, null]);
    });
  });
}
