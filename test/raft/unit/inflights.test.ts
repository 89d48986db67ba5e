// The in-flight window against a plain list.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inflights } from '../../../src/raft/inflights.ts';

describe('Inflights', () => {
  it('behaves like a list of what was sent and not acknowledged', () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), gap: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(30) }),
      fc.record({ kind: fc.constant('free' as const), back: fc.nat(12) }),
      fc.record({ kind: fc.constant('reset' as const) }),
    );
    const run = fc.array(operation, { maxLength: 80 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(Infinity, 40, 1),
        run,
        (size, maxBytes, operations) => {
          const window = new Inflights(size, maxBytes);
          let model: { index: number; bytes: number }[] = [];
          let last = 0;
          for (const step of operations) {
            if (step.kind === 'add') {
              const isFull = model.length === size || model.reduce((sum, { bytes }) => sum + bytes, 0) >= maxBytes;
              expect(window.full).toBe(isFull);
              last += step.gap;
              if (isFull) continue;
              window.add(last, step.bytes);
              model.push({ index: last, bytes: step.bytes });
            } else if (step.kind === 'free') {
              window.freeUpTo(last - step.back);
              model = model.filter(({ index }) => index > last - step.back);
            } else {
              window.reset();
              model = [];
            }
            expect(window.count).toBe(model.length);
            expect(window.bytes).toBe(model.reduce((sum, { bytes }) => sum + bytes, 0));
          }
        },
      ),
    );
  });

  it('lets the message that reaches the bound on bytes pass, and the next one not', () => {
    const window = new Inflights(10, 100);
    window.add(1, 99);
    expect(window.full).toBe(false);
    window.add(2, 500);
    expect(window.full).toBe(true);
    expect(() => window.add(3, 0)).toThrow(/full window of 2 messages, 599 bytes/);
  });

  it('holds exactly as many messages as it may', () => {
    const window = new Inflights(3, Infinity);
    for (const index of [1, 2]) window.add(index, 0);
    expect(window.full).toBe(false);
    window.add(3, 0);
    expect(window.full).toBe(true);
  });
});
