/**
 * The operator as a process of its own, as it is shipped, for tests that kill it.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LogLine } from '../server-process.ts';
import { ROOT } from '../source-tree.ts';

/** One process. */
export class OperatorProcess {
  readonly log: LogLine[] = [];
  /** The exit code; null: ended by a signal. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  /** `flags` are given besides those that it always needs. */
  constructor(kubeconfig: string, flags: readonly string[]) {
    const fixed = ['--kubeconfig', kubeconfig, '--metrics-port', '0', '--log-format', 'json'];
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('OPERATOR_'));
    this.#child = spawn(process.execPath, [join(ROOT, 'operator', 'main.ts'), ...fixed, ...flags], {
      env: Object.fromEntries(environment),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.exited = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.stderr === null) throw new Error('the process has no standard error');
    createInterface(this.#child.stderr).on('line', (line) => {
      if (line.startsWith('{')) this.log.push(JSON.parse(line) as LogLine);
    });
  }

  /** Whether it runs. */
  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Whether it has said this. */
  hasSaid(message: string): boolean {
    return this.log.some((line) => line.message === message);
  }

  /** What its port answers. */
  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const port = this.log.find(({ message }) => message === 'the operator runs')?.['metricsPort'];
    const response = await fetch(`http://127.0.0.1:${String(port)}${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** Sends a signal; resolves with the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.exited;
  }
}
