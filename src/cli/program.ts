/**
 * The commands of `graveyar` put together, and how one run ends: an exit code, and for a failure words on standard error.
 */
import { Command, CommanderError } from 'commander';
import { addAppendCommand } from './append-command.ts';
import { addBenchCommand } from './bench/bench-command.ts';
import { addEmptyServerCommand } from './bench/empty-server-command.ts';
import { addCheckCommand } from './check/check-command.ts';
import { addClusterCommand } from './cluster/cluster-command.ts';
import { addDevClusterCommand } from './dev-cluster/dev-cluster-command.ts';
import { EXIT, EXIT_CODE_HELP, interruptionCode } from './exit-code.ts';
import { describeFailure } from './failure.ts';
import { addReadCommand } from './read-command.ts';
import { addServeCommand } from './serve/serve-command.ts';
import { addStreamsCommand } from './streams-command.ts';
import { addTailCommand } from './tail-command.ts';
import type { Terminal } from './terminal.ts';
import { addExportCommand } from './transfer/export-command.ts';
import { addImportCommand } from './transfer/import-command.ts';

/** The commands in the order of the help. */
const COMMANDS: readonly ((program: Command, terminal: Terminal) => void)[] = [
  addServeCommand,
  addDevClusterCommand,
  addClusterCommand,
  addAppendCommand,
  addReadCommand,
  addTailCommand,
  addStreamsCommand,
  addImportCommand,
  addExportCommand,
  addCheckCommand,
  addBenchCommand,
  addEmptyServerCommand,
];

/** Runs `graveyar` with these arguments (without the program's own) and resolves with the exit code. Never rejects. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command('graveyar')
    .description('graveyar_db, an event-store database: the server, and what talks to it')
    .showSuggestionAfterError()
    .addHelpText('after', `\n${EXIT_CODE_HELP}`);
  for (const add of COMMANDS) add(program, terminal);
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      getOutHelpWidth: () => terminal.stdout.columns ?? 120,
      getErrHelpWidth: () => terminal.stderr.columns ?? 120,
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // Commander has written its message or the help by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { aborted, reason } = terminal.interrupted as { aborted: boolean; reason: unknown };
    if (aborted && error === reason) {
      terminal.stderr.write('graveyar: interrupted\n');
      return interruptionCode(reason);
    }
    const { lines, exitCode } = describeFailure(error);
    terminal.stderr.write(`graveyar: ${lines.join('\n')}\n`);
    return exitCode;
  }
}
