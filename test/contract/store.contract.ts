/**
 * What every store must do: `storeContract(name, open)` runs it all on what `open` gives. Everything read is compared with a
 * plain list of what was written.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { DecisionNeed } from '../../src/domain/append.ts';
import type { ProposedEvent, RecordedEvent } from '../../src/domain/event.ts';
import type { Query } from '../../src/domain/query.ts';
import { defined } from '../../src/lib/assert.ts';
import type { ReadDirection, Store } from '../../src/storage/store.ts';
import { eventId, proposed } from '../support/events.ts';
import { collect, StoreSubject, type WantedAppend } from '../support/store-subject.ts';

export interface OpenedStore {
  /** An empty store. */
  readonly store: Store;
  /** Closes the store and opens what it left; only for stores that outlive that. */
  readonly reopen?: () => Promise<Store>;
  /** Closes the store and removes what it left. */
  readonly dispose: () => Promise<void>;
}

const DIRECTIONS: readonly ReadDirection[] = ['forwards', 'backwards'];
const SIGNAL = new AbortController().signal;
const END = Number.MAX_SAFE_INTEGER;

/** An event without id; ids are given by position. */
function event(overrides: Partial<ProposedEvent> = {}): Omit<ProposedEvent, 'id'> {
  return proposed(0, overrides);
}

const anyStream = fc.constantFrom('a', 'b', 'ab', 'ä', 'orders/1', 'orders/2', 'z'.repeat(1024));
const anyType = fc.constantFrom('t1', 't2', 't\0', 'ty');
const anyTag = fc.constantFrom('g1', 'g2', 'g3', 'g\0');
const anyEvent = fc.record({
  type: anyType,
  tags: fc.uniqueArray(anyTag, { maxLength: 3 }),
  data: fc.constantFrom(0, 10, 1000, 5000, 40_000).map((length) => Buffer.alloc(length, 7)),
  contentType: fc.constantFrom('', 'application/json'),
  metadata: fc.uint8Array({ maxLength: 9 }),
});
const anyAppend = fc.record({ streamId: anyStream, events: fc.array(anyEvent, { minLength: 1, maxLength: 4 }) });
const anyGroups = fc.array(fc.array(anyAppend, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });
const anyItem = fc
  .record({ types: fc.uniqueArray(anyType, { maxLength: 2 }), tags: fc.uniqueArray(anyTag, { maxLength: 2 }) })
  .filter(({ types, tags }) => types.length + tags.length > 0);
const anyQuery: fc.Arbitrary<Query> = fc.record({ items: fc.array(anyItem, { minLength: 1, maxLength: 3 }) });

/** What a query means, said again. */
function matches({ items }: Query, { type, tags }: RecordedEvent): boolean {
  return items.some(
    (item) => (item.types.length === 0 || item.types.includes(type)) && item.tags.every((tag) => tags.includes(tag)),
  );
}

/**
 * @param numRuns Runs of each property.
 * @param outlivesClose Whether a store can be opened again with what it held; `reopen` has to be there then.
 */
