// The plan in a simulated world: whatever fails, in whatever order, it never breaks a law (test/operator/world/laws.ts), and when the failures
// end it brings the cluster to what the spec says. Every test run lives the same lives; PLAN_RUNS sets how many are lived, and lives new ones:
// `PLAN_RUNS=100000 npx vitest run --config test/vitest.config.ts test/operator/plan-properties.test.ts`. A failure prints its seed and path;
// PLAN_SEED repeats it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { live, stories } from './world/story.ts';

const RUNS = process.env['PLAN_RUNS'];
const SEED = process.env['PLAN_SEED'];

/** New lives are for long runs, whose failures somebody waits for. */
const USUAL_SEED = 214298213;

/** On a busy machine fewer lives are lived than wanted, unless their number was asked for. */
const MOST_MILLIS = 60_000;

const options = {
  ...(RUNS === undefined ? { numRuns: 1000, interruptAfterTimeLimit: MOST_MILLIS } : { numRuns: Number(RUNS) }),
  ...(SEED === undefined && RUNS !== undefined ? {} : { seed: Number(SEED ?? USUAL_SEED) }),
};

describe('the plan, in lives full of failures,', () => {
  for (const seen of ['fresh', 'stale'] as const) {
    it(`breaks no law and comes to rest, with ${seen} views`, { timeout: RUNS === undefined ? 600_000 : 0 }, () => {
      fc.assert(
        fc.property(stories(seen), (story) => {
          expect(live(story)).toBeGreaterThan(0);
        }),
        options,
      );
    });
  }
});
