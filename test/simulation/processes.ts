/**
 * A campaign of the command: its blocks of seeds in processes, a sample of them once more in other processes and in another order, and
 * every failure once more alone, so that one which depends on more than its seed is told from one that does not.
 */
import { runBlock } from './blocks.ts';
import { addRun, type CampaignSums, noSums } from './campaign.ts';
import type { CampaignRecord, SeedFailure } from './campaign-record.ts';
import type { SimulateOptions } from './options.ts';
import type { SeedReport } from './seed-worker.ts';

const BLOCK_SEEDS = 100;
const TAIL_LINES = 60;

export interface Campaign {
  readonly sums: CampaignSums;
  readonly failures: readonly SeedFailure[];
}

/** Runs the seeds of the options. `progress` is called after each. */
export async function runProcesses(
  options: SimulateOptions,
  record: CampaignRecord,
  progress: (campaign: Campaign) => void,
): Promise<Campaign> {
  const campaign = new ProcessCampaign(options, record, progress);
  await Promise.all(Array.from({ length: options.jobs }, () => campaign.work()));
  return campaign;
}

class ProcessCampaign implements Campaign {
  readonly sums = noSums();
  readonly failures: SeedFailure[] = [];
  readonly #options: SimulateOptions;
  readonly #record: CampaignRecord;
  readonly #progress: (campaign: Campaign) => void;
  #next: number;

  constructor(options: SimulateOptions, record: CampaignRecord, progress: (campaign: Campaign) => void) {
    this.#options = options;
    this.#record = record;
    this.#progress = progress;
    this.#next = options.from;
  }

  /** Takes blocks until none is left, or enough seeds have failed. */
  async work(): Promise<void> {
    while (this.#next <= this.#options.to && !this.#over) {
      const first = this.#next;
      this.#next = Math.min(first + BLOCK_SEEDS, this.#options.to + 1);
      await this.#run(Array.from({ length: this.#next - first }, (_, i) => first + i));
    }
  }

  get #over(): boolean {
    return this.failures.length >= this.#options.failures;
  }

  async #run(seeds: readonly number[]): Promise<void> {
    const { from, twice } = this.#options;
    const again: SeedReport[] = [];
    for (let left = seeds; left.length > 0 && !this.#over;) {
      const failed: SeedReport[] = [];
      const lost = await this.#block(left, (report) => {
        addRun(this.sums, report);
        if (twice > 0 && (report.seed - from) % twice === 0) again.push(report);
        if (report.violation !== null) failed.push(report);
        this.#progress(this);
        return failed.length === 0;
      });
      // Whatever has failed has a process less to be trusted: the rest goes on in another one.
      const [report] = failed;
      if (report !== undefined) await this.#failed(report);
      else if (lost !== null) this.#add({ ...lost, events: 0, hash: '', message: lost.reason, trace: [] });
      const at = report?.seed ?? lost?.seed;
      left = at === undefined ? [] : left.slice(left.indexOf(at) + 1);
    }
    if (again.length > 0 && !this.#over) await this.#repeat(again.reverse());
  }

  /** The same seeds in another process and another order must have the same traces. */
  async #repeat(before: readonly SeedReport[]): Promise<void> {
    const first = new Map(before.map((report) => [report.seed, report]));
    const lost = await this.#block([...first.keys()], ({ seed, events, hash, notes }) => {
      this.sums.repeated++;
      const was = first.get(seed);
      if (was?.hash === hash && was.events === events) return true;
      const message = `one seed, one run: trace ${was?.hash ?? ''} of ${was?.events ?? 0} events, then ${hash} of ${events}`;
      this.#add({ seed, events, hash, message, trace: notes });
      return true;
    });
    if (lost !== null) this.#add({ ...lost, events: 0, hash: '', message: lost.reason, trace: [] });
  }

  #block(
    seeds: readonly number[],
    ended: (report: SeedReport) => boolean,
    keepLines = 0,
    maxEvents = this.#options.events,
  ): ReturnType<typeof runBlock> {
    const { nodes } = this.#options;
    return runBlock(
      { nodes, seeds, maxEvents, keepLines },
      {
        begins: (seed, processId) => {
          this.#record.begins(seed, processId);
        },
        ended: (report) => {
          this.#record.ended(report);
          return ended(report);
        },
      },
    );
  }

  /** Writes the failure down, then looks whether it fails again alone. */
  async #failed({ seed, events, hash, violation, notes }: SeedReport): Promise<void> {
    const message = violation ?? '';
    const failure = { seed, events, hash, message, trace: notes };
    this.#record.failed(failure);
    const alone: SeedReport[] = [];
    await this.#block(
      [seed],
      (report) => {
        alone.push(report);
        return true;
      },
      TAIL_LINES,
      events,
    );
    const again = alone[0]?.violation ?? null;
    const lines = alone[0]?.lines ?? [];
    if (again === message) this.#add({ ...failure, trace: lines.slice(-TAIL_LINES) });
    else {
      const what = again ?? 'nothing fails';
      this.#add({
        ...failure,
        message: `${message} (alone in a process: ${what}; so it depends on more than the seed)`,
      });
    }
  }

  #add(failure: SeedFailure): void {
    this.failures.push(failure);
    this.#record.failed(failure);
    console.log(`\nseed ${failure.seed} fails at event ${failure.events}: ${failure.message}`);
    for (const line of failure.trace) console.log(`  ${line}`);
    const { nodes } = this.#options;
    const { seed, events } = failure;
    console.log(`replay: npm run simulate -- --nodes ${nodes} --seeds ${seed}..${seed} --events ${events} [--trace]`);
  }
}
