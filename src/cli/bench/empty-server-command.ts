/**
 * The hidden command behind `graveyar bench`: the empty handler in a process of its own.
 */
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { writeJson } from '../terminal.ts';
import { EMPTY_SERVER_COMMAND, EMPTY_SERVER_READY } from './bench-command.ts';

const HOST = '127.0.0.1';

/** Adds the command. */
export function addEmptyServerCommand(program: Command, terminal: Terminal): void {
  program.command(EMPTY_SERVER_COMMAND, { hidden: true }).action(async () => {
    const { startEmptyServer } = await import('../../grpc/empty-server.ts');
    const port = await startEmptyServer(HOST);
    await writeJson(terminal.stderr, { message: EMPTY_SERVER_READY, host: HOST, port });
    await new Promise<void>((resolve) => {
      terminal.interrupted.addEventListener('abort', () => resolve(), { once: true });
    });
    // Its server has no end of its own.
    process.exit(0);
  });
}
