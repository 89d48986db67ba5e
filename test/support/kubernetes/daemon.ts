/**
 * A program that runs until it is stopped, with its output in a file. It ends with the process that started it, however that
 * ends. Knows nothing of what it runs.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface DaemonOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** Its log is `<name>.log` here; several lives go to the same file. */
  readonly logDirectory: string;
  /** By default the program's own. */
  readonly name?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether it is started again when it ends by itself, as a service of a machine is. By default not. */
  readonly restarted?: boolean;
}

const STOP_MILLIS = 20_000;
const POLL_MILLIS = 50;
const RESTART_MILLIS = 500;
const LOG_LINES = 25;

/** One program, which may be started again after its end. */
export class Daemon {
  readonly name: string;
  readonly #options: DaemonOptions;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #stopping = true;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.name = options.name ?? basename(options.program);
  }

  get logFile(): string {
    return join(this.#options.logDirectory, `${this.name}.log`);
  }

  get running(): boolean {
    return this.#child !== null;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it, and resolves once `ready` says so. Throws with the end of its log when it ends first or is late. */
  async start(ready: () => Promise<boolean>, millis = 60_000): Promise<void> {
    if (this.#child !== null) throw new Error(`${this.name} runs already`);
    this.#stopping = false;
    this.#spawn();
    const end = performance.now() + millis;
    while (!(await ready().catch(() => false))) {
      if (!this.running && this.#options.restarted !== true)
        throw new Error(`${this.name} ended instead of starting:\n${this.logTail()}`);
      if (performance.now() > end) {
        await this.stop('SIGKILL');
        throw new Error(`${this.name} was not ready after ${millis} ms:\n${this.logTail()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
    }
  }

  #spawn(): void {
    const { program, args, environment } = this.#options;
    const log = openSync(this.logFile, 'a');
    writeSync(log, `--- ${program} ${args.join(' ')}\n`);
    // The kernel ends it when this process is gone, even by kill -9.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'] ?? '', HOME: this.#options.logDirectory, ...environment },
    });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const gone = (): void => {
        this.#child = null;
        resolve();
        if (this.#options.restarted === true) this.#restartLater();
      };
      child.once('error', gone);
      child.once('exit', gone);
    });
  }

  #restartLater(): void {
    const timer = setTimeout(() => {
      if (!this.#stopping && this.#child === null) this.#spawn();
    }, RESTART_MILLIS);
    timer.unref();
  }

  /** Ends it and resolves when it is gone. A program that does not heed the signal in time is killed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child === null) return;
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLIS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** The last lines that it wrote. */
  logTail(lines = LOG_LINES): string {
    if (!existsSync(this.logFile)) return '(no log)';
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }
}
