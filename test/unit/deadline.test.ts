// Waits that end early: the signals that tell them to, and what of them is left to the garbage collector.
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/lib/clock.ts';
import { withAnySignal, withDeadline } from '../../src/lib/deadline.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** References that were followed in a turn are kept until it ends. */
async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
}

/** Rejects when the signal is aborted, as work does that listens. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}

describe('a signal of several', () => {
  it('is aborted with the reason of the first that is, and lets go of all', async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const waiting = withAnySignal([one.signal, other.signal], untilAborted);
    expect(getEventListeners(one.signal, 'abort')).toHaveLength(1);
    other.abort(new Error('the other'));
    one.abort(new Error('the one'));
    await expect(waiting).rejects.toThrow('the other');
    expect(getEventListeners(one.signal, 'abort')).toHaveLength(0);
    expect(getEventListeners(other.signal, 'abort')).toHaveLength(0);
  });

  it('is aborted from the start when one of them is', async () => {
    const sources = [new AbortController().signal, AbortSignal.abort(new Error('before'))];
    const seen = await withAnySignal(sources, (signal) => Promise.resolve([signal.aborted, signal.reason]));
    expect(seen).toEqual([true, new Error('before')]);
  });

  it('gives the result, and lets go', async () => {
    const { signal } = new AbortController();
    expect(await withAnySignal([signal], () => Promise.resolve(7))).toBe(7);
    await expect(withAnySignal([signal], () => Promise.reject(new Error('own')))).rejects.toThrow('own');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('knows of an abort although the source was collected before it was asked', async () => {
    const seen: AbortSignal[] = [];
    const anys: AbortSignal[] = [];
    (() => {
      const [source, another] = [new AbortController(), new AbortController()];
      anys.push(AbortSignal.any([another.signal]));
      void withAnySignal([source.signal], (signal) => {
        seen.push(signal);
        return new Promise(() => undefined);
      });
      source.abort();
      another.abort();
    })();
    await collectGarbage();
    expect(seen[0]?.aborted).toBe(true);
    // The reason for not using what the runtime has. Once this fails, it can be used.
    expect(anys[0]?.aborted).toBe(false);
  });

  it('keeps nothing that waits in vain once nobody can abort it', async () => {
    const held: WeakRef<object>[] = [];
    (() => {
      const large = { of: 'a whole simulation' };
      held.push(new WeakRef(large));
      void withAnySignal([new AbortController().signal, new AbortController().signal], (signal) => {
        signal.addEventListener('abort', () => large);
        return new Promise(() => undefined);
      });
    })();
    await collectGarbage();
    expect(held[0]?.deref()).toBeUndefined();
  });
});

describe('a deadline', () => {
  it('ends the wait and the work', async () => {
    let own: AbortSignal | null = null;
    const expired = new Error('too late');
    const waiting = withDeadline(
      systemClock,
      5,
      new AbortController().signal,
      () => expired,
      (signal) => {
        own = signal;
        return new Promise<never>(() => undefined);
      },
    );
    const alive = setInterval(() => undefined, 1000);
    await expect(waiting).rejects.toBe(expired);
    clearInterval(alive);
    expect(own).toMatchObject({ aborted: true, reason: expired });
  });

  it('gives way to an abort', async () => {
    const over = new AbortController();
    const waiting = withDeadline(systemClock, 60_000, over.signal, () => new Error('too late'), untilAborted);
    over.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    expect(getEventListeners(over.signal, 'abort')).toHaveLength(0);
  });
});
