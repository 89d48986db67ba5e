/**
 * `npm run simulate -- --seeds A..B`: runs seeds, prints sums, and for a failing seed the shortest command that shows it
 * again with the end of its trace. Exits with 1 when a seed failed.
 */
import { fork } from 'node:child_process';

import { addReport, type CampaignReport, emptyReport, type Nodes, runCampaign, runSeedOf } from './campaign.ts';
import { readOptions, type SimulateOptions } from './options.ts';

const TAIL_LINES = 40;
const PROGRESS_MILLIS = 2_000;

function summary(report: CampaignReport, millis: number): string {
  const { seeds, events, repeated, leaderTerms, committed, orphaned, micros, failures } = report;
  const rate = (seeds / (millis / 1000)).toFixed(1);
  return (
    `seeds ${seeds} (${rate}/s, ${repeated} run twice), events ${events}, elections ${leaderTerms}, ` +
    `committed entries ${committed}, virtual time ${(micros / 1e6).toFixed(0)} s, orphaned configurations ${orphaned}, ` +
    `violations ${failures.length}`
  );
}

/** The part of the work of one process. */
async function runShare(options: SimulateOptions, share: number): Promise<CampaignReport> {
  const { nodes, from, to, jobs, events, twice, failures } = options;
  const started = performance.now();
  let told = started;
  return runCampaign({ nodes, from: from + share, to, stride: jobs, maxEvents: events, twice, failures }, (report) => {
    const now = performance.now();
    if (now - told < PROGRESS_MILLIS || share !== 0) return;
    told = now;
    const others = jobs === 1 ? '' : ` [1 of ${jobs} processes]`;
    process.stderr.write(`\r${summary(report, now - started)}${others}   `);
  });
}

/** Runs share `share` in a process of its own. */
function forkShare(share: number): Promise<CampaignReport> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, SIMULATE_SHARE: String(share) };
    const child = fork(import.meta.filename, process.argv.slice(2), { env });
    let report: CampaignReport | null = null;
    child.on('message', (message) => (report = message as CampaignReport));
    child.on('error', reject);
    child.on('exit', (code) => {
      if (report === null) reject(new Error(`share ${share} ended with code ${code ?? 'none'} and no report`));
      else resolve(report);
    });
  });
}

/** Shows a failing seed again, and how to. */
async function explain(nodes: Nodes, seed: number, events: number, message: string): Promise<void> {
  console.log(`\nseed ${seed} fails at event ${events}: ${message}`);
  const { lines } = await runSeedOf(nodes, { seed, maxEvents: events, keepLines: TAIL_LINES });
  for (const line of lines.slice(-TAIL_LINES)) console.log(`  ${line}`);
  console.log(`replay: npm run simulate -- --nodes ${nodes} --seeds ${seed}..${seed} --events ${events} [--trace]`);
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const share = process.env['SIMULATE_SHARE'];
  if (share !== undefined) {
    process.send?.(await runShare(options, Number(share)));
    return;
  }
  if (options.trace) {
    const run = { seed: options.from, maxEvents: options.events ?? Infinity, keepLines: Infinity };
    const { lines } = await runSeedOf(options.nodes, run);
    for (const line of lines) console.log(line);
  }
  const started = performance.now();
  const total = emptyReport();
  const others = Array.from({ length: options.jobs - 1 }, (_, i) => forkShare(i + 1));
  addReport(total, await runShare(options, 0));
  for (const report of await Promise.all(others)) addReport(total, report);
  process.stderr.write('\n');
  for (const { seed, events, message } of total.failures) await explain(options.nodes, seed, events, message);
  console.log(summary(total, performance.now() - started));
  if (total.failures.length > 0) process.exitCode = 1;
}

await main();
