// The live queue: what comes out is what went in, in any batches; its counters are what it holds, and it stays within bounds.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { BatchBuilder } from '../../src/pipeline/read/batch-builder.ts';
import { LiveQueue } from '../../src/pipeline/subscribe/live-queue.ts';
import type { EncodedGroup } from '../../src/storage/group.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import { decodeBatch } from '../support/decoded-batch.ts';
import { proposed } from '../support/events.ts';
import { nth } from '../support/nth.ts';

/** Groups of appends of so many events each; positions are dense over all of them. */
function groups(shape: readonly (readonly number[])[]): readonly EncodedGroup[] {
  let position = 0;
  return shape.map((counts) =>
    encodeGroup(
      counts.map((count) => {
        const firstPosition = position;
        position += count;
        const events = Array.from({ length: count }, (_, i) => proposed(firstPosition + i));
        return { streamId: 's', streamNumber: 0, firstRevision: firstPosition, firstPosition, createdAt: 1, events };
      }),
    ),
  );
}

const all = (): number => 0;

describe('LiveQueue', () => {
  it('gives everything it took, in order, however large the batches are, and counts what it holds', () => {
    const shape = fc.array(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(shape, fc.infiniteStream(fc.nat(3)), fc.integer({ min: 1, max: 900 }), (counts, choices, room) => {
        const queue = new LiveQueue({ appends: 8, bytes: 4000 });
        const taken: number[] = [];
        const given: number[] = [];
        const held: { position: number; group: EncodedGroup }[] = [];
        const take = (): void => {
          const builder = new BatchBuilder(room);
          queue.moveTo(builder, all);
          const batch = builder.take();
          if (batch === null) return;
          given.push(...decodeBatch(batch).map((event) => event.position));
          while (held.length > 0 && nth(held, 0).position <= batch.lastPosition) held.shift();
        };
        for (const group of groups(counts)) {
          for (const append of group.appends) {
            while (choices.next().value === 0) take();
            const runs = append.count > 2 ? [0, 1, 2, append.count] : [0, append.count];
            const before = { length: queue.length, bytes: queue.bytes };
            if (queue.offer({ append, runs, age: 0 })) {
              const ordinals =
                append.count > 2 ? [0, ...Array.from({ length: append.count - 2 }, (_, i) => i + 2)] : null;
              const wanted = ordinals ?? Array.from({ length: append.count }, (_, i) => i);
              taken.push(...wanted.map((ordinal) => append.firstPosition + ordinal));
              held.push({ position: append.firstPosition + append.count - 1, group });
            } else {
              expect({ length: queue.length, bytes: queue.bytes }).toEqual(before);
              const full = before.length === 8;
              expect(full || before.bytes + group.bytes.buffer.byteLength > 4000).toBe(true);
            }
            expect(queue.length).toBe(held.length);
            expect(queue.length).toBeLessThanOrEqual(8);
            const distinct = new Set(held.map((one) => one.group.bytes.buffer));
            const bytes = [...distinct].reduce((sum, buffer) => sum + buffer.byteLength, 0);
            expect(queue.bytes).toBe(bytes);
            if (distinct.size > 1) expect(queue.bytes).toBeLessThanOrEqual(4000);
          }
        }
        while (queue.length > 0) take();
        expect(given).toEqual(taken);
        expect(queue.bytes).toBe(0);
        expect(queue.oldest).toBeNull();
      }),
    );
  });

  it('is bounded in appends: both sides', () => {
    const queue = new LiveQueue({ appends: 2, bytes: 1_000_000 });
    const appends = nth(groups([[1, 1, 1]]), 0).appends.map((append) => ({ append, runs: [0, 1], age: 0 }));
    expect(appends.map((events) => queue.offer(events))).toEqual([true, true, false]);
    expect(queue.length).toBe(2);
  });

  it('is bounded in the bytes it keeps alive: both sides, and takes one group of any size when it is empty', () => {
    const [first, second] = groups([[1], [1]]).map((group) => ({
      append: nth(group.appends, 0),
      runs: [0, 1],
      age: 0,
    }));
    if (first === undefined || second === undefined) throw new Error('two groups');
    const size = first.append.bytes.buffer.byteLength + second.append.bytes.buffer.byteLength;
    const exact = new LiveQueue({ appends: 10, bytes: size });
    expect([exact.offer(first), exact.offer(second)]).toEqual([true, true]);
    expect(exact.bytes).toBe(size);
    const short = new LiveQueue({ appends: 10, bytes: size - 1 });
    expect([short.offer(first), short.offer(second)]).toEqual([true, false]);
    const tiny = new LiveQueue({ appends: 10, bytes: 1 });
    expect(tiny.offer(first)).toBe(true);
    tiny.clear();
    expect([tiny.length, tiny.bytes]).toEqual([0, 0]);
  });

  it('skips what is below the lowest ordinal wanted', () => {
    const [group] = groups([[4, 3]]);
    if (group === undefined) throw new Error('one group');
    const queue = new LiveQueue({ appends: 10, bytes: 1_000_000 });
    for (const append of group.appends) queue.offer({ append, runs: [0, append.count], age: 0 });
    const builder = new BatchBuilder(1_000_000);
    queue.moveTo(builder, (append) => 5 - append.firstPosition);
    const batch = builder.take();
    expect(batch === null ? [] : decodeBatch(batch).map((event) => event.position)).toEqual([5, 6]);
  });
});
