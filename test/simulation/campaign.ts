/**
 * Many seeds, one after the other in this process: runs them, repeats a sample to prove that a seed determines its run, and sums up.
 * The tests and the hunt for planted faults run seeds so; the command runs them in processes (blocks.ts).
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
  readonly maxEvents: number | null;
  /** Every how many seeds one is run twice; 0 for none. */
  readonly twice: number;
  /** Ends after this many failing seeds. */
  readonly failures: number;
}

/** Sums of what was run. */
export interface CampaignSums {
  seeds: number;
  events: number;
  repeated: number;
  leaderTerms: number;
  committed: number;
  /** Runs that ended in the known way without progress. */
  orphaned: number;
  /** Virtual time, microseconds. */
  micros: number;
}

export interface CampaignReport extends CampaignSums {
  readonly failures: CampaignFailure[];
}

export interface CampaignFailure {
  readonly seed: number;
  readonly events: number;
  readonly message: string;
}

export function noSums(): CampaignSums {
  return { seeds: 0, events: 0, repeated: 0, leaderTerms: 0, committed: 0, orphaned: 0, micros: 0 };
}

/** Runs the seeds. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const report = { ...noSums(), failures: [] as CampaignFailure[] };
  for (let seed = options.from; seed <= options.to; seed += 1) {
    const run = { seed, ...(options.maxEvents === null ? {} : { maxEvents: options.maxEvents }) };
    const result = await runSeedOf(options.nodes, run);
    addRun(report, result);
    const { violation } = result;
    if (violation !== null) report.failures.push({ seed, events: result.events, message: violation.message });
    if (options.twice > 0 && report.seeds % options.twice === 1 % options.twice) {
      report.repeated++;
      const again = await runSeedOf(options.nodes, run);
      if (again.hash !== result.hash || again.events !== result.events) {
        const message = `one seed, one run: trace ${result.hash} of ${result.events} events, then ${again.hash} of ${again.events}`;
        report.failures.push({ seed, events: result.events, message });
      }
    }
    if (report.failures.length >= options.failures) break;
  }
  return report;
}

/** Counts a run in. */
export function addRun(
  sums: CampaignSums,
  run: Pick<RunResult, 'events' | 'leaderTerms' | 'committed' | 'orphaned' | 'micros'>,
): void {
  sums.seeds++;
  sums.events += run.events;
  sums.leaderTerms += run.leaderTerms;
  sums.committed += run.committed;
  if (run.orphaned) sums.orphaned++;
  sums.micros += run.micros;
}
