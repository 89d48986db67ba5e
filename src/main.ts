#!/usr/bin/env node
/**
 * The `graveyar` command: hands the process's streams and signals to the program and exits with its code.
 */
import { EXIT } from './cli/exit-code.ts';
import { runProgram } from './cli/program.ts';
import { keepProcessAlive, systemClock } from './lib/clock.ts';

const interrupted = new AbortController();
const interrupt = (signal: NodeJS.Signals): void => {
  if (!interrupted.signal.aborted) interrupted.abort(signal);
  // The second time means now. By an exit rather than the signal's own end, which lets nobody clean up; a server says more, and ends itself.
  else if (process.listenerCount(signal) === 1) process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
};
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
// Not once: a terminal that is closed may say so twice, and the second time must not cut short what the first has begun.
process.on('SIGHUP', () => {
  interrupted.abort('SIGHUP');
});

// A reader that goes away (`graveyar read … | head`) has what it wanted. A terminal that was closed takes nothing while a command ends.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (interrupted.signal.reason === 'SIGHUP') return;
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  process.stderr.write(`graveyar: cannot write to standard output: ${error.message}\n`);
  process.exit(EXIT.disk);
});

process.stderr.on('error', () => undefined);

// Whatever a command waits for, the process does not end before it has an exit code.
const release = keepProcessAlive();
process.exitCode = await runProgram(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  clock: systemClock,
  interrupted: interrupted.signal,
});
release();
