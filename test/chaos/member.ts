/**
 * One member of the store under test: a real server process on a host, with its data directory. It can be killed, paused and
 * started again. An end that nobody asked for is remembered.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cleanEnvironment, graveyarArguments } from '../support/server-process.ts';
import { clientFlags } from './cluster-commands.ts';
import { within } from './within.ts';
import type { Host } from './network/network.ts';

export interface MemberOptions {
  readonly name: string;
  readonly host: Host;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly flags: readonly string[];
  /** How it finds the others, at first. */
  readonly clusterFlags: readonly string[];
}

const START_MILLIS = 60_000;

/** Started by {@link start}; its log goes to a file of its own. */
export class Member {
  readonly options: MemberOptions;
  /** How the process ended by itself, in words; empty when it never did. */
  readonly unexpectedEnds: string[] = [];
  /** While true, the process may end by itself, as it does on a full disk. */
  mayEnd = false;
  /** While true, {@link start} does nothing: another fault is about to take the member's disk, and starts it itself. */
  heldBack = false;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #expectEnd = false;
  #paused = false;
  #leadsTerm: number | null = null;
  #memberName: string;
  #clusterFlags: readonly string[];
  #lives = 1;

  constructor(options: MemberOptions) {
    this.options = options;
    this.#memberName = options.name;
    this.#clusterFlags = options.clusterFlags;
  }

  get name(): string {
    return this.options.name;
  }

  /** Its name in the store: another one after each lost disk. */
  get memberName(): string {
    return this.#memberName;
  }

  get clientAddress(): string {
    return `${this.options.host.address}:${this.options.clientPort}`;
  }

  get peerAddress(): string {
    return `${this.options.host.address}:${this.options.peerPort}`;
  }

  /** The term that it leads, by its log; null when it follows or does not run. */
  get leadsTerm(): number | null {
    return this.#leadsTerm;
  }

  /** Starts the process; resolves when it runs, which is before it serves. Does nothing when it runs or is held back. */
  async start(): Promise<void> {
    if (this.#child !== null || this.heldBack) return;
    const { host, directory, dataDirectory, clientPort, flags, name } = this.options;
    const own = ['--data-directory', dataDirectory, ...clientFlags(host, clientPort)];
    const fixed = [
      ...own,
      '--metrics-host',
      host.listen ?? host.address,
      '--metrics-port',
      '0',
      '--log-format',
      'json',
    ];
    const [program = '', ...args] = [
      ...host.prefix,
      process.execPath,
      ...graveyarArguments('serve', ...fixed, ...flags, ...this.#clusterFlags),
    ];
    const log = createWriteStream(join(directory, `${name}.log`), { flags: 'a' });
    const child = spawn(program, args, { env: cleanEnvironment(), stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.pipe(log);
    createInterface({ input: child.stderr }).on('line', (line) => {
      const term = termLed(line);
      if (term !== undefined) this.#leadsTerm = term;
    });
    // A run that is interrupted leaves no process behind.
    const orphaned = (): boolean => child.kill('SIGKILL');
    process.once('exit', orphaned);
    this.#child = child;
    this.#expectEnd = false;
    this.#exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        process.removeListener('exit', orphaned);
        this.#child = null;
        this.#leadsTerm = null;
        this.#paused = false;
        if (!this.#expectEnd && !this.mayEnd)
          this.unexpectedEnds.push(`${name} ended by itself: ${String(code ?? signal)}`);
        resolve();
      });
    });
    await within(
      START_MILLIS,
      `${name} to be started`,
      new Promise((resolve, reject) => {
        child.once('spawn', () => resolve(undefined));
        child.once('error', reject);
      }),
    );
  }

  /** kill -9, and the end. */
  async kill(): Promise<void> {
    this.#expectEnd = true;
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** All its data are gone; it will begin as somebody else, with these flags. To be called while it does not run. */
  loseDisk(flags: (name: string, options: MemberOptions) => readonly string[]): void {
    const { dataDirectory, name } = this.options;
    for (const entry of readdirSync(dataDirectory))
      rmSync(join(dataDirectory, entry), { recursive: true, force: true });
    this.#memberName = `${name}-${++this.#lives}`;
    this.#clusterFlags = flags(this.#memberName, this.options);
  }

  /** SIGTERM, and the end; killed when it takes longer than `millis`, which resolves with false. */
  async stop(millis: number): Promise<boolean> {
    this.#expectEnd = true;
    if (this.#paused) this.resume();
    this.#child?.kill('SIGTERM');
    try {
      await within(millis, `${this.name} to stop`, this.#exited);
      return true;
    } catch {
      await this.kill();
      return false;
    }
  }

  /** SIGSTOP. */
  pause(): void {
    this.#paused = true;
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#paused = false;
    this.#child?.kill('SIGCONT');
  }
}

/** What a line of the log says of leadership: the term that the member leads, null for none; undefined: nothing. */
function termLed(line: string): number | null | undefined {
  try {
    const { message, term } = JSON.parse(line) as { message?: unknown; term?: unknown };
    if (message === 'this member leads' && typeof term === 'number') return term;
    return message === 'leadership changed' ? null : undefined;
  } catch {
    return undefined;
  }
}
