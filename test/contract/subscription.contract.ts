/**
 * What subscriptions promise, as a suite that runs on any store, embedded or over gRPC. Written against the pipeline's surface;
 * a client is adapted to it. The suite is the only writer while it runs. Open the subject with
 * {@link subscriptionContractSettings}.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProposedEvent } from '../../src/domain/event.ts';
import type { Filter } from '../../src/domain/filter.ts';
import type { EventPipeline, SubscriptionStart, SubscriptionTarget } from '../../src/pipeline/event-pipeline.ts';
import type { SubscriptionSettings } from '../../src/pipeline/subscribe/subscription-settings.ts';
import { collectEvents } from '../support/decoded-batch.ts';
import { ANY, proposed } from '../support/events.ts';
import { nth } from '../support/nth.ts';
import { Subscriber, type LoggedEvent } from '../support/subscriber.ts';

/** What the suite uses of a pipeline. */
export type SubscriptionClient = Pick<EventPipeline, 'append' | 'subscribe' | 'readAll'>;

/** Something to run the suite on. It may hold events already; the suite uses streams of its own. */
export interface SubscriptionSubject {
  readonly client: SubscriptionClient;
  readonly close: () => Promise<void>;
}

/** Checkpoints come soon, so that the suite need not wait. */
export const subscriptionContractSettings: Partial<SubscriptionSettings> = { checkpointMillis: 160 };

const SIGNAL = new AbortController().signal;
const end: SubscriptionStart = { kind: 'end' };
const FILTERS: readonly Filter[] = [
  { kind: 'stream-prefix', prefix: 'subscription-contract/a' },
  { kind: 'stream-regex', pattern: '/[bc]$' },
  { kind: 'type-prefix', prefix: 'p' },
  { kind: 'type-regex', pattern: 'ed$' },
  {
    kind: 'query',
    query: {
      items: [
        { types: ['paid'], tags: [] },
        { types: [], tags: ['x', 'y'] },
      ],
    },
  },
];

