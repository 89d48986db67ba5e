/**
 * Looks for a planted fault in the way that the table names, and prints what it found as one JSON line. Run with
 * `node --import ./test/faults/plant.ts test/faults/hunt.ts` and PLANTED_FAULT; without the plant it must find nothing.
 */
import { runCampaign } from '../simulation/campaign.ts';
import { SCENARIOS } from './scenarios.ts';
import { FAULTS } from './table.ts';

/** What was found, or not. */
export interface HuntResult {
  readonly caught: boolean;
  /** Seeds that were run; 0 for a scenario. */
  readonly seeds: number;
  readonly events: number;
  /** The promise that was broken, or the empty string. */
  readonly message: string;
}

async function hunt(name: string): Promise<HuntResult> {
  const fault = FAULTS.find((candidate) => candidate.name === name);
  if (fault === undefined) throw new Error(`${name} names no fault of the table`);
  const { caughtBy } = fault;
  if ('scenario' in caughtBy) {
    try {
      await SCENARIOS[caughtBy.scenario]();
      return { caught: false, seeds: 0, events: 0, message: '' };
    } catch (error) {
      return { caught: true, seeds: 0, events: 0, message: error instanceof Error ? error.message : String(error) };
    }
  }
  const { nodes = 'core' } = caughtBy;
  const options = { nodes, from: 1, to: caughtBy.seeds, maxEvents: null, twice: 0, failures: 1 };
  const { seeds, events, failures } = await runCampaign(options);
  return { caught: failures.length > 0, seeds, events, message: failures[0]?.message ?? '' };
}

console.log(JSON.stringify(await hunt(process.env['PLANTED_FAULT'] ?? '')));
