/**
 * One member of a cluster for trying things out: `graveyar serve` in a process of its own. Its log is handed on line by line.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

export interface MemberPlan {
  readonly name: string;
  /** Where its data lives. */
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly peerPort: number;
  /** As `--initial-members` takes it. */
  readonly initialMembers: string;
}

/** How a member ended. */
export interface MemberExit {
  /** Null: a signal ended it, or it was never started. */
  readonly code: number | null;
  readonly words: string;
}

/** The part of its log that says that clients are served: the message behind the level. */
const SERVING = '\u001b[0m serving ';

export interface MemberProcess {
  readonly pid: number;
  /** Resolves when it serves; never when it ends before. */
  readonly serving: Promise<void>;
  readonly exited: Promise<MemberExit>;
  /** SIGTERM, and the end. */
  stop(): Promise<void>;
}

/** Starts it. `onLine` gets what it logs. It is told to stop when this process ends first, in whatever order that ends. */
export function startMemberProcess(
  plan: MemberPlan,
  environment: Readonly<Record<string, string | undefined>>,
  onLine: (line: string) => void,
): MemberProcess {
  mkdirSync(plan.directory, { recursive: true });
  const flags = [
    ...['--name', plan.name, '--data-directory', plan.directory, '--host', plan.host, '--port', String(plan.port)],
    ...['--metrics-host', plan.host, '--metrics-port', String(plan.metricsPort)],
    ...['--peer-host', plan.host, '--peer-port', String(plan.peerPort), '--initial-members', plan.initialMembers],
    ...['--log-format', 'pretty'],
  ];
  const program = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, program, 'serve', ...flags], {
    env: withoutSettings(environment),
    stdio: ['ignore', 'ignore', 'pipe'],
    // Ctrl-C goes to all processes of the terminal; these are stopped in order instead.
    detached: true,
  });
  const abandon = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', abandon);
  const serving = new Promise<void>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      onLine(line);
      if (line.includes(SERVING)) resolve();
    });
  });
  const exited = new Promise<MemberExit>((resolve) => {
    child.once('error', (error) => {
      resolve({ code: null, words: error.message });
    });
    child.once('close', (code, signal) => {
      process.removeListener('exit', abandon);
      resolve({ code, words: signal === null ? `exit code ${code ?? 0}` : `signal ${signal}` });
    });
  });
  return {
    pid: child.pid ?? 0,
    serving,
    exited,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Settings of ours in the environment are meant for a single server. */
function withoutSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('GRAVEYAR_')));
}
