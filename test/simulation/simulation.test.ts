// A few hundred seeds in every test run; `npm run simulate -- --seeds A..B` runs more. A failure names the command that
// shows it again.
import { describe, expect, it } from 'vitest';

import { runCampaign } from './campaign.ts';
import { runSeed } from './simulation.ts';

const SEEDS = { from: 1, to: 400 };
/** No further seed begins after this time: a slow machine runs fewer of them. */
const BUDGET_MILLIS = 75_000;
const CHUNK = 20;

describe('simulated clusters', () => {
  it('keep every promise', { timeout: 4 * BUDGET_MILLIS }, async () => {
    const started = performance.now();
    let seeds = 0;
    let committed = 0;
    for (let from = SEEDS.from; from <= SEEDS.to && performance.now() - started < BUDGET_MILLIS; from += CHUNK) {
      const options = {
        nodes: 'core' as const,
        from,
        to: Math.min(from + CHUNK - 1, SEEDS.to),
        maxEvents: null,
        twice: 20,
        failures: 1,
      };
      const report = await runCampaign(options);
      const [failure] = report.failures;
      const replay =
        failure && `npm run simulate -- --seeds ${failure.seed}..${failure.seed} --events ${failure.events}`;
      expect(failure?.message, replay ?? '').toBeUndefined();
      seeds += report.seeds;
      committed += report.committed;
    }
    console.log(`${seeds} seeds, ${committed} committed entries`);
    expect(seeds).toBeGreaterThanOrEqual(CHUNK);
    // The clusters do something: they elect, and they commit under faults.
    expect(committed).toBeGreaterThan(10 * seeds);
  });
});

describe('a seed', () => {
  it('determines its run', { timeout: 60_000 }, async () => {
    for (const seed of [11, 12, 13]) {
      const [first, second] = [await runSeed({ seed }), await runSeed({ seed, keepLines: 10 })];
      expect(second.hash).toBe(first.hash);
      expect(second.events).toBe(first.events);
    }
    const [one, other] = [await runSeed({ seed: 11 }), await runSeed({ seed: 12 })];
    expect(other.hash).not.toBe(one.hash);
  });

  it('stops at the event it is told to', async () => {
    const { events } = await runSeed({ seed: 11, maxEvents: 300 });
    expect(events).toBe(300);
  });
});