export function storeContract(
  name: string,
  open: () => Promise<OpenedStore>,
  numRuns = 30,
  outlivesClose = true,
): void {
  describe(`store: ${name}`, () => {
    let opened: OpenedStore | undefined;
    const fresh = async (): Promise<StoreSubject> => {
      await opened?.dispose();
      opened = await open();
      return new StoreSubject(opened.store, (await opened.store.grant(SIGNAL)).epoch);
    };
    afterEach(async () => {
      await opened?.dispose();
      opened = undefined;
    });
    const property = async (
      check: (subject: StoreSubject, groups: WantedAppend[][]) => Promise<void>,
    ): Promise<void> => {
      await fc.assert(
        fc.asyncProperty(anyGroups, async (groups) => {
          const subject = await fresh();
          for (const group of groups) await subject.write(...group);
          await check(subject, groups);
        }),
        { numRuns },
      );
    };

    it('is empty at first', async () => {
      const { store } = await fresh();
      expect(store.appliedEnd).toBe(0);
      expect(await store.grant(SIGNAL)).toMatchObject({ nextPosition: 0, lastCreatedAt: 0 });
      expect(await store.stream('a')).toBeNull();
      expect(await store.positionOf('a', 0)).toBeNull();
      expect(await store.positionAtTime(0)).toBe(0);
      expect(await store.listStreams('', null, 10)).toEqual([]);
      for (const direction of DIRECTIONS) {
        for (const from of [0, 7, END]) {
          expect(await collect(store.readAll(from, direction))).toEqual([]);
          expect(await collect(store.readStream('a', from, direction))).toEqual([]);
          expect(await collect(store.readQuery({ items: [{ types: ['t'], tags: [] }] }, from, direction))).toEqual([]);
        }
      }
      const streams = new Map([['a', [eventId(1)]]]);
      const conditions = [{ query: { items: [{ types: ['t'], tags: [] }] }, afterPosition: null }];
      const facts = await store.loadForDecision({ streams, conditions });
      expect(facts).toEqual({ heads: new Map(), revisions: new Map(), conditionMatches: [null] });
      expect(await store.loadForDecision({ streams: new Map(), conditions: [] })).toMatchObject({
        conditionMatches: [],
      });
    });

    it('reads everything, from anywhere, both ways', async () => {
      await property(async (subject) => {
        const { store, log } = subject;
        expect(store.appliedEnd).toBe(log.length);
        for (const direction of DIRECTIONS) {
          for (const from of [0, 1, Math.floor(log.length / 2), log.length - 1, log.length, END]) {
            expect(await collect(store.readAll(from, direction))).toEqual(
              subject.expected(direction, 'position', from),
            );
          }
        }
      });
    });

    it('reads each stream, from anywhere, both ways', async () => {
      await property(async (subject) => {
        const { store } = subject;
        for (const streamId of ['a', 'ä', 'orders/1', 'z'.repeat(1024), 'none']) {
          const mine = ({ streamId: other }: RecordedEvent): boolean => other === streamId;
          for (const direction of DIRECTIONS) {
            for (const from of [0, 1, 3, END]) {
              const expected = subject.expected(direction, 'revision', from, mine);
              expect(await collect(store.readStream(streamId, from, direction))).toEqual(expected);
            }
          }
        }
      });
    });

    it('finds what matches a query, from anywhere, both ways', async () => {
      await fc.assert(
        fc.asyncProperty(anyGroups, fc.array(anyQuery, { minLength: 1, maxLength: 4 }), async (groups, queries) => {
          const subject = await fresh();
          for (const group of groups) await subject.write(...group);
          for (const query of queries) {
            for (const direction of DIRECTIONS) {
              for (const from of [0, Math.floor(subject.log.length / 2), subject.log.length, END]) {
                const expected = subject.expected(direction, 'position', from, (one) => matches(query, one));
                expect(await collect(subject.store.readQuery(query, from, direction))).toEqual(expected);
              }
            }
            const conditions = [null, 0, Math.floor(subject.log.length / 2), subject.log.length].map(
              (afterPosition) => ({
                query,
                afterPosition,
              }),
            );
            const { conditionMatches } = await subject.store.loadForDecision({ streams: new Map(), conditions });
            for (const [i, { afterPosition }] of conditions.entries()) {
              const found = conditionMatches[i] ?? null;
              const possible = subject.log.filter((one) => one.position > (afterPosition ?? -1) && matches(query, one));
              if (found === null) expect(possible).toEqual([]);
              else expect(possible.map(({ position }) => position)).toContain(found);
            }
          }
        }),
        { numRuns },
      );
    });

    it('knows streams, places and event ids', async () => {
      await property(async (subject) => {
        const { store, log } = subject;
        const streams = new Map<string, string[]>();
        for (const streamId of ['a', 'b', 'ab', 'ä', 'none']) {
          const mine = subject.of(streamId);
          const [first, last] = [mine[0], mine.at(-1)];
          const summary =
            first && last
              ? { streamId, lastRevision: last.revision, firstPosition: first.position, lastPosition: last.position }
              : null;
          expect(await store.stream(streamId)).toEqual(summary);
          for (const { revision, position } of mine) expect(await store.positionOf(streamId, revision)).toBe(position);
          expect(await store.positionOf(streamId, mine.length)).toBeNull();
          streams.set(streamId, [...mine.map(({ id }) => id), eventId(1_000_000), log[0]?.id ?? '']);
        }
        const { heads, revisions } = await store.loadForDecision({ streams, conditions: [] } satisfies DecisionNeed);
        for (const streamId of streams.keys()) {
          const mine = subject.of(streamId);
          const last = mine.at(-1);
          expect(heads.get(streamId)).toEqual(
            last && { streamNumber: mine[0]?.position, lastRevision: last.revision, lastPosition: last.position },
          );
          expect(revisions.get(streamId) ?? new Map()).toEqual(new Map(mine.map(({ id, revision }) => [id, revision])));
        }
      });
    });

    it('lists streams by the bytes of their ids, in pages', async () => {
      await property(async (subject) => {
        const ids = [...new Set(subject.log.map(({ streamId }) => streamId))];
        ids.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        for (const prefix of ['', 'a', 'orders/', 'ä', 'none']) {
          const found: string[] = [];
          for (;;) {
            const page = await subject.store.listStreams(prefix, found.at(-1) ?? null, 2);
            for (const summary of page) expect(summary).toEqual(await subject.store.stream(summary.streamId));
            found.push(...page.map(({ streamId }) => streamId));
            if (page.length < 2) break;
          }
          expect(found).toEqual(ids.filter((id) => id.startsWith(prefix)));
        }
        expect(await subject.store.listStreams('orders/', 'a', 1)).toEqual(
          await subject.store.listStreams('orders/', null, 1),
        );
        expect(await subject.store.listStreams('a', 'b', 1)).toEqual([]);
      });
    });

    it('finds the first position at a time', async () => {
      const subject = await fresh();
      for (let i = 0; i < 40; i += 1) {
        const createdAt = 5000 + Math.floor(i / 3) * 100;
        await subject.write(
          { streamId: `s${i % 4}`, events: [event({ data: Buffer.alloc((i % 5) * 1000) })], createdAt },
          { streamId: 'two', events: [event(), event()], createdAt },
          {
            streamId: 'large',
            events: [event({ data: Buffer.alloc(i % 7 === 0 ? 50_000 : 1) })],
            createdAt: createdAt + (i % 3 === 2 ? 50 : 0),
          },
        );
      }
      for (let micros = 4900; micros < 6600; micros += 25) {
        const position = subject.log.find(({ createdAt }) => createdAt >= micros)?.position ?? subject.log.length;
        expect(await subject.store.positionAtTime(micros), `${micros}`).toBe(position);
      }
    });

    it('commits groups in the order of the calls and tells listeners everything, once', async () => {
      const subject = await fresh();
      const { store } = subject;
      await subject.write({ streamId: 'before', events: [event()] });
      const heard: number[] = [];
      const visible: Promise<unknown>[] = [];
      const stop = store.onApplied((appends) => {
        for (const { firstPosition, count } of appends) {
          expect(store.appliedEnd).toBeGreaterThanOrEqual(firstPosition + count);
          for (let i = 0; i < count; i += 1) heard.push(firstPosition + i);
        }
        const last = appends.at(-1);
        if (last !== undefined) visible.push(store.positionOf(last.streamId, last.firstRevision));
      });
      let settled = 0;
      const commits = Array.from({ length: 60 }, async (_, i) => {
        const outcome = await subject.commit({ streamId: `s${i % 7}`, events: [event(), event()] });
        expect(outcome).toBe('committed');
        expect(settled).toBe(i);
        settled += 1;
      });
      await Promise.all(commits);
      await store.waitForApplied(121, AbortSignal.timeout(20_000));
      expect(heard).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
      expect(await Promise.all(visible)).not.toContain(null);
      const grant = await store.grant(SIGNAL);
      expect(grant.nextPosition).toBe(121);
      expect(grant.lastCreatedAt).toBe(subject.log.at(-1)?.createdAt);
      expect(await collect(store.readAll(0, 'forwards'))).toEqual(subject.expected('forwards', 'position', 0));
      stop();
      await subject.write({ streamId: 'after', events: [event()] });
      expect(heard.length).toBe(120);
    });

    it('lets decisions and barriers see what was applied before', async () => {
      const subject = await fresh();
      for (let i = 0; i < 30; i += 1) {
        await subject.write({ streamId: 's', events: [event()] });
        await subject.store.readBarrier(AbortSignal.timeout(20_000));
        const need = { streams: new Map([['s', [eventId(i)]]]), conditions: [] };
        const { heads, revisions } = await subject.store.loadForDecision(need);
        expect(heads.get('s')?.lastRevision).toBe(i);
        expect(revisions.get('s')?.get(eventId(i))).toBe(i);
      }
    });

    it('waits for what is applied, until the signal says no', async () => {
      const subject = await fresh();
      const { store } = subject;
      await store.waitForApplied(0, AbortSignal.timeout(20_000));
      const waiting = store.waitForApplied(2, AbortSignal.timeout(20_000));
      const controller = new AbortController();
      const aborted = store.waitForApplied(2, controller.signal);
      controller.abort(new Error('enough'));
      await expect(aborted).rejects.toThrow('enough');
      await expect(store.waitForApplied(2, controller.signal)).rejects.toThrow('enough');
      await expect(store.readBarrier(controller.signal)).rejects.toThrow('enough');
      await subject.write({ streamId: 's', events: [event()] });
      await subject.write({ streamId: 's', events: [event()] });
      await waiting;
    });

    it('reads what was there when the read began', async () => {
      const subject = await fresh();
      for (let i = 0; i < 30; i += 1) {
        await subject.write({ streamId: 's', events: [event({ type: 't', data: Buffer.alloc(3000) })] });
      }
      const query = { items: [{ types: ['t'], tags: [] }] };
      for (const direction of DIRECTIONS) {
        const from = direction === 'forwards' ? 0 : END;
        const { store } = subject;
        const reads = [
          store.readAll(from, direction),
          store.readStream('s', from, direction),
          store.readQuery(query, from, direction),
        ];
        const expected = subject.expected(direction, 'position', from);
        const iterators = reads.map((read) => read[Symbol.asyncIterator]());
        const firsts = await Promise.all(iterators.map((iterator) => iterator.next()));
        await subject.write({ streamId: 's', events: [event({ type: 't' })] });
        for (const [i, iterator] of iterators.entries()) {
          const first = firsts[i];
          const rest = { [Symbol.asyncIterator]: () => iterator };
          const chunk = first?.done === false ? first.value : [];
          const found = [...(await collect(once(chunk))), ...(await collect(rest))];
          expect(found).toEqual(expected);
        }
      }
    });

    it('reads in bounded chunks, small events and large ones', async () => {
      const subject = await fresh();
      const query = { items: [{ types: ['t'], tags: [] }] };
      for (let i = 0; i < 8; i += 1) {
        const small = Array.from({ length: 500 }, () => ({ streamId: 's', events: [event({ type: 't' })] }));
        const middle = Array.from({ length: 60 }, () => ({
          streamId: 's',
          events: [event({ type: 't', data: Buffer.alloc(30_000, i) })],
        }));
        const large = { streamId: 's', events: [event({ type: 't', data: Buffer.alloc(1_500_000, i) })] };
        await subject.write(...small, ...middle, large);
      }
      for (const direction of DIRECTIONS) {
        const from = direction === 'forwards' ? 0 : END;
        const { store } = subject;
        const reads = {
          all: store.readAll(from, direction),
          stream: store.readStream('s', from, direction),
          query: store.readQuery(query, from, direction),
        };
        for (const [kind, read] of Object.entries(reads)) {
          let [count, chunks] = [0, 0];
          for await (const chunk of read) {
            chunks += 1;
            count += chunk.length;
            const bytes = chunk.reduce((sum, append) => sum + append.bytes.length, 0);
            expect(bytes, `a chunk of ${chunk.length}, ${kind} ${direction}`).toBeLessThan(9 * 2 ** 20);
          }
          expect(count, `${kind} ${direction}`).toBe(8 * 561);
          expect(chunks, `${kind} ${direction}`).toBeGreaterThan(16);
        }
      }
    });

    it('keeps an event of the largest size, and an append of the most events', async () => {
      const subject = await fresh();
      const data = Buffer.alloc(16 * 1024 * 1024, 'x');
      await subject.write({ streamId: 'large', events: [event({ data })] });
      await subject.write({ streamId: 'many', events: Array.from({ length: 10_000 }, () => event({ tags: ['g'] })) });
      for (const direction of DIRECTIONS) {
        const from = direction === 'forwards' ? 0 : END;
        expect(await collect(subject.store.readAll(from, direction))).toEqual(
          subject.expected(direction, 'position', from),
        );
      }
      expect(await subject.store.positionOf('many', 9999)).toBe(10_000);
      expect((await collect(subject.store.readStream('many', 9999, 'forwards'))).length).toBe(1);
    });

    it('lets a reader leave early', async () => {
      const subject = await fresh();
      for (let i = 0; i < 100; i += 1) {
        await subject.write({ streamId: 's', events: [event({ data: Buffer.alloc(5000) })] });
      }
      for (let i = 0; i < 50; i += 1) {
        for await (const chunk of subject.store.readAll(0, 'forwards')) {
          expect(chunk[0]?.firstPosition).toBe(0);
          break;
        }
      }
    });

    it('tells its gauges as finite numbers', async () => {
      const subject = await fresh();
      await subject.write({ streamId: 's', events: [event()] });
      const gauges = await subject.store.gauges();
      expect(gauges.size).toBeGreaterThan(0);
      for (const [gauge, value] of gauges) expect(Number.isFinite(value), gauge).toBe(true);
    });

    it('finishes commits under way when it is closed, and takes no more', async () => {
      const subject = await fresh();
      const commits = Array.from({ length: 10 }, () => subject.commit({ streamId: 's', events: [event()] }));
      const closing = Promise.all([subject.store.close(), subject.store.close()]);
      expect(await Promise.all(commits)).toEqual(commits.map(() => 'committed'));
      await closing;
      const late = subject.commit({ streamId: 's', events: [event()] });
      await expect(late).rejects.toHaveProperty('code', expect.stringMatching(/^(NOT_SERVING|OUTCOME_UNKNOWN)$/));
    });

    if (!outlivesClose) return;

    it('has everything after it was closed and opened again', async () => {
      const reopenable = await fresh();
      const reopen = defined(opened?.reopen, 'a store that outlives the process to say how it is opened again');
      for (let round = 0; round < 4; round += 1) {
        const commits = Array.from({ length: 5 }, (_, i) =>
          reopenable.commit(
            { streamId: `s${i}`, events: [event({ tags: ['g'] })] },
            { streamId: 'large', events: [event({ data: Buffer.alloc(60_000, round) })] },
          ),
        );
        await Promise.all(commits);
        reopenable.store = await reopen();
        const grant = await reopenable.store.grant(SIGNAL);
        reopenable.epoch = grant.epoch;
        expect(grant).toMatchObject({
          nextPosition: reopenable.log.length,
          lastCreatedAt: reopenable.log.at(-1)?.createdAt,
        });
        await reopenable.store.waitForApplied(reopenable.log.length, AbortSignal.timeout(20_000));
        expect(await collect(reopenable.store.readAll(0, 'forwards'))).toEqual(
          reopenable.expected('forwards', 'position', 0),
        );
        expect((await reopenable.store.stream('large'))?.lastRevision).toBe(5 * (round + 1) - 1);
      }
    });
  });
}

/** One chunk as an iterable. */
async function* once<T>(value: T): AsyncGenerator<T> {
  await Promise.resolve();
  yield value;
}
