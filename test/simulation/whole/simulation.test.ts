// Whole nodes in every test run, for a bounded time; `npm run simulate -- --nodes whole --seeds A..B` runs more. A failure names the
// command that shows it again.
import { describe, expect, it } from 'vitest';

import { runCampaign } from '../campaign.ts';
import { runWholeSeed } from './simulation.ts';

const SEEDS = { from: 1, to: 120 };
/** No further seed begins after this time: a slow machine runs fewer of them. */
const BUDGET_MILLIS = 30_000;
const CHUNK = 10;

/** What cannot happen in a run is not tested by it: the first seeds must reach each of these. */
const SITUATIONS: Readonly<Record<string, RegExp>> = {
  'a crash that takes back the state': /crash \w+, [1-9]\d* batches of the state not flushed/,
  'a process that ends on a failed disk': /ended .*input\/output error/,
  'a member that starts anew after a proper stop': /closed/,
  'a wiped disk': /wipe/,
  'a snapshot that is sent': /snapshot ends/,
  'a member that is added': /operation done add/,
  'a learner that is promoted': /operation done promote/,
  'a member that is removed': /operation done remove/,
  'a member that is replaced': /operation done replace/,
  'a leadership that is handed over': /operation done transfer/,
  'an append that is a repetition': /"op":"append".*"result":"duplicate"/,
  'a conflict of ids': /"result":"id-conflict"/,
  'a wrong version': /"result":"wrong-version"/,
  'a condition that fails': /"result":"condition-failed"/,
  'a transaction with a condition that holds': /"op":"transaction".*"condition".*"result":"ok"/,
  'a read at a position': /"op":"read".*"atLeast".*"result":"ok"/,
  'an append of which nobody knows': /^client (?!.*"ret").*"op":"append"/m,
};

describe('simulated whole nodes', () => {
  it('keep every promise', { timeout: 4 * BUDGET_MILLIS }, async () => {
    const started = performance.now();
    let seeds = 0;
    let acknowledged = 0;
    for (let from = SEEDS.from; from <= SEEDS.to && performance.now() - started < BUDGET_MILLIS; from += CHUNK) {
      const to = Math.min(from + CHUNK - 1, SEEDS.to);
      const options = { nodes: 'whole' as const, from, to, maxEvents: null, twice: CHUNK, failures: 1 };
      const { failures, ...report } = await runCampaign(options);
      const [failure] = failures;
      const replay = failure && `npm run simulate -- --nodes whole --seeds ${failure.seed} --events ${failure.events}`;
      expect(failure?.message, replay ?? '').toBeUndefined();
      seeds += report.seeds;
      acknowledged += report.committed;
    }
    console.log(`${seeds} seeds of whole nodes, ${acknowledged} acknowledged appends`);
    expect(seeds).toBeGreaterThanOrEqual(CHUNK);
    expect(acknowledged).toBeGreaterThan(5 * seeds);
  });

  it('reach every situation', { timeout: 180_000 }, async () => {
    const missing = new Map(Object.entries(SITUATIONS));
    for (let seed = 1; seed <= 60 && missing.size > 0; seed++) {
      const { lines, violation } = await runWholeSeed({ seed, keepLines: Infinity });
      expect(violation).toBeNull();
      const text = lines.join('\n');
      for (const [name, pattern] of missing) if (pattern.test(text)) missing.delete(name);
    }
    expect([...missing.keys()]).toEqual([]);
  });
});
