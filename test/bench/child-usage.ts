/**
 * What the processes that this one has started have used so far, as Linux counts it. Processor time is what can be compared on a machine
 * that others use too; rates there cannot.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface ChildUsage {
  readonly pid: number;
  /** User and system time of all threads. */
  readonly cpuMillis: number;
  readonly residentBytes: number;
}

/** Of sysconf(_SC_CLK_TCK), which is 100 wherever Node runs on Linux. */
const MILLIS_A_TICK = 10;

/** One for each child that runs, by pid. Throws where there is no /proc. */
export function childUsage(): ChildUsage[] {
  const pids = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return pids.sort((a, b) => a - b).map(usageOf);
}

function usageOf(pid: number): ChildUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold anything; what is counted from follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuMillis = (Number(fields[11]) + Number(fields[12])) * MILLIS_A_TICK;
  const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { pid, cpuMillis, residentBytes: Number(resident ?? 0) * 1024 };
}

/** Processor time of all of them together. */
export function totalCpuMillis(usages: readonly ChildUsage[]): number {
  return usages.reduce((sum, { cpuMillis }) => sum + cpuMillis, 0);
}
