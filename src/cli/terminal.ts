/**
 * What a command has of the world: its streams, its environment and time. Passed in, so that nothing reaches for
 * globals. Output is written with back-pressure, and a reader that goes away ends the command quietly.
 */
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../lib/clock.ts';

export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Aborted by SIGINT, SIGTERM and SIGHUP; commands that run on end then. */
  readonly interrupted: AbortSignal;
}

/** Writes to the stream and waits until it takes more. Rejects with the stream's error, also one of an earlier write. */
export async function write(stream: Writable, text: string): Promise<void> {
  if (stream.errored !== null) throw stream.errored;
  if (!stream.write(text)) await once(stream, 'drain');
}

/** Writes a value as one line of JSON. */
export function writeJson(stream: Writable, value: unknown): Promise<void> {
  return write(stream, `${JSON.stringify(value)}\n`);
}
