/**
 * Hunts faults in processes of their own, two at a time. Must not know how a fault is planted or found.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { PlantedFault } from './fault.ts';
import type { HuntResult } from './hunt.ts';

const run = promisify(execFile);
const ROOT = new URL('../../', import.meta.url).pathname;
const TIMEOUT_MILLIS = 240_000;
const PROCESSES = 2;

export interface HuntRow {
  readonly fault: PlantedFault;
  readonly result: HuntResult;
}

/** Hunts all the faults; `each` gets the rows as they come. */
export async function huntAll(faults: readonly PlantedFault[], each: (row: HuntRow) => void): Promise<HuntRow[]> {
  const rows: HuntRow[] = [];
  const waiting = [...faults];
  const work = async (): Promise<void> => {
    for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
      const row = { fault, result: await hunt(fault) };
      rows.push(row);
      each(row);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  return rows;
}

async function hunt(fault: PlantedFault): Promise<HuntResult> {
  const args = ['--import', './test/faults/plant.ts', 'test/faults/hunt.ts'];
  const env = { ...process.env, PLANTED_FAULT: fault.name };
  try {
    const { stdout } = await run(process.execPath, args, { cwd: ROOT, env, timeout: TIMEOUT_MILLIS });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as HuntResult;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { caught: false, seeds: 0, events: 0, message: `the hunt failed: ${message}` };
  }
}

/** A row of the table in Markdown. */
export function printRow({ fault, result }: HuntRow): string {
  const by =
    'scenario' in fault.caughtBy
      ? `scenario ${fault.caughtBy.scenario}`
      : `${result.seeds} seeds, ${result.events} events`;
  const message = result.message.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 160);
  return `| ${fault.name} | ${fault.mistake} | ${result.caught ? 'yes' : 'NO'} | ${by} | ${message} |`;
}
