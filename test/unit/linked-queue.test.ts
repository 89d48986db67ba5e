// The linked queue against an array.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinkedQueue } from '../../src/lib/linked-queue.ts';
import type { QueueItem } from '../../src/lib/linked-queue.ts';

class Item implements QueueItem<Item> {
  readonly bytes: number;
  previous: Item | null = null;
  next: Item | null = null;
  queue: LinkedQueue<Item> | null = null;

  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

describe('a linked queue', () => {
  it('does what an array does, and counts', () => {
    const step = fc.record({ kind: fc.constantFrom('push', 'putBack', 'shift', 'remove'), n: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new LinkedQueue<Item>();
        const model: Item[] = [];
        for (const { kind, n } of steps) {
          const item = new Item(n);
          if (kind === 'push') {
            queue.push(item);
            model.push(item);
          } else if (kind === 'putBack') {
            queue.putBack(item);
            model.unshift(item);
          } else if (kind === 'shift') {
            expect(queue.shift()).toBe(model.shift() ?? null);
          } else {
            const [removed] = model.splice(n % (model.length + 1), 1);
            if (removed !== undefined) queue.remove(removed);
          }
          expect(queue.first).toBe(model[0] ?? null);
          expect([queue.count, queue.bytes]).toEqual([model.length, model.reduce((sum, one) => sum + one.bytes, 0)]);
        }
        for (const item of model) expect(queue.shift()).toBe(item);
        expect(queue.shift()).toBeNull();
      }),
    );
  });

  it('takes an item once, and gives back only its own', () => {
    const [queue, other] = [new LinkedQueue<Item>(), new LinkedQueue<Item>()];
    const item = new Item(1);
    queue.push(item);
    expect(() => {
      other.push(item);
    }).toThrow('only one queue');
    expect(() => {
      other.remove(item);
    }).toThrow('only the queue it is in');
    expect([queue.has(item), other.has(item)]).toEqual([true, false]);
    queue.remove(item);
    other.putBack(item);
    expect(other.first).toBe(item);
  });
});
