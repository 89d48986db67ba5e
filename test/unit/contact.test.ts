// What a member that knows no leader still does for clients: when it counts as out of touch, and which calls end then.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaderContact } from '../../src/cli/serve/leader-contact.ts';
import type { ContactState } from '../../src/pipeline/contact.ts';
import { createPipeline } from '../../src/pipeline/create-pipeline.ts';
import type { ComposedPipeline } from '../../src/pipeline/create-pipeline.ts';
import type { AllRead, ReadConsistency, SubscriptionStart } from '../../src/pipeline/event-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { collectEvents } from '../support/decoded-batch.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { storeWith } from '../support/store-with.ts';
import { StoreWriter } from '../support/store-writer.ts';

const never = new AbortController().signal;
const electionMillis = 1_000;
const notServing = { code: 'NOT_SERVING', retryable: true, details: { reason: 'this member knows no leader' } };

let clock: ManualClock;
let contact: LeaderContact;
let states: ContactState[];

beforeEach(() => {
  clock = new ManualClock();
  contact = new LeaderContact(clock, electionMillis);
  states = [];
  contact.onChange(() => states.push(contact.state));
});

describe('the contact of a member', () => {
  it('is in doubt after two election timeouts without a leader, and lost after five: both sides', () => {
    contact.look(true);
    clock.advance(60_000);
    contact.look(false);
    clock.advance(1_999);
    expect(states).toEqual([]);
    clock.advance(1);
    expect(states).toEqual(['doubtful']);
    clock.advance(2_999);
    expect(states).toEqual(['doubtful']);
    clock.advance(1);
    expect(states).toEqual(['doubtful', 'lost']);
    contact.look(true);
    expect(states).toEqual(['doubtful', 'lost', 'in-touch']);
  });

  it('counts from the start of a member that has known none, and from the newest loss', () => {
    clock.advance(2_000);
    expect(states).toEqual(['doubtful']);
    contact.look(true);
    contact.look(false);
    clock.advance(1_000);
    contact.look(false);
    clock.advance(999);
    expect(states).toEqual(['doubtful', 'in-touch']);
    contact.look(true);
    clock.advance(60_000);
    expect(states).toEqual(['doubtful', 'in-touch']);
  });

  it('is not lost before five seconds, however short elections are, nor before five long elections', () => {
    for (const [election, lost] of [
      [100, 5_000],
      [60_000, 300_000],
    ] as const) {
      const one = new LeaderContact(clock, election);
      clock.advance(lost - 1);
      expect(one.state).toBe('doubtful');
      clock.advance(1);
      expect(one.state).toBe('lost');
    }
  });
});

describe('a member without a leader', () => {
  let store: MemoryStore;
  let pipeline: ComposedPipeline;
  beforeEach(async () => {
    store = await MemoryStore.open();
    await new StoreWriter(store).write({ streamId: 's', events: [{}, {}] });
    const stuck = storeWith(store, { readBarrier: () => new Promise<void>(() => undefined) });
    pipeline = createPipeline(stuck, { clock, contact });
    contact.look(true);
  });
  afterEach(async () => {
    await pipeline.stop();
    await store.close();
  });

  const read = (consistency: ReadConsistency): Promise<unknown> => {
    const all: AllRead = { direction: 'forwards', from: null, limit: null, filter: null, consistency };
    return collectEvents(pipeline.readAll(all, never)).catch((error: unknown) => error);
  };
  const subscribe = (start: SubscriptionStart) =>
    pipeline.subscribe({ kind: 'all', filter: null, start }, never)[Symbol.asyncIterator]();
  const fresh: readonly ReadConsistency[] = [{ kind: 'linearizable' }, { kind: 'at-least', position: 2 }];

  it.each(fresh)('ends the reads that wait for others, and refuses further ones: $kind', async (consistency) => {
    contact.look(false);
    const waiting = read(consistency);
    clock.advance(1_999);
    expect(pipeline.reads.active).toBe(1);
    clock.advance(1);
    expect(await waiting).toMatchObject(notServing);
    expect(await read(consistency)).toMatchObject(notServing);
    const page = pipeline.listStreams({ prefix: '', after: null, limit: 1, consistency }, never);
    await expect(page).rejects.toMatchObject(notServing);
    expect(pipeline.reads.active).toBe(0);
    // In touch again, it waits again.
    contact.look(true);
    const later = read(consistency);
    expect(pipeline.reads.active).toBe(1);
    clock.advance(10_000);
    expect(await later).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('goes on with reads that need nobody else', async () => {
    clock.advance(60_000);
    contact.look(false);
    clock.advance(60_000);
    expect(contact.state).toBe('lost');
    expect(await read({ kind: 'local' })).toHaveLength(2);
    expect(await read({ kind: 'at-least', position: 1 })).toHaveLength(2);
  });

  it('keeps its subscriptions through an election, and ends them once it is lost', async () => {
    const standing = subscribe({ kind: 'beginning' });
    for (const kind of ['confirmed', 'events', 'caught-up']) {
      expect((await standing.next()).value).toMatchObject({ kind });
    }
    const next = standing.next().catch((error: unknown) => error);
    contact.look(false);
    const fromEnd = subscribe({ kind: 'end' })
      .next()
      .catch((error: unknown) => error);
    clock.advance(4_999);
    expect(await fromEnd).toMatchObject(notServing);
    expect(pipeline.subscriptions.gauges().subscribers).toBe(1);
    clock.advance(1);
    expect(await next).toMatchObject(notServing);
    expect(pipeline.subscriptions.gauges().subscribers).toBe(0);
    await expect(subscribe({ kind: 'beginning' }).next()).rejects.toMatchObject(notServing);
    contact.look(true);
    expect((await subscribe({ kind: 'beginning' }).next()).value).toMatchObject({ kind: 'confirmed' });
  });
});
