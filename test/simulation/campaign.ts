/**
 * Many seeds, one after the other: runs them, repeats a sample to prove that a seed determines its run, and sums up.
 *
 * Must not know where the report goes.
 */
import { runSeed, type RunOptions, type RunResult } from './simulation.ts';
import { runWholeSeed } from './whole/simulation.ts';

/** What runs on the machines: the Raft core with its log, or all of a node. */
export type Nodes = 'core' | 'whole';

/** Runs a seed. */
export function runSeedOf(nodes: Nodes, options: RunOptions): Promise<RunResult> {
  return nodes === 'whole' ? runWholeSeed(options) : runSeed(options);
}

export interface CampaignOptions {
  readonly nodes: Nodes;
  readonly from: number;
  readonly to: number;
  /** Runs seeds from, from + stride, from + 2 * stride, … */
  readonly stride: number;
  readonly maxEvents: number | null;
  /** Every how many seeds one is run twice; 0 for none. */
  readonly twice: number;
  /** Ends after this many failing seeds. */
  readonly failures: number;
}

/** Sums of what was run. */
export interface CampaignReport {
  seeds: number;
  events: number;
  repeated: number;
  leaderTerms: number;
  committed: number;
  /** Runs that ended in the known way without progress. */
  orphaned: number;
  /** Virtual time, microseconds. */
  micros: number;
  failures: CampaignFailure[];
}

export interface CampaignFailure {
  readonly seed: number;
  readonly events: number;
  readonly message: string;
}

export function emptyReport(): CampaignReport {
  return { seeds: 0, events: 0, repeated: 0, leaderTerms: 0, committed: 0, orphaned: 0, micros: 0, failures: [] };
}

/** Runs the seeds. `progress` is called after each. */
export async function runCampaign(
  options: CampaignOptions,
  progress: (report: CampaignReport, last: RunResult) => void,
): Promise<CampaignReport> {
  const report = emptyReport();
  for (let seed = options.from; seed <= options.to; seed += options.stride) {
    const run = { seed, ...(options.maxEvents === null ? {} : { maxEvents: options.maxEvents }) };
    const result = await runSeedOf(options.nodes, run);
    count(report, result);
    if (options.twice > 0 && report.seeds % options.twice === 1 % options.twice) {
      report.repeated++;
      const again = await runSeedOf(options.nodes, run);
      if (again.hash !== result.hash || again.events !== result.events) {
        const message = `one seed, one run: trace ${result.hash} of ${result.events} events, then ${again.hash} of ${again.events}`;
        report.failures.push({ seed, events: result.events, message });
      }
    }
    progress(report, result);
    if (report.failures.length >= options.failures) break;
  }
  return report;
}

function count(report: CampaignReport, result: RunResult): void {
  report.seeds++;
  report.events += result.events;
  report.leaderTerms += result.leaderTerms;
  report.committed += result.committed;
  if (result.orphaned) report.orphaned++;
  report.micros += result.micros;
  const { seed, events, violation } = result;
  if (violation !== null) report.failures.push({ seed, events, message: violation.message });
}

/** Adds the sums of one report to another. */
export function addReport(total: CampaignReport, part: CampaignReport): void {
  total.seeds += part.seeds;
  total.events += part.events;
  total.repeated += part.repeated;
  total.leaderTerms += part.leaderTerms;
  total.committed += part.committed;
  total.orphaned += part.orphaned;
  total.micros += part.micros;
  total.failures.push(...part.failures);
}
