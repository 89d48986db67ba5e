/**
 * `npm run simulate -- --seeds A..B`: runs seeds, prints sums, and for a failing seed at once the shortest command that shows it
 * again with the end of its trace. Everything is in a record as well. Exits with 1 when a seed failed.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type CampaignSums, runSeedOf } from './campaign.ts';
import { CampaignRecord } from './campaign-record.ts';
import { readOptions } from './options.ts';
import { runProcesses } from './processes.ts';

const PROGRESS_MILLIS = 2_000;

function summary(sums: CampaignSums, violations: number, millis: number): string {
  const { seeds, events, repeated, leaderTerms, committed, orphaned, micros } = sums;
  const rate = (seeds / (millis / 1000)).toFixed(1);
  return (
    `seeds ${seeds} (${rate}/s, ${repeated} run twice), events ${events}, elections ${leaderTerms}, ` +
    `committed entries ${committed}, virtual time ${(micros / 1e6).toFixed(0)} s, orphaned configurations ${orphaned}, ` +
    `violations ${violations}`
  );
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.trace) {
    const run = { seed: options.from, maxEvents: options.events ?? Infinity, keepLines: Infinity };
    const { lines, violation } = await runSeedOf(options.nodes, run);
    for (const line of lines) console.log(line);
    if (violation !== null) console.log(violation.message);
    process.exitCode = violation === null ? 0 : 1;
    return;
  }
  const record = new CampaignRecord(options.record ?? join(tmpdir(), `graveyar-simulation-${process.pid}.jsonl`));
  process.stderr.write(`record: ${record.path}\n`);
  record.opened(options);
  const started = performance.now();
  let told = started;
  const { sums, failures } = await runProcesses(options, record, (campaign) => {
    const now = performance.now();
    if (now - told < PROGRESS_MILLIS) return;
    told = now;
    process.stderr.write(`\r${summary(campaign.sums, campaign.failures.length, now - started)}   `);
  });
  process.stderr.write('\n');
  const end = summary(sums, failures.length, performance.now() - started);
  record.closed(end);
  console.log(end);
  if (failures.length > 0) process.exitCode = 1;
}

await main();
