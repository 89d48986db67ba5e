// Waiting for a growing number: resolved, aborted, failed, each once.
import { describe, expect, it } from 'vitest';
import { ThresholdWaiters } from '../../src/lib/threshold-waiters.ts';

describe('threshold waiters', () => {
  it('go on exactly when the number has reached what they wait for', async () => {
    const waiters = new ThresholdWaiters(3);
    const done: number[] = [];
    const all = [2, 3, 4, 5, 9].map((n) => waiters.wait(n).then(() => done.push(n)));
    await Promise.all(all.slice(0, 2));
    expect(done).toEqual([2, 3]);
    waiters.advance(5);
    await Promise.all(all.slice(0, 4));
    expect(done).toEqual([2, 3, 4, 5]);
    waiters.advance(9);
    await Promise.all(all);
    expect(waiters.value).toBe(9);
  });

  it('can be aborted, before and while they wait', async () => {
    const waiters = new ThresholdWaiters(0);
    const caller = new AbortController();
    const waiting = waiters.wait(1, caller.signal);
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(waiters.wait(1, caller.signal)).rejects.toThrow('gone');
    await waiters.wait(0, caller.signal);
    waiters.advance(1);
  });

  it('all fail when the number will not grow, unless it is there already', async () => {
    const waiters = new ThresholdWaiters(2);
    const waiting = waiters.wait(3);
    waiters.fail(new Error('broken'));
    waiters.fail(new Error('again'));
    await expect(waiting).rejects.toThrow('broken');
    await expect(waiters.wait(3)).rejects.toThrow('broken');
    await waiters.wait(2);
  });
});
