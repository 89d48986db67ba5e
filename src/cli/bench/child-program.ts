/**
 * Another `graveyar` process of our own, for benchmarks: a server must not share a core's time with its client, as one
 * process would.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { CommandFailure } from '../failure.ts';

/** A child that listens. */
export interface ChildProgram {
  readonly address: string;
  readonly pid: number;
  /** Ends it, in order when it can, and resolves when it is gone. */
  stop(): Promise<void>;
}

const START_MILLIS = 60_000;
const STOP_MILLIS = 30_000;

/**
 * Runs this program with other arguments. Its standard error must be JSON lines; the one whose `message` is `ready` has the
 * `host` and `port`. Rejects when it ends before, or does not say so within a minute.
 */
export function startChild(args: readonly string[], ready: string, clock: Clock): Promise<ChildProgram> {
  const [script] = process.argv.slice(1);
  if (script === undefined) throw new CommandFailure('cannot tell which file this program is');
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('GRAVEYAR_'));
  const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: Object.fromEntries(environment),
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lastLines: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      child.kill('SIGKILL');
      reject(new CommandFailure(`the server for the benchmark ${reason}\n${lastLines.join('\n')}`));
    };
    const cancel = clock.setTimer(START_MILLIS, () => fail('did not start in time'));
    child.once('error', (error) => fail(`cannot be started: ${error.message}`));
    child.once('exit', (code) => fail(`ended with code ${String(code)}`));
    eachLine(child.stderr, (line) => {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
      const address = readyAddress(line, ready);
      if (address === null) return;
      cancel();
      child.removeAllListeners('exit');
      resolve({ address, pid: child.pid ?? 0, stop: () => stopChild(child, gone, clock) });
    });
  });
}

function eachLine(input: Readable, listener: (line: string) => void): void {
  createInterface({ input }).on('line', listener);
}

function readyAddress(line: string, ready: string): string | null {
  if (!line.startsWith('{')) return null;
  const { message, host, port } = JSON.parse(line) as { message?: unknown; host?: unknown; port?: unknown };
  return message === ready ? `${String(host)}:${String(port)}` : null;
}

async function stopChild(child: ChildProcess, gone: Promise<void>, clock: Clock): Promise<void> {
  child.kill('SIGTERM');
  const cancel = clock.setTimer(STOP_MILLIS, () => child.kill('SIGKILL'));
  await gone;
  cancel();
}
