// A leader's view of a peer: its states, and what old news does to it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inflights } from '../../../src/raft/inflights.ts';
import { Progress } from '../../../src/raft/progress.ts';
import { ProgressState } from '../../../src/raft/status.ts';

function progressAt(match: number, next: number, window = 3): Progress {
  return new Progress(match, next, new Inflights(window, Infinity), false);
}

describe('Progress', () => {
  it('probes one message at a time', () => {
    const progress = progressAt(0, 5);
    progress.sentEntries(2, 10);
    expect(progress).toMatchObject({ next: 5, paused: true });
    expect(progress.maybeUpdate(6)).toBe(true);
    expect(progress).toMatchObject({ match: 6, next: 7, paused: false });
  });

  it('may probe again after an empty message, which is no probe of entries', () => {
    const progress = progressAt(0, 5);
    progress.sentEntries(0, 0);
    expect(progress.paused).toBe(false);
  });

  it('sends ahead in replication until its window is full', () => {
    const progress = progressAt(4, 5);
    progress.becomeReplicate();
    for (const next of [7, 9]) {
      progress.sentEntries(2, 1);
      expect(progress).toMatchObject({ next, paused: false });
    }
    progress.sentEntries(2, 1);
    expect(progress).toMatchObject({ next: 11, paused: true });
    expect(() => progress.sentEntries(1, 1)).toThrow(/full window/);
  });

  it('waits for a snapshot, and goes on behind it', () => {
    const progress = progressAt(2, 3);
    progress.becomeSnapshot(10);
    expect(progress).toMatchObject({ pendingSnapshot: 10, next: 11, paused: true });
    expect(() => progress.sentEntries(1, 1)).toThrow(/waits for a snapshot/);
    progress.becomeProbe();
    expect(progress).toMatchObject({ state: ProgressState.Probe, pendingSnapshot: 0, match: 2, next: 11 });
    progress.becomeSnapshot(20);
    progress.pendingSnapshot = 0;
    progress.becomeProbe();
    expect(progress.next).toBe(3);
  });

  it('goes back on a rejection of what was sent last, to the hint but not below what agrees', () => {
    const progress = progressAt(2, 10);
    expect(progress.maybeDecrementTo(8, 5)).toBe(false);
    expect(progress.maybeDecrementTo(9, 5)).toBe(true);
    expect(progress.next).toBe(6);
    expect(progress.maybeDecrementTo(5, 0)).toBe(true);
    expect(progress.next).toBe(3);
  });

  it('goes back to what agrees on a rejection in replication, unless that is old', () => {
    const progress = progressAt(4, 5);
    progress.becomeReplicate();
    progress.sentEntries(3, 1);
    expect(progress.maybeDecrementTo(4, 0)).toBe(false);
    expect(progress.next).toBe(8);
    expect(progress.maybeDecrementTo(5, 0)).toBe(true);
    expect(progress.next).toBe(5);
  });

  it('tells a commit index once, as far as entries have been sent', () => {
    const progress = progressAt(4, 5);
    progress.becomeReplicate();
    expect(progress.canBumpCommit(3)).toBe(true);
    progress.sentCommit = 3;
    expect(progress.canBumpCommit(3)).toBe(false);
    expect(progress.canBumpCommit(9)).toBe(true);
    progress.sentCommit = 4;
    expect(progress.canBumpCommit(9)).toBe(false);
  });

  it('never lets match reach next or go back, whatever comes in whatever order', () => {
    const operation = fc.record({ kind: fc.nat(6), a: fc.nat(12), b: fc.nat(12) });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const progress = progressAt(0, 8);
        let match = 0;
        for (const { kind, a, b } of operations) {
          if (kind === 0 && a < progress.next) progress.maybeUpdate(a);
          if (kind === 1) progress.maybeDecrementTo(a, b);
          if (kind === 2) progress.becomeProbe();
          if (kind === 3) progress.becomeReplicate();
          if (kind === 4 && a > progress.match) progress.becomeSnapshot(a);
          if (kind === 5 && !progress.paused) progress.sentEntries(a % 3, b);
          expect(progress.match).toBeLessThan(progress.next);
          expect(progress.match).toBeGreaterThanOrEqual(match);
          match = progress.match;
        }
      }),
    );
  });
});
