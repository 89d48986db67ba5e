/**
 * `graveyar check`: whether a data directory is sound.
 */
import type { Command } from 'commander';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { Progress } from '../progress.ts';
import { grouped } from '../table.ts';
import { write, writeJson } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import type { CheckReport } from './check-directory.ts';

const HELP = `
Reads everything: each record's checksum and form, positions and revisions without holes, every index entry against the
events, and that the log and the state belong together. Changes nothing. The server must not be running.

Exits 0 when all is sound, 1 when there are problems.

Examples:
  graveyar check
  graveyar check /var/lib/graveyar --json`;

/** Adds the command. */
export function addCheckCommand(program: Command, terminal: Terminal): void {
  program
    .command('check')
    .description('verify a data directory')
    .argument('[directory]', 'the data directory', './data')
    .option('--json', 'print the report as one JSON object')
    .addHelpText('after', HELP)
    .action((directory: string, flags: { readonly json?: boolean }) => check(directory, flags.json === true, terminal));
}

async function check(path: string, json: boolean, terminal: Terminal): Promise<void> {
  // Loads RocksDB, which no other command should have to wait for.
  const { checkDirectory } = await import('./check-directory.ts');
  const progress = new Progress({ clock: terminal.clock, stream: terminal.stderr, unit: 'events' });
  let report: CheckReport;
  try {
    report = await checkDirectory(path, (checked, total) =>
      progress.update(checked, total > 0 ? checked / total : null),
    );
  } finally {
    progress.finish();
  }
  if (json) await writeJson(terminal.stdout, report);
  else await write(terminal.stdout, describe(report));
  if (!report.clean) throw new CommandFailure(`${path} has ${problems(report.problemCount)}`, EXIT.failed);
}

function describe(report: CheckReport): string {
  const { logFirstIndex, logLastIndex, logUnapplied } = report;
  const entries = logLastIndex < logFirstIndex ? 'no entries' : `entries ${logFirstIndex} to ${logLastIndex}`;
  const lines = [
    `state  ${grouped(report.events)} events in ${grouped(report.streams)} streams, ${grouped(report.records)} records, applied up to entry ${report.appliedIndex}`,
    `log    ${entries} in ${report.logSegments} files${logUnapplied > 0 ? `, ${grouped(logUnapplied)} of them to be applied at the next start` : ''}`,
    ...report.problems.map(({ where, kind, message }) => `${where.padEnd(5)}  ${kind}: ${message}`),
  ];
  const hidden = report.problemCount - report.problems.length;
  if (hidden > 0) lines.push(`and ${grouped(hidden)} more`);
  lines.push(report.clean ? `${report.directory} is sound` : `${report.directory} is NOT sound`);
  return `${lines.join('\n')}\n`;
}

function problems(count: number): string {
  return count === 1 ? '1 problem' : `${grouped(count)} problems`;
}
