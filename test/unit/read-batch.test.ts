// Batches: what is put together from stored bytes, with little room, decodes to the events asked for.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { BatchBuilder } from '../../src/pipeline/read/batch-builder.ts';
import { extendRuns, selectRuns } from '../../src/pipeline/read/selection.ts';
import { compileFilter, matchesFilter } from '../../src/domain/compiled-filter.ts';
import type { EventBatch } from '../../src/pipeline/event-pipeline.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { StoredAppend } from '../../src/storage/stored-append.ts';
import { decodeBatch } from '../support/decoded-batch.ts';
import { proposed } from '../support/events.ts';
import { nth } from '../support/nth.ts';

/** One stored append for each list of data sizes. */
function stored(sizes: readonly (readonly number[])[], types: readonly string[] = ['t']): readonly StoredAppend[] {
  let position = 0;
  return encodeGroup(
    sizes.map((events, n) => {
      const firstPosition = position;
      position += events.length;
      const streamId = `s-${n}`;
      return {
        streamId,
        streamNumber: firstPosition,
        firstRevision: 7,
        firstPosition,
        createdAt: 5,
        events: events.map((size, i) =>
          proposed(firstPosition + i, {
            data: new Uint8Array(size),
            type: nth(types, (firstPosition + i) % types.length),
          }),
        ),
      };
    }),
  ).appends;
}

const sizes = fc.array(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 8 }), {
  minLength: 1,
  maxLength: 6,
});

function forwards(builder: BatchBuilder, appends: readonly StoredAppend[]): EventBatch[] {
  const batches: (EventBatch | null)[] = [];
  for (const append of appends) {
    let from = 0;
    while (from < append.count) {
      from = builder.add(append, from, append.count);
      if (builder.isFull()) batches.push(builder.take());
    }
  }
  batches.push(builder.take());
  return batches.filter((batch) => batch !== null);
}

function backwards(builder: BatchBuilder, appends: readonly StoredAppend[]): EventBatch[] {
  const batches: (EventBatch | null)[] = [];
  for (const append of appends.toReversed()) {
    let to = append.count;
    while (to > 0) {
      to = builder.addReversed(append, 0, to);
      if (builder.isFull()) batches.push(builder.take());
    }
  }
  batches.push(builder.take());
  return batches.filter((batch) => batch !== null);
}

describe('BatchBuilder', () => {
  it('gives every event once and in order, in batches within the bound unless one event is larger', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 1500 }), fc.boolean(), (lists, bound, reversed) => {
        const appends = stored(lists);
        const batches = (reversed ? backwards : forwards)(new BatchBuilder(bound), appends);
        const positions = batches.flatMap((batch) => decodeBatch(batch).map((event) => event.position));
        const all = appends.flatMap((a) => Array.from({ length: a.count }, (_, i) => a.firstPosition + i));
        expect(positions).toEqual(reversed ? all.toReversed() : all);
        for (const batch of batches) if (batch.count > 1) expect(batch.wire.length).toBeLessThanOrEqual(bound);
        // And none is smaller than it has to be: its successor's first event would not have fitted.
        batches.slice(1).forEach((batch, i) => {
          const first = nth(decodeBatch(batch), 0);
          const owner = nth(
            appends.filter((a) => first.position < a.firstPosition + a.count),
            0,
          );
          const ordinal = first.position - owner.firstPosition;
          expect(nth(batches, i).wire.length + owner.wireLength(ordinal, ordinal + 1)).toBeGreaterThan(bound);
        });
      }),
    );
  });

  it('passes on the stored bytes themselves when they fill a batch alone, and copies only to join', () => {
    const pair = stored([[10, 20], [30]]);
    const first = nth(pair, 0);
    const second = nth(pair, 1);
    const builder = new BatchBuilder(10_000);
    builder.add(first, 0, 2);
    expect(builder.take()?.wire.buffer).toBe(first.bytes.buffer);
    builder.add(first, 1, 2);
    builder.add(second, 0, 1);
    const joined = builder.take();
    expect(joined?.wire.buffer).not.toBe(first.bytes.buffer);
    expect(joined?.count).toBe(2);
    expect(builder.take()).toBeNull();
  });

  it('fills a batch to its last byte: both sides', () => {
    const append = nth(stored([[50, 50, 50]]), 0);
    const two = append.wireLength(0, 2);
    const exact = new BatchBuilder(two);
    expect(exact.add(append, 0, 3)).toBe(2);
    expect(exact.isFull()).toBe(true);
    const short = new BatchBuilder(two - 1);
    expect(short.add(append, 0, 3)).toBe(1);
    const tiny = new BatchBuilder(1);
    expect(tiny.add(append, 0, 3)).toBe(1);
  });
});

describe('selectRuns', () => {
  it('are the events that match, in order, as few runs as there can be', () => {
    const filters = [
      null,
      compileFilter({ kind: 'stream-prefix', prefix: 's-' }),
      compileFilter({ kind: 'stream-prefix', prefix: 'x' }),
      compileFilter({ kind: 'type-prefix', prefix: 'a' }),
      compileFilter({ kind: 'type-regex', pattern: '^b' }),
      compileFilter({ kind: 'query', query: { items: [{ types: ['ab', 'b'], tags: [] }] } }),
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...filters),
        fc.array(fc.constantFrom('a', 'ab', 'b', 'c'), { minLength: 1, maxLength: 12 }),
        fc.nat(12),
        fc.nat(12),
        (filter, types, from, to) => {
          const append = nth(stored([types.map(() => 1)], types), 0);
          const end = Math.min(to, append.count);
          const runs = selectRuns(append, from, end, filter);
          const expected: number[] = [];
          for (let ordinal = from; ordinal < end; ordinal++) {
            if (filter === null || matchesFilter(filter, append.facts(ordinal))) expected.push(ordinal);
          }
          const got: number[] = [];
          for (let pair = 0; pair < runs.length; pair += 2) {
            expect(nth(runs, pair)).toBeLessThan(nth(runs, pair + 1));
            if (pair > 0) expect(nth(runs, pair)).toBeGreaterThan(nth(runs, pair - 1));
            for (let ordinal = nth(runs, pair); ordinal < nth(runs, pair + 1); ordinal++) got.push(ordinal);
          }
          expect(got).toEqual(expected);
        },
      ),
    );
  });

  it('grow by neighbours and by gaps', () => {
    const runs: number[] = [];
    for (const ordinal of [0, 1, 2, 5, 7, 8]) extendRuns(runs, ordinal);
    expect(runs).toEqual([0, 3, 5, 6, 7, 9]);
  });
});