/** Runs the suite. `name` says what it runs on. */
export function subscriptionContract(name: string, open: () => Promise<SubscriptionSubject>): void {
  describe(`subscriptions on ${name}`, () => {
    let subject: SubscriptionSubject;
    let numbers = 6_000_000;
    /** What the suite wrote, in the order of positions; it begins anew with each test, at `from`. */
    let log: LoggedEvent[] = [];
    let from: SubscriptionStart = { kind: 'beginning' };
    let endPosition = 0;

    async function write(streamId: string, events: readonly Partial<ProposedEvent>[]): Promise<void> {
      const full = events.map((event) => proposed(numbers++, event));
      const append = { streams: [{ streamId, events: full, expectedVersion: ANY }], condition: null };
      const result = nth(await subject.client.append(append, SIGNAL), 0);
      full.forEach(({ type, tags }, n) => {
        log.push({ streamId, type, tags, revision: result.firstRevision + n, position: result.firstPosition + n });
      });
      endPosition = result.lastPosition + 1;
    }

    /** Everything acknowledged is visible: a subscription from the end begins after it. */
    async function settled(): Promise<void> {
      const consistency = { kind: 'linearizable' } as const;
      await collectEvents(
        subject.client.readAll({ direction: 'backwards', from: null, limit: 1, filter: null, consistency }, SIGNAL),
      );
    }

    async function writeSome(appends: number): Promise<void> {
      for (let n = 0; n < appends; n++) {
        const events = Array.from({ length: (n % 3) + 1 }, (_, i) => ({
          type: nth(['placed', 'paid', 'shipped', 'rare'], (n + i) % 4),
          tags: ['x', 'y', 'z'].filter((_tag, bit) => ((n + i) >> bit) % 2 === 0),
        }));
        await write(`subscription-contract/${nth(['a', 'ab', 'b', 'c'], n % 4)}`, events);
      }
    }

    const subscribe = (target: SubscriptionTarget): Subscriber =>
      new Subscriber(subject.client, target, log, () => endPosition);
    const toAll = (filter: Filter | null, start = from): Subscriber => subscribe({ kind: 'all', filter, start });

    function closeAll(ones: readonly Subscriber[]): void {
      for (const one of ones) one.abort.abort(new Error('done'));
    }

    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject.close();
    });
    beforeEach(async () => {
      log = [];
      await write('subscription-contract/between', [{}]);
      from = { kind: 'after', value: endPosition - 1 };
      log = [];
    });

    it('deliver what there is, then what comes, to every kind of target, without gap or duplicate', async () => {
      await writeSome(12);
      await settled();
      const ones = [null, ...FILTERS].map((filter) => toAll(filter));
      await Promise.all(ones.map((one) => one.pullUntil('caught-up')));
      for (const one of ones) expect(one.positions).toEqual(one.wanted);
      await writeSome(12);
      await Promise.all(ones.map((one) => one.pullAll()));
      for (const one of ones) {
        expect(one.wanted.length).toBeGreaterThan(0);
        expect(one.kinds.filter((kind) => kind === 'caught-up')).toHaveLength(1);
      }
      closeAll(ones);
    });

    it('come up to the live events while appends go on', async () => {
      await writeSome(30);
      const writing = new AbortController();
      const ones = [null, ...FILTERS].map((filter) => toAll(filter));
      const live = Promise.all(ones.map((one) => one.pullUntil('caught-up'))).then(() => {
        writing.abort();
      });
      while (!writing.signal.aborted) await writeSome(4);
      await live;
      await Promise.all(ones.map((one) => one.pullAll()));
      for (const one of ones) expect(one.positions).toEqual(one.wanted);
      closeAll(ones);
    });

    it('to a stream begin at its first event, after a revision, or at the end', async () => {
      const streamId = `subscription-contract/own-${numbers}`;
      await write(streamId, [{}, {}, {}]);
      await settled();
      const starts: SubscriptionStart[] = [{ kind: 'beginning' }, { kind: 'after', value: 1 }, end];
      const ones = starts.map((start) => subscribe({ kind: 'stream', streamId, start }));
      await Promise.all(ones.map((one) => one.pullUntil('caught-up')));
      await write('subscription-contract/a', [{}]);
      await write(streamId, [{}, {}]);
      await Promise.all(ones.map((one) => one.pullAll()));
      expect(ones.map((one) => one.positions.length)).toEqual([5, 3, 2]);
      closeAll(ones);
    });

    it('to a stream that does not exist yet wait for it', async () => {
      const streamId = `subscription-contract/later-${numbers}`;
      const one = subscribe({ kind: 'stream', streamId, start: { kind: 'beginning' } });
      await one.pullUntil('caught-up');
      await write(streamId, [{}, {}]);
      await one.pullAll();
      expect(one.positions).toHaveLength(2);
      closeAll([one]);
    });

    it('from the end deliver what comes after they were confirmed, however late it is asked for', async () => {
      await writeSome(3);
      await settled();
      const ones = [toAll(null, end), toAll(nth(FILTERS, 0), end)];
      for (const one of ones) expect(await one.pull()).toMatchObject({ kind: 'confirmed' });
      const before = log.length;
      await writeSome(8);
      await Promise.all(ones.map((one) => one.pullAll()));
      expect(ones[0]?.positions).toHaveLength(log.length - before);
      closeAll(ones);
    });

    it('tell how far they looked while nothing matches', async () => {
      await settled();
      const none: Filter = { kind: 'type-prefix', prefix: 'subscription-contract-none' };
      const one = toAll(none);
      await one.pullUntil('caught-up');
      await write('subscription-contract/a', [{}, {}]);
      // It may come in two steps, as the position moves.
      for (;;) {
        const message = await one.pullUntil('checkpoint');
        if (message.kind === 'checkpoint' && message.position === endPosition - 1) break;
      }
      expect(one.positions).toEqual([]);
      closeAll([one]);
    });

    it('can be taken up again after the last position told, with nothing lost or twice', async () => {
      await writeSome(20);
      const filter = nth(FILTERS, 3);
      const first = toAll(filter);
      await first.pullUntil('events');
      const last = nth(first.positions, first.positions.length - 1);
      closeAll([first]);
      await writeSome(5);
      const second = toAll(filter, { kind: 'after', value: last });
      await second.pullAll();
      expect([...first.positions, ...second.positions]).toEqual(toAll(filter).wanted);
      closeAll([second]);
    });

    it('lose nothing for a consumer that asks late', async () => {
      const one = toAll(null);
      await one.pullUntil('caught-up');
      for (let n = 0; n < 40; n++) await write('subscription-contract/a', [{ data: new Uint8Array(50_000) }]);
      await one.pullAll();
      expect(one.positions).toHaveLength(40);
      closeAll([one]);
    });

    it('with a pattern that is not RE2 are refused, naming the field', async () => {
      const target = { kind: 'all', filter: { kind: 'stream-regex', pattern: '(' }, start: end } as const;
      const messages = subject.client.subscribe(target, SIGNAL)[Symbol.asyncIterator]();
      await expect(messages.next()).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'filter.stream_regex' },
      });
    });

    it('end when the caller aborts', async () => {
      const one = toAll(null);
      await one.pullUntil('caught-up');
      const pull = one.pull();
      one.abort.abort(new Error('enough'));
      expect(await pull).toBeNull();
      expect(one.failure).not.toBeNull();
    });
  });
}
