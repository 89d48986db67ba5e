// A real server under load is killed at random moments, or asked to stop. Nothing that was acknowledged may be lost.
import { describe, expect, it } from 'vitest';
import { runCrashRounds } from './crash-rounds.ts';

const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 1e9));

describe(`crash, CRASH_SEED=${seed}`, () => {
  it('loses nothing to kill -9 under load', { timeout: 600_000 }, async () => {
    const reports = await runCrashRounds({ rounds: 8, seed, signal: 'SIGKILL' });
    expect(reports).toHaveLength(8);
    // The test is worth something only when the kills hit appends on their way.
    expect(reports.at(-1)?.acknowledged).toBeGreaterThan(0);
    expect(reports.some(({ unanswered }) => unanswered > 0)).toBe(true);
  });

  it('loses nothing to SIGTERM under load, and exits 0', { timeout: 600_000 }, async () => {
    const reports = await runCrashRounds({ rounds: 2, seed, signal: 'SIGTERM' });
    expect(reports.at(-1)?.acknowledged).toBeGreaterThan(0);
    expect(reports.every(({ unapplied }) => unapplied === 0)).toBe(true);
  });
});
