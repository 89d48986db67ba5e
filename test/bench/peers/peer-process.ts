/**
 * Programs of the comparison as child processes on loopback: started with their output in a file, awaited until a port of theirs
 * answers, and ended with everything they wrote.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { connect } from 'node:net';

const START_MILLIS = 30_000;

/** A program that runs. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(program: string, args: readonly string[], log: string) {
    const file = openSync(log, 'a');
    this.#child = spawn(program, args, {
      stdio: ['ignore', file, file],
      env: { ...process.env, ETCD_UNSUPPORTED_ARCH: '' },
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  /** Kills it. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** Resolves when something listens on the port. */
export async function listening(port: number): Promise<void> {
  const deadline = performance.now() + START_MILLIS;
  while (!(await answers(port))) {
    if (performance.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
