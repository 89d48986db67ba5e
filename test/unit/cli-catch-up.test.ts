// Waiting for a learner that is to get a vote: for whom it waits, for how long, and what it says.
import { describe, expect, it } from 'vitest';
import { onceCaughtUp } from '../../src/cli/cluster/catch-up.ts';
import { GraveyarError } from '../../src/client/index.ts';
import type { ClusterMember } from '../../src/client/index.ts';
import { yieldToEventLoop } from '../../src/lib/clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

const END = 10_000;
const learner = { id: 4, name: 'node-4' };
const refusal = new GraveyarError('MEMBERSHIP_REFUSED', 'member 4 has not caught up', false);

/** The cluster as its leader sees it `seconds` after the start. */
type View = (seconds: number) => Partial<ClusterMember>;

interface Outcome {
  readonly error: unknown;
  readonly seconds: number;
  readonly attempts: number;
  readonly shown: string;
}

/** A leader that takes the change when the learner is so near; `answer` may refuse for something else. */
async function run(
  view: View,
  options: {
    readonly waitMillis?: number;
    readonly answer?: (seconds: number) => Error | null;
    readonly interruptAt?: number;
  } = {},
): Promise<Outcome> {
  const clock = new ManualClock();
  const seconds = (): number => clock.monotonicMillis() / 1000;
  const interruption = new AbortController();
  let shown = '';
  let attempts = 0;
  const seen = (): ClusterMember => ({ ...learner, ...base, role: 'learner', ...view(seconds()) });
  const answer = options.answer ?? (() => (END - (seen().matchIndex ?? 0) > 1_000 ? refusal : null));
  let settled = false;
  const waiting = onceCaughtUp(
    {
      cluster: {
        members: () => Promise.resolve([{ ...base, id: 1, name: 'node-1', role: 'leader', matchIndex: END }, seen()]),
      },
      learner,
      terminal: {
        clock,
        stderr: { write: (text: string) => ((shown += text), true) } as never,
        interrupted: interruption.signal,
      },
      waitMillis: options.waitMillis ?? 600_000,
    },
    () => {
      attempts++;
      const refused = answer(seconds());
      return refused === null ? Promise.resolve() : Promise.reject(refused);
    },
  )
    .then(
      () => null,
      (error: unknown) => error,
    )
    .finally(() => (settled = true));
  for (let turns = 0; turns < 10_000; turns++) {
    await yieldToEventLoop();
    if (settled as boolean) break;
    if (seconds() >= (options.interruptAt ?? Infinity)) interruption.abort('SIGINT');
    else clock.advance(500);
  }
  return { error: await waiting, seconds: seconds(), attempts, shown };
}

const base = {
  peerAddress: 'p',
  clientAddress: 'c',
  outgoing: false,
  active: true,
  matchIndex: 0,
  snapshotting: false,
};

describe('a learner that is to get a vote', () => {
  it('is not waited for when it has caught up', async () => {
    expect(await run(() => ({ matchIndex: END - 1_000 }))).toMatchObject({ error: null, attempts: 1, shown: '' });
  });

  it('is waited for as long as it takes, and shown', async () => {
    const { error, seconds, shown } = await run((at) => ({ matchIndex: Math.min(END, at * 100) }));
    expect(error).toBeNull();
    expect(seconds).toBe(90);
    // As of the last look, half a second ago.
    expect(shown.split('\n')[0]).toBe('node-4 (4) is 9,550 entries behind  5 s');
    expect(shown).toContain('node-4 (4) is 5,550 entries behind  45 s\n');
  });

  it('is waited for while it receives a snapshot, however long that shows nothing', async () => {
    const { error, seconds, shown } = await run((at) =>
      at < 300 ? { snapshotting: true, matchIndex: 0 } : { matchIndex: END },
    );
    expect([error, seconds]).toEqual([null, 300]);
    expect(shown).toContain('node-4 (4) is receiving a snapshot, 10,000 entries behind  100 s\n');
  });

  it('is given up when the time is over, not before', async () => {
    const at =
      (end: number): View =>
      (seconds) => ({ matchIndex: seconds < end ? 0 : END });
    expect(await run(at(9.5), { waitMillis: 10_000 })).toMatchObject({ error: null });
    expect(await run(at(10.5), { waitMillis: 10_000 })).toMatchObject({
      error: { message: 'node-4 (4) is 10,000 entries behind, after 10 s of waiting', exitCode: 9, cause: refusal },
    });
  });

  it('may be silent for a while, and is given up when it stays so', async () => {
    const until =
      (end: number): View =>
      (seconds) =>
        seconds < end ? { active: false, matchIndex: 0 } : { matchIndex: END };
    expect(await run(until(29))).toMatchObject({ error: null, seconds: 29 });
    const { error, seconds } = await run(until(1_000));
    expect(error).toMatchObject({ message: 'node-4 (4) does not answer the leader, after 30 s of waiting' });
    expect(seconds).toBe(30);
  });

  it('is silent anew each time', async () => {
    const view: View = (at) => ({ active: at % 40 >= 20, matchIndex: at < 200 ? 0 : END });
    expect(await run(view)).toMatchObject({ error: null, seconds: 200 });
  });
});

describe('a change that is refused for something else', () => {
  const other = new GraveyarError('MEMBERSHIP_REFUSED', 'another change is under way', false);

  it('is asked for again for a moment, then the refusal is told', async () => {
    const caughtUp: View = () => ({ matchIndex: END });
    expect(await run(caughtUp, { answer: (at) => (at < 4 ? other : null) })).toMatchObject({ error: null, seconds: 4 });
    const { error, seconds } = await run(caughtUp, { answer: () => other });
    expect([error, seconds]).toEqual([other, 5]);
  });

  it('is not asked for again when it is no refusal', async () => {
    const gone = new GraveyarError('MEMBER_NOT_FOUND', 'the cluster has no member 4', false);
    expect(await run(() => ({}), { answer: () => gone })).toMatchObject({ error: gone, attempts: 1 });
  });
});

describe('an interruption', () => {
  it('ends the waiting with its reason', async () => {
    expect(await run(() => ({ matchIndex: 0 }), { interruptAt: 7 })).toMatchObject({ error: 'SIGINT', seconds: 7 });
  });
});
