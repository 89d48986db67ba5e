// Many subscriptions of all kinds, pulled at random speeds while appends happen, falling behind, leaving: each sees exactly
// what a naive filter over the log gives. SUBSCRIPTION_SEED repeats a run; SUBSCRIPTION_ROUNDS sets how many.
import { describe, expect, it } from 'vitest';
import type { Filter } from '../../src/domain/filter.ts';
import { createSubscriptions } from '../../src/pipeline/subscribe/create-subscriptions.ts';
import type { SubscriptionStart, SubscriptionTarget } from '../../src/pipeline/event-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { SeededRandom } from '../simulation/random.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { nth } from '../support/nth.ts';
import { StoreWriter, type Written } from '../support/store-writer.ts';
import { Subscriber } from '../support/subscriber.ts';

const streams = ['order-1', 'order-2', 'order-30', 'cart-1', 'é', 'idle'];
const types = ['placed', 'paid', 'shipped', 'rare'];
const tags = ['a', 'b', 'c'];
const filters: readonly Filter[] = [
  { kind: 'stream-prefix', prefix: 'order-' },
  { kind: 'stream-prefix', prefix: 'order-3' },
  { kind: 'stream-prefix', prefix: 'nothing' },
  { kind: 'stream-regex', pattern: '-[0-9]$' },
  { kind: 'type-prefix', prefix: 'p' },
  { kind: 'type-regex', pattern: '^rare$' },
  {
    kind: 'query',
    query: {
      items: [
        { types: ['paid'], tags: ['a'] },
        { types: [], tags: ['b', 'c'] },
      ],
    },
  },
  { kind: 'query', query: { items: [{ types: ['rare', 'shipped'], tags: [] }] } },
  { kind: 'query', query: { items: [{ types: [], tags: ['never'] }] } },
];

function pick<T>(random: SeededRandom, list: readonly T[]): T {
  return nth(list, random.below(list.length));
}

function randomTarget(random: SeededRandom, end: number): SubscriptionTarget {
  const start: SubscriptionStart = nth<() => SubscriptionStart>(
    [() => ({ kind: 'beginning' }), () => ({ kind: 'end' }), () => ({ kind: 'after', value: random.below(end + 8) })],
    random.below(3),
  )();
  if (random.below(3) === 0) return { kind: 'stream', streamId: pick(random, streams), start };
  return { kind: 'all', filter: random.below(4) === 0 ? null : pick(random, filters), start };
}

function randomAppend(random: SeededRandom): Written {
  // The last stream is hardly ever written to.
  const streamId = nth(streams, random.below(random.below(20) === 0 ? streams.length : streams.length - 1));
  const count = random.below(8) === 0 ? 30 : random.between(1, 4);
  const events = Array.from({ length: count }, () => ({
    type: pick(random, random.below(10) === 0 ? types : types.slice(0, 3)),
    tags: tags.filter(() => random.below(2) === 0),
  }));
  return { streamId, events };
}

async function round(seed: number): Promise<{ fellBehind: number; checkpoints: number; delivered: number }> {
  const random = new SeededRandom(seed, 'subscriptions');
  const store = await MemoryStore.open();
  const writer = new StoreWriter(store);
  const clock = new ManualClock();
  let fellBehind = 0;
  const settings = {
    queueAppends: random.between(1, 8),
    queueBytes: random.between(500, 6000),
    windowBytes: random.between(4000, 60_000),
    checkpointPositions: random.between(1, 60),
    checkpointMillis: 1600,
    attachWithin: random.between(1, 40),
    maxBatchBytes: random.between(100, 2000),
  };
  const observer = {
    subscribers: () => undefined,
    queueDepth: () => undefined,
    fellBehind: () => void (fellBehind += 1),
  };
  const subscriptions = createSubscriptions(store, { settings, clock, observer });
  const all: Subscriber[] = [];
  const pulls: Promise<unknown>[] = [];
  let largestGroup = 0;
  store.onApplied((appends) => (largestGroup = Math.max(largestGroup, nth(appends, 0).bytes.buffer.byteLength)));

  for (let step = 0; step < 250; step++) {
    const choice = random.below(20);
    if (choice < 5) await writer.write(...Array.from({ length: random.between(1, 4) }, () => randomAppend(random)));
    else if (choice < 6 && all.length < 40) {
      const target = randomTarget(random, writer.log.length);
      all.push(new Subscriber(subscriptions, target, writer.log, () => store.appliedEnd));
    } else if (choice < 7) clock.advance(random.between(1, 1000));
    else if (choice < 8) await new Promise((resolve) => setImmediate(resolve));
    else if (all.length > 0) {
      // The first ones are asked often, the last ones seldom.
      const subscriber = nth(all, Math.min(random.below(all.length), random.below(all.length)));
      if (!subscriber.asking) pulls.push(subscriber.pull());
      if (random.below(200) === 0) subscriber.abort.abort(new Error('left'));
    }
    const { deepestAppends, deepestBytes } = subscriptions.gauges();
    expect(deepestAppends).toBeLessThanOrEqual(settings.queueAppends);
    expect(deepestBytes).toBeLessThanOrEqual(Math.max(settings.queueBytes, largestGroup));
  }

  // Those that were asking get what comes now; then every other is pulled until it has everything.
  await writer.write(...streams.map((streamId) => ({ streamId, events: [{ type: 'rare', tags }] })));
  for (const subscriber of all) {
    if (subscriber.abort.signal.aborted) continue;
    while (subscriber.asking && !subscriber.complete) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!subscriber.asking) await subscriber.pullAll();
    expect(subscriber.positions).toEqual(subscriber.wanted);
  }
  const alive = all.filter((subscriber) => !subscriber.abort.signal.aborted);
  for (const subscriber of alive) subscriber.abort.abort(new Error('done'));
  await Promise.all(pulls);
  expect(subscriptions.gauges()).toEqual({ subscribers: 0, attached: 0, deepestAppends: 0, deepestBytes: 0 });
  for (const subscriber of all.filter((one) => one.failure !== null)) {
    expect(subscriber.failure?.message).toMatch(/^(left|done)$/);
  }
  await store.close();
  return {
    fellBehind,
    checkpoints: all.flatMap((one) => one.kinds).filter((kind) => kind === 'checkpoint').length,
    delivered: all.reduce((sum, one) => sum + one.positions.length, 0),
  };
}

describe('subscriptions at random', () => {
  it('see exactly what a naive filter over the log gives, within their bounds', async () => {
    const first = Number(process.env['SUBSCRIPTION_SEED'] ?? Date.now());
    const rounds = Number(
      process.env['SUBSCRIPTION_ROUNDS'] ?? (process.env['SUBSCRIPTION_SEED'] === undefined ? 60 : 1),
    );
    const total = { fellBehind: 0, checkpoints: 0, delivered: 0 };
    for (let seed = first; seed < first + rounds; seed++) {
      try {
        const seen = await round(seed);
        total.fellBehind += seen.fellBehind;
        total.checkpoints += seen.checkpoints;
        total.delivered += seen.delivered;
      } catch (error) {
        throw new Error(`SUBSCRIPTION_SEED=${seed}: ${String(error)}`, { cause: error });
      }
    }
    console.log(`seeds ${first} to ${first + rounds - 1}: ${JSON.stringify(total)}`);
    // The test is worth something only when all of this happened.
    if (rounds >= 20) for (const count of Object.values(total)) expect(count).toBeGreaterThan(rounds);
  });
});
