// The work queue: each key once, one worker for a key, and waits that grow.
import { describe, expect, it } from 'vitest';
import { WorkQueue } from '../../operator/kubernetes/work-queue.ts';
import { ManualClock } from '../support/manual-clock.ts';

const BACKOFF = { first: 100, longest: 1000 };

function queueOf(random = (): number => 1 - Number.EPSILON): { queue: WorkQueue; clock: ManualClock } {
  const clock = new ManualClock();
  return { clock, queue: new WorkQueue({ clock, random, backoff: BACKOFF }) };
}

/** Lets everything run that is ready to. */
async function turn(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Work that goes on until it is told to end. */
class HeldWork {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();

  readonly work = (key: string): Promise<void> => {
    this.begun.push(key);
    return new Promise((resolve) => {
      this.#ends.set(key, resolve);
    });
  };

  async end(key: string): Promise<void> {
    this.#ends.get(key)?.();
    await turn();
  }
}

describe('a work queue', () => {
  it('takes a key that was added several times once', async () => {
    const { queue } = queueOf();
    const held = new HeldWork();
    const stop = new AbortController();
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    const running = queue.run(1, held.work, stop.signal);
    await turn();
    await held.end('a');
    await held.end('b');
    expect(held.begun).toEqual(['a', 'b']);
    stop.abort();
    await running;
  });

  it('takes a key that is added during its work once more afterwards, and not at the same time', async () => {
    const { queue } = queueOf();
    const held = new HeldWork();
    const stop = new AbortController();
    const running = queue.run(3, held.work, stop.signal);
    queue.add('a');
    await turn();
    queue.add('a');
    queue.add('a');
    await turn();
    expect(held.begun).toEqual(['a']);
    await held.end('a');
    expect(held.begun).toEqual(['a', 'a']);
    await held.end('a');
    expect(held.begun).toEqual(['a', 'a']);
    stop.abort();
    await running;
  });

  it('works on as many keys at a time as it has workers', async () => {
    const { queue } = queueOf();
    const held = new HeldWork();
    const stop = new AbortController();
    const running = queue.run(2, held.work, stop.signal);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await turn();
    expect(held.begun).toEqual(['a', 'b']);
    await held.end('b');
    expect(held.begun).toEqual(['a', 'b', 'c']);
    await held.end('a');
    await held.end('c');
    stop.abort();
    await running;
  });

  it('waits for the earliest of the times that were asked for', async () => {
    const { queue, clock } = queueOf();
    const held = new HeldWork();
    const stop = new AbortController();
    const running = queue.run(1, held.work, stop.signal);
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 900);
    clock.advance(199);
    await turn();
    expect(held.begun).toEqual([]);
    clock.advance(1);
    await turn();
    expect(held.begun).toEqual(['a']);
    await held.end('a');
    clock.advance(10_000);
    await turn();
    expect(held.begun).toEqual(['a']);
    stop.abort();
    await running;
  });

  it('waits longer after each failure, up to a limit, and briefly again after a success', () => {
    const { queue } = queueOf();
    const waits = Array.from({ length: 6 }, () => Math.round(queue.retry('a')));
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(Math.round(queue.retry('b'))).toBe(100);
    queue.succeeded('a');
    expect(Math.round(queue.retry('a'))).toBe(100);
  });

  it('spreads waits over their second half', () => {
    const { queue } = queueOf(() => 0);
    expect([queue.retry('a'), queue.retry('a')]).toEqual([50, 100]);
  });

  it('finishes what is going on when it is stopped, and begins nothing more', async () => {
    const { queue, clock } = queueOf();
    const held = new HeldWork();
    const stop = new AbortController();
    let ended = false;
    const running = queue.run(1, held.work, stop.signal).then(() => {
      ended = true;
    });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await turn();
    stop.abort();
    queue.add('d');
    clock.advance(100);
    await turn();
    expect(ended).toBe(false);
    await held.end('a');
    await running;
    expect(held.begun).toEqual(['a']);
    expect([queue.depth, queue.delayed]).toEqual([0, 0]);
  });
});
