// Subscriptions message by message: when each kind is sent, and what becomes of slow, idle, leaving and refused consumers.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Filter } from '../../src/domain/filter.ts';
import type { SubscriptionStart, SubscriptionTarget } from '../../src/pipeline/event-pipeline.ts';
import { createSubscriptions, type Subscriptions } from '../../src/pipeline/subscribe/create-subscriptions.ts';
import type { SubscriptionSettings } from '../../src/pipeline/subscribe/subscription-settings.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import type { Store } from '../../src/storage/store.ts';
import type { StoredAppend } from '../../src/storage/stored-append.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { nth } from '../support/nth.ts';
import { storeWith } from '../support/store-with.ts';
import { StoreWriter } from '../support/store-writer.ts';
import { Subscriber } from '../support/subscriber.ts';

const beginning: SubscriptionStart = { kind: 'beginning' };
const end: SubscriptionStart = { kind: 'end' };
const after = (value: number): SubscriptionStart => ({ kind: 'after', value });
const nothing: Filter = { kind: 'type-prefix', prefix: 'none' };

let store: MemoryStore;
let writer: StoreWriter;
let clock: ManualClock;
let subscriptions: Subscriptions;
let seen: { subscribers: number[]; fellBehind: number; depths: number[] };

beforeEach(async () => {
  store = await MemoryStore.open();
  writer = new StoreWriter(store);
  clock = new ManualClock();
  open();
});

afterEach(async () => {
  subscriptions.stop();
  await store.close();
});

function open(settings: Partial<SubscriptionSettings> = {}, over: Store = store): void {
  seen = { subscribers: [], fellBehind: 0, depths: [] };
  const observer = {
    subscribers: (count: number) => void seen.subscribers.push(count),
    fellBehind: () => void (seen.fellBehind += 1),
    queueDepth: (appends: number) => void seen.depths.push(appends),
  };
  subscriptions = createSubscriptions(over, { settings, clock, observer });
}

function subscriber(target: SubscriptionTarget): Subscriber {
  return new Subscriber(subscriptions, target, writer.log, () => store.appliedEnd);
}

const toAll = (start: SubscriptionStart = beginning, filter: Filter | null = null): Subscriber =>
  subscriber({ kind: 'all', filter, start });
const toStream = (streamId: string, start: SubscriptionStart = beginning): Subscriber =>
  subscriber({ kind: 'stream', streamId, start });

/** One append of `count` events. */
async function write(streamId: string, count = 1, type = 't'): Promise<void> {
  await writer.write({ streamId, events: Array.from({ length: count }, () => ({ type })) });
}

async function turnOfEventLoop(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** The subscriber asked, and waits for a message: `came` resolves when it does. */
async function waiting(one: Subscriber): Promise<{ came: Promise<unknown> }> {
  const came = one.pull();
  for (let n = 0; n < 5; n++) await turnOfEventLoop();
  expect(one.asking).toBe(true);
  return { came };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('not in time');
    await turnOfEventLoop();
  }
}

describe('the order of messages', () => {
  it('is confirmed, caught-up, events on an empty store', async () => {
    const one = toAll();
    expect(await one.pull()).toMatchObject({ kind: 'confirmed' });
    expect(await one.pull()).toEqual({ kind: 'caught-up', position: null });
    const pull = one.pull();
    await write('a', 2);
    expect(await pull).toMatchObject({ kind: 'events', batch: { count: 2, lastRevision: 1, lastPosition: 1 } });
  });

  it('is confirmed, events, caught-up when there is something', async () => {
    await write('a', 3);
    await write('b', 1);
    for (const one of [toAll(), toStream('a'), toAll(after(0), { kind: 'stream-prefix', prefix: 'a' })]) {
      await one.pullUntil('caught-up');
      expect(one.kinds).toEqual(['confirmed', 'events', 'caught-up']);
      expect(one.last).toEqual({ kind: 'caught-up', position: 3 });
      expect(one.positions).toEqual(one.wanted);
    }
  });

  it('has names that tell subscriptions apart', async () => {
    const names = await Promise.all([toAll().pull(), toAll().pull()]);
    expect(new Set(names.map((message) => (message?.kind === 'confirmed' ? message.subscriptionId : ''))).size).toBe(2);
  });
});

