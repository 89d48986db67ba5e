/**
 * A real server in a process of its own, for tests that kill it. Its log is read; nothing of it is faked.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { printHostPort } from '../../src/lib/tcp-reach.ts';
import { ROOT } from './source-tree.ts';

export const MAIN = join(ROOT, 'src', 'main.ts');

/** One line of the server's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: string };

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcess {
  readonly address: string;
  readonly metricsUrl: string;
  readonly pid: number;
  readonly log: readonly LogLine[];
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and the exit. */
  stop(): Promise<Exit>;
}

export interface ServerProcessOptions {
  readonly dataDirectory: string;
  readonly flags?: readonly string[];
  readonly spawn?: SpawnOptions;
}

/** Wide: on a busy machine a start has taken more than a minute. */
const START_MILLIS = 150_000;

/** The arguments that run `graveyar` on this Node from source. */
export function graveyarArguments(...args: readonly string[]): string[] {
  return [MAIN, ...args];
}

/** The environment without what configures a server. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('GRAVEYAR_'),
  );
  return { ...Object.fromEntries(inherited), ...extra };
}

/** Starts a server on free ports. Rejects, with its log, when it ends before it serves. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { dataDirectory, flags = [] } = options;
  const fixed = ['--data-directory', dataDirectory, '--port', '0', '--metrics-port', '0', '--log-format', 'json'];
  const child = spawn(process.execPath, graveyarArguments('serve', ...fixed, ...flags), {
    env: cleanEnvironment(),
    ...options.spawn,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const log: LogLine[] = [];
  const raw: string[] = [];
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const serving = new Promise<LogLine>((resolve) => {
    readLog(child, (line) => {
      raw.push(line);
      const parsed = parseLine(line);
      if (parsed === null) return;
      log.push(parsed);
      if (parsed.message === 'serving') resolve(parsed);
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), START_MILLIS)));
  const first = await Promise.race([serving, exited, late]);
  clearTimeout(timer);
  if (first === 'late' || !('message' in first)) {
    child.kill('SIGKILL');
    throw new Error(`the server did not start (${JSON.stringify(first)}):\n${raw.join('\n')}`);
  }
  return {
    address: addressIn(first, 'host', 'port'),
    metricsUrl: `http://${addressIn(first, 'metricsHost', 'metricsPort')}`,
    pid: child.pid ?? 0,
    log,
    exited,
    kill: (signal) => void child.kill(signal),
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

function addressIn(line: LogLine, host: string, port: string): string {
  return printHostPort({ host: String(line[host]), port: Number(line[port]) });
}

function readLog(child: ChildProcess, listener: (line: string) => void): void {
  if (child.stderr === null) throw new Error('the server has no standard error');
  createInterface({ input: child.stderr }).on('line', listener);
}

function parseLine(line: string): LogLine | null {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return null;
  }
}

/** What a command of the CLI did. */
export interface CommandResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `graveyar` to its end. Killed after `timeoutMillis`. */
export function runGraveyar(
  args: readonly string[],
  options: {
    readonly input?: string | Uint8Array;
    readonly env?: Record<string, string>;
    readonly timeoutMillis?: number;
    readonly spawn?: SpawnOptions;
    /** Gets what it writes to standard error, as it does. */
    readonly onStderr?: (text: string) => void;
  } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, graveyarArguments(...args), {
    env: cleanEnvironment(options.env),
    timeout: options.timeoutMillis ?? 60_000,
    killSignal: 'SIGKILL',
    ...options.spawn,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    options.onStderr?.(text);
  });
  // A command that fails early does not read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
