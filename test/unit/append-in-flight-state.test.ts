// The in-flight state against a plain list of what is in flight.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecidedAppend } from '../../src/domain/append.ts';
import { InFlightState } from '../../src/pipeline/append/in-flight-state.ts';
import { eventId, proposed } from '../support/events.ts';

interface Planned {
  readonly streamId: string;
  readonly count: number;
  readonly closes: boolean;
  /** Drops, after this append, what ends at or below this share of what is closed. */
  readonly drop: number | null;
}

const plan: fc.Arbitrary<Planned[]> = fc.array(
  fc.record({
    streamId: fc.constantFrom('a', 'b', 'hot', 'hot', 'hot'),
    count: fc.integer({ min: 1, max: 12 }),
    closes: fc.boolean(),
    drop: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null, freq: 3 }),
  }),
  { maxLength: 30 },
);

describe('the in-flight state', () => {
  it('knows heads, ids, places and matches of exactly what is not dropped', () => {
    fc.assert(
      fc.property(plan, (steps) => {
        const state = new InFlightState({ nextPosition: 100, lastCreatedAt: 7 });
        let list: DecidedAppend[] = [];
        const revisions = new Map<string, number>();
        const closedEnds = [100];
        let dropped = 100;
        for (const { streamId, count, closes, drop } of steps) {
          const firstPosition = state.nextPosition;
          const firstRevision = revisions.get(streamId) ?? 0;
          const events = Array.from({ length: count }, (_, n) =>
            proposed(firstPosition + n, { type: `t${(firstPosition + n) % 3}`, tags: [`g${(firstPosition + n) % 5}`] }),
          );
          const decided = { streamId, streamNumber: 1, firstRevision, firstPosition, createdAt: 8, events };
          state.add(decided);
          list.push(decided);
          revisions.set(streamId, firstRevision + count);
          if (closes) {
            state.closeGroup(1000);
            closedEnds.push(state.nextPosition);
          }
          if (drop !== null) {
            // Anything up to the end of what is closed may be applied; only whole groups leave.
            const applied = Math.floor(dropped + drop * ((closedEnds.at(-1) ?? 0) - dropped));
            state.dropApplied(applied);
            dropped = closedEnds.findLast((end) => end <= applied) ?? dropped;
            list = list.filter((one) => one.firstPosition >= dropped);
          }
          check(state, list);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('lets go of everything once it is applied', () => {
    const state = new InFlightState({ nextPosition: 0, lastCreatedAt: 0 });
    for (let n = 0; n < 50; n++) {
      const place = { streamNumber: 0, firstRevision: n, firstPosition: n, createdAt: 1 };
      state.add({ streamId: 's', ...place, events: [proposed(n)] });
      state.closeGroup(10);
    }
    expect([state.unappliedBytes, state.oldestEnd]).toEqual([500, 1]);
    state.dropApplied(30);
    expect([state.unappliedBytes, state.oldestEnd]).toEqual([200, 31]);
    state.dropApplied(50);
    expect([state.unappliedBytes, state.oldestEnd, state.stream('s')]).toEqual([0, 50, undefined]);
  });
});

function check(state: InFlightState, list: readonly DecidedAppend[]): void {
  for (const streamId of ['a', 'b', 'hot']) {
    const mine = list.filter((one) => one.streamId === streamId);
    const stream = state.stream(streamId);
    const last = mine.at(-1);
    if (last === undefined) {
      expect(stream).toBeUndefined();
      continue;
    }
    expect(stream?.head).toEqual({
      streamNumber: 1,
      lastRevision: last.firstRevision + last.events.length - 1,
      lastPosition: last.firstPosition + last.events.length - 1,
    });
    for (const { firstRevision, firstPosition, events } of mine) {
      for (const [n, event] of events.entries()) {
        expect(stream?.revisionOf(event.id)).toBe(firstRevision + n);
        expect(stream?.positionOf(firstRevision + n)).toBe(firstPosition + n);
      }
    }
    expect(stream?.positionOf((mine[0]?.firstRevision ?? 0) - 1)).toBeUndefined();
    expect(stream?.revisionOf(eventId((mine[0]?.firstPosition ?? 0) - 1))).toBeUndefined();
  }
  const events = list.flatMap((one) => one.events.map((event, n) => ({ event, position: one.firstPosition + n })));
  for (const item of [
    { types: ['t1'], tags: [] },
    { types: [], tags: ['g2'] },
    { types: ['t0', 't2'], tags: ['g4'] },
  ]) {
    const middle = events[Math.floor(events.length / 2)]?.position ?? 0;
    for (const afterPosition of [null, middle]) {
      const found = state.conditionMatch({ query: { items: [item] }, afterPosition });
      const matching = events.filter(
        ({ event, position }) =>
          position > (afterPosition ?? -1) &&
          (item.types.length === 0 || item.types.includes(event.type)) &&
          item.tags.every((tag) => event.tags.includes(tag)),
      );
      if (matching.length === 0) expect(found).toBeNull();
      else expect(matching.map(({ position }) => position)).toContain(found);
    }
  }
}
