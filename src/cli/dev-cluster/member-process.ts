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

export interface MemberProcess {
  readonly pid: number;
  /** Resolves with how it ended, in words. */
  readonly exited: Promise<string>;
  /** SIGTERM, and the end. */
  stop(): Promise<void>;
}

/** Starts it. `onLine` gets what it logs. */
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
  createInterface({ input: child.stderr }).on('line', onLine);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('close', (code, signal) => {
      resolve(signal === null ? `exit code ${code ?? 0}` : `signal ${signal}`);
    });
  });
  return {
    pid: child.pid ?? 0,
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