describe('where a subscription begins', () => {
  it('at the end: with exactly what comes after it was confirmed', async () => {
    await write('a', 2);
    const ones = [toAll(end), toStream('a', end), toAll(end, { kind: 'stream-prefix', prefix: 'a' })];
    for (const one of ones) expect(await one.pull()).toMatchObject({ kind: 'confirmed' });
    // Not asked again until much has happened.
    await write('a', 2);
    await write('b', 1);
    await write('a', 1);
    for (const one of ones) await one.pullAll();
    expect(ones.map((one) => one.positions)).toEqual([
      [2, 3, 4, 5],
      [2, 3, 5],
      [2, 3, 5],
    ]);
  });

  it('at the end: without what was acknowledged before, though it is applied here later', async () => {
    open({}, storeWith(store, { readBarrier: () => write('a', 2) }));
    const { signal } = new AbortController();
    for (const target of [
      { kind: 'all', filter: null, start: end },
      { kind: 'stream', streamId: 'a', start: end },
    ] as const) {
      const messages = subscriptions.subscribe(target, signal)[Symbol.asyncIterator]();
      const first = messages.next();
      expect((await first).value).toMatchObject({ kind: 'confirmed' });
      const before = store.appliedEnd;
      expect((await messages.next()).value).toEqual({ kind: 'caught-up', position: before - 1 });
      await write('a', 1);
      expect((await messages.next()).value).toMatchObject({
        kind: 'events',
        batch: { count: 1, lastPosition: before },
      });
      await messages.return?.();
    }
  });

  it('at the end: not at all when what was acknowledged cannot be known in time', async () => {
    const asked: AbortSignal[] = [];
    const readBarrier = (signal: AbortSignal): Promise<void> => {
      asked.push(signal);
      return new Promise(() => undefined);
    };
    open({ endWaitMillis: 3000 }, storeWith(store, { readBarrier }));
    const one = toAll(end);
    const { came } = await waiting(one);
    clock.advance(3000);
    await came;
    expect(one.failure).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const two = toAll(end);
    const gone = await waiting(two);
    two.abort.abort(new Error('gone'));
    await gone.came;
    expect(two.failure?.message).toBe('gone');
    expect(asked.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(subscriptions.gauges().subscribers).toBe(0);
    // Whoever says where to begin does not depend on it.
    for (const start of [beginning, after(0)]) expect(await toAll(start).pull()).toMatchObject({ kind: 'confirmed' });
  });

  it('at the end of a stream that does not exist yet', async () => {
    await write('b', 1);
    const one = toStream('a', end);
    await one.pullUntil('caught-up');
    await write('a', 2);
    await one.pullAll();
    expect(one.positions).toEqual([1, 2]);
  });

  it('after a place inside an append, and after one that is not there yet', async () => {
    await write('a', 5);
    const ones = [toAll(after(2)), toStream('a', after(2)), toAll(after(6)), toStream('a', after(6))];
    for (const one of ones) await one.pullUntil('caught-up');
    await write('a', 4);
    for (const one of ones) await one.pullAll();
    expect(ones.map((one) => one.positions)).toEqual([
      [3, 4, 5, 6, 7, 8],
      [3, 4, 5, 6, 7, 8],
      [7, 8],
      [7, 8],
    ]);
  });

  it('never tells a place before the one that was asked for', async () => {
    await write('a', 1);
    const one = toAll(after(9));
    expect(await one.pullUntil('caught-up')).toEqual({ kind: 'caught-up', position: 9 });
    const { came } = await waiting(one);
    await write('a', 5);
    clock.advance(20_000);
    await turnOfEventLoop();
    expect(one.asking).toBe(true);
    await write('a', 5);
    await came;
    expect(one.positions).toEqual([10]);
  });
});

describe('batches', () => {
  it('split large appends, from the store and live', async () => {
    open({ maxBatchBytes: 250 });
    await write('a', 40);
    const one = toAll();
    await one.pullUntil('caught-up');
    const fromStore = one.kinds.length;
    expect(fromStore).toBeGreaterThan(10);
    await write('a', 40);
    await one.pullAll();
    expect(one.kinds.length).toBeGreaterThan(fromStore + 8);
    expect(one.positions).toHaveLength(80);
  });

  it('join small appends that waited', async () => {
    const one = toAll();
    await one.pullUntil('caught-up');
    for (let n = 0; n < 10; n++) await write('a', 1);
    expect(await one.pull()).toMatchObject({ kind: 'events', batch: { count: 10 } });
  });
});

describe('checkpoints', () => {
  it('come at the interval when the position moved and nothing matches, once each', async () => {
    open({ checkpointMillis: 1600 });
    const ones = [toAll(beginning, nothing), toStream('idle')];
    for (const one of ones) await one.pullUntil('caught-up');
    const pulls = ones.map((one) => one.pull());
    await turnOfEventLoop();
    clock.advance(5000);
    await turnOfEventLoop();
    expect(ones.map((one) => one.asking)).toEqual([true, true]);
    await write('a', 3);
    clock.advance(1600);
    for (const pull of pulls) expect(await pull).toEqual({ kind: 'checkpoint', position: 2 });
    const again = ones.map((one) => one.pull());
    clock.advance(5000);
    await turnOfEventLoop();
    expect(ones.map((one) => one.asking)).toEqual([true, true]);
    await write('a', 1);
    clock.advance(1600);
    for (const pull of again) expect(await pull).toEqual({ kind: 'checkpoint', position: 3 });
  });

  it('come after so many positions while nothing matches, without time passing', async () => {
    open({ checkpointPositions: 32 });
    const one = toAll(beginning, nothing);
    await one.pullUntil('caught-up');
    const pull = one.pull();
    for (let n = 0; n < 8; n++) await write('a', 4);
    const message = await pull;
    expect(message?.kind).toBe('checkpoint');
    // Asked late: what is due is sent at once.
    for (let n = 0; n < 8; n++) await write('a', 4);
    expect(await one.pull()).toEqual({ kind: 'checkpoint', position: 63 });
  });

  it('come while the store is read and nothing matches', async () => {
    for (let n = 0; n < 50; n++) await write('a', 10);
    open({ checkpointPositions: 100 }, storeWith(store, { readAll: (from) => oneByOne(store, from) }));
    const one = toAll(beginning, nothing);
    await one.pullUntil('caught-up');
    const checkpoints = one.kinds.filter((kind) => kind === 'checkpoint');
    expect(checkpoints).toHaveLength(5);
    expect(one.kinds.at(-1)).toBe('caught-up');
  });

  it('do not come to who has everything', async () => {
    open({ checkpointMillis: 1600, checkpointPositions: 1 });
    const one = toAll();
    await one.pullUntil('caught-up');
    await write('a', 3);
    await one.pullAll();
    const { came } = await waiting(one);
    clock.advance(10_000);
    await turnOfEventLoop();
    expect(one.asking).toBe(true);
    await write('a', 1);
    await came;
    expect(one.kinds).not.toContain('checkpoint');
  });
});

/** The store's appends in chunks of one, as a store with large appends has them. */
async function* oneByOne(inner: Store, from: number): AsyncGenerator<readonly StoredAppend[]> {
  for await (const chunk of inner.readAll(from, 'forwards')) for (const append of chunk) yield [append];
}

describe('a slow consumer', () => {
  it('falls behind when its queue is full, is told once, and reads on from the store', async () => {
    open({ queueAppends: 3 });
    const one = toAll();
    await one.pullUntil('caught-up');
    for (let n = 0; n < 3; n++) await write('a', 2);
    expect(subscriptions.gauges()).toMatchObject({ attached: 1, deepestAppends: 3 });
    expect(seen.fellBehind).toBe(0);
    await write('a', 2);
    expect(seen.fellBehind).toBe(1);
    expect(subscriptions.gauges()).toMatchObject({ attached: 0, deepestAppends: 0, deepestBytes: 0 });
    for (let n = 0; n < 10; n++) await write('a', 2);
    expect(await one.pull()).toEqual({ kind: 'fell-behind', position: null });
    await one.pullUntil('caught-up');
    expect(one.positions).toHaveLength(28);
    expect(one.kinds.slice(2)).toEqual(['fell-behind', 'events', 'caught-up']);
    expect(seen.fellBehind).toBe(1);
  });

  it('is told the last position it was given, also inside an append', async () => {
    open({ queueAppends: 1, maxBatchBytes: 300 });
    const one = toAll();
    await one.pullUntil('caught-up');
    await write('a', 10);
    await one.pull();
    const given = one.positions.length;
    expect(given).toBeLessThan(10);
    await write('a', 1);
    expect(await one.pull()).toEqual({ kind: 'fell-behind', position: given - 1 });
    await one.pullAll();
    expect(one.positions).toHaveLength(11);
  });

  it('gives up what is older than the window, so that all of them together are bounded', async () => {
    open({ windowBytes: 20_000, queueAppends: 1000 });
    const ones = [toAll(), toAll(beginning, { kind: 'stream-prefix', prefix: 'a' })];
    for (const one of ones) await one.pullUntil('caught-up');
    await write('a', 1);
    // Nothing for the second, but what it holds grows old.
    for (let n = 0; seen.fellBehind < 2; n++) {
      expect(n).toBeLessThan(100);
      await writer.write({ streamId: 'b', events: [{ data: new Uint8Array(2000) }] });
    }
    expect(subscriptions.gauges()).toMatchObject({ attached: 0, deepestAppends: 0 });
    for (const one of ones) {
      expect(await one.pull()).toMatchObject({ kind: 'fell-behind' });
      await one.pullUntil('caught-up');
      expect(one.positions).toEqual(one.wanted);
    }
  });

  it('that stops asking while the store is read lets go of its snapshot, and goes on later', async () => {
    for (let n = 0; n < 20; n++) await write('a', 1);
    let held = 0;
    const counting = storeWith(store, {
      readAll: async function* (from) {
        held += 1;
        try {
          for await (const chunk of oneByOne(store, from)) yield chunk;
        } finally {
          held -= 1;
        }
      },
    });
    open({ checkpointMillis: 1600, attachWithin: 1 }, counting);
    const one = toAll();
    await one.pull();
    await one.pull();
    expect(held).toBe(1);
    clock.advance(1600);
    expect(held).toBe(1);
    clock.advance(1600);
    await until(() => held === 0);
    await one.pullAll();
    expect(one.positions).toHaveLength(20);
  });

  it('is seen in the queue depths', async () => {
    open({ checkpointMillis: 1600 });
    const one = toAll();
    await one.pullUntil('caught-up');
    for (let n = 0; n < 7; n++) await write('a', 1);
    clock.advance(1600);
    expect(Math.max(...seen.depths)).toBe(7);
  });
});

describe('the end of a subscription', () => {
  it('by abort while it waits, while it does not, and before it began', async () => {
    await write('a', 1);
    const [waits, idles, unborn, reads] = [toAll(), toAll(), toAll(), toStream('a')];
    await waits.pullUntil('caught-up');
    await idles.pullUntil('caught-up');
    await reads.pull();
    await write('a', 1);
    await waits.pullAll();
    const { came } = await waiting(waits);
    expect(subscriptions.gauges()).toMatchObject({ subscribers: 3, attached: 2, deepestAppends: 1 });
    for (const one of [waits, idles, unborn, reads]) one.abort.abort(new Error('gone'));
    expect(subscriptions.gauges()).toEqual({ subscribers: 0, attached: 0, deepestAppends: 0, deepestBytes: 0 });
    await came;
    for (const one of [idles, unborn, reads]) expect(await one.pull()).toBeNull();
    for (const one of [waits, idles, unborn, reads]) expect(one.failure?.message).toBe('gone');
    expect(seen.subscribers).toEqual([1, 2, 3, 2, 1, 0]);
  });

  it('by leaving the iteration', async () => {
    const one = toAll(beginning, { kind: 'type-regex', pattern: 'a' });
    await one.pullUntil('caught-up');
    await one.leave();
    expect(subscriptions.gauges()).toMatchObject({ subscribers: 0, attached: 0 });
  });

  it('is NOT_SERVING when the server stops, for those that stand and those that come', async () => {
    const [waits, idles] = [toAll(), toAll()];
    for (const one of [waits, idles]) await one.pullUntil('caught-up');
    await write('a', 1);
    await waits.pullAll();
    const { came } = await waiting(waits);
    subscriptions.stop();
    await came;
    const late = toAll();
    for (const one of [idles, late]) expect(await one.pull()).toBeNull();
    for (const one of [waits, idles, late]) expect(one.failure).toMatchObject({ code: 'NOT_SERVING' });
    expect(subscriptions.gauges()).toEqual({ subscribers: 0, attached: 0, deepestAppends: 0, deepestBytes: 0 });
  });

  it('is the failure of the store when it cannot be read', async () => {
    await write('a', 1);
    const failing = storeWith(store, {
      readAll: async function* () {
        await turnOfEventLoop();
        throw new Error('disk gone');
      },
    });
    open({}, failing);
    const one = toAll();
    await one.pull();
    expect(await one.pull()).toBeNull();
    expect(one.failure?.message).toBe('disk gone');
    expect(subscriptions.gauges()).toMatchObject({ subscribers: 0 });
  });
});

describe('what is refused', () => {
  it('is more subscriptions than allowed: both sides, and one that ends makes room', async () => {
    open({ maxSubscriptions: 2 });
    const [first, second, third, fourth] = [toAll(), toAll(), toAll(), toAll()];
    await first.pull();
    await second.pull();
    expect(await third.pull()).toBeNull();
    expect(third.failure).toMatchObject({ code: 'OVERLOADED', details: { queue: 'subscriptions', limit: 2 } });
    first.abort.abort(new Error('gone'));
    expect(await fourth.pull()).toMatchObject({ kind: 'confirmed' });
  });

  it('is a filter that cannot be compiled', async () => {
    // Subscriber compiles the filter too, so this one is asked for directly.
    const filter: Filter = { kind: 'type-regex', pattern: '(' };
    const messages = subscriptions.subscribe({ kind: 'all', filter, start: end }, new AbortController().signal);
    await expect(messages[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'filter.type_regex' },
    });
    expect(subscriptions.gauges().subscribers).toBe(0);
  });

  it('is more regular expressions than all events can afford: both sides; the same one again costs nothing', async () => {
    open({ maxRegexInstructions: 12 });
    const regex = (pattern: string): Subscriber => toAll(beginning, { kind: 'type-regex', pattern });
    const ones = [regex('abc'), regex('abc'), regex('abd')];
    for (const one of ones) expect(await one.pull()).toMatchObject({ kind: 'confirmed' });
    const more = regex('abe');
    expect(await more.pull()).toBeNull();
    expect(more.failure).toMatchObject({ code: 'OVERLOADED', details: { queue: 'regular expressions' } });
    nth(ones, 2).abort.abort(new Error('gone'));
    expect(await regex('abe').pull()).toMatchObject({ kind: 'confirmed' });
  });
});
