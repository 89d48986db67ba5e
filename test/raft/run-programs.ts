/**
 * Runs programs made by the real implementation and compares states: `node test/raft/run-programs.ts FILE…`.
 *
 * One program a line, plain or gzip. Prints one line of JSON. Exits 1 when a comparison of node states fails, when nothing
 * was compared, and when a file cannot be read.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { type Failure, newTallies, type Program, runProgram } from './harness/program.ts';

/** Failures that are printed; all are counted. */
const MAX_FAILURES = 20;

async function* programsOf(file: string): AsyncGenerator<Program> {
  const raw = createReadStream(file);
  const stream = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  raw.on('error', (error) => stream.destroy(error));
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    if (line.trim() !== '') yield JSON.parse(line) as Program;
  }
}

async function main(files: readonly string[]): Promise<number> {
  const tallies = newTallies();
  const failures: Failure[] = [];
  let programs = 0;
  for (const file of files) {
    for await (const program of programsOf(file)) {
      programs++;
      const found = runProgram(program, tallies, true);
      failures.push(...found.slice(0, MAX_FAILURES - failures.length));
    }
  }
  console.log(JSON.stringify({ programs, ...tallies, failures }));
  return tallies.L0.failed > 0 || tallies.L0.passed === 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`cannot run the programs: ${String(error)}`);
  process.exitCode = 1;
}
