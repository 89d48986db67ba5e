/**
 * How the commands that talk to a server find it: the flags they share, and the SDK client made of them.
 */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { GraveyarClient } from '../client/index.ts';
import { parseDuration } from '../config/duration.ts';
import { EXIT } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** The flags that {@link addServerFlags} adds, as commander gives them. */
export interface ServerFlags {
  readonly address?: string;
  readonly tlsCa?: string;
  readonly timeout?: number;
}

const DEFAULT_ADDRESS = '127.0.0.1:4000';

/** Whoever mistyped an address need not wait for longer; who waits for a server to start says so with --timeout. */
const CONNECT_MILLIS = 3_000;

/** The flag that says where the server is. */
export function addressFlag(): Option {
  const help = `server, or several with commas (GRAVEYAR_ADDRESS, default ${DEFAULT_ADDRESS})`;
  return new Option('--address <host:port>', help);
}

/** Adds the flags that say where the server is and how to talk to it. */
export function addServerFlags(command: Command): Command {
  return command
    .addOption(addressFlag())
    .option('--tls-ca <path>', 'PEM file of the authority that signed the certificate; turns TLS on')
    .addOption(
      new Option(
        '--timeout <duration>',
        'how long one call may take with its retries (default: 30s, but 3s when no server can be reached)',
      ).argParser(durationArgument),
    );
}

/** Runs `work` with a client for the flags, and closes it whatever happens. */
export async function withClient<T>(
  flags: ServerFlags,
  terminal: Terminal,
  work: (client: GraveyarClient) => Promise<T>,
): Promise<T> {
  const addresses = (flags.address ?? terminal.environment['GRAVEYAR_ADDRESS'] ?? DEFAULT_ADDRESS).split(',');
  const client = new GraveyarClient(addresses, {
    ...(flags.timeout === undefined ? { connectMillis: CONNECT_MILLIS } : { deadlineMillis: flags.timeout }),
    ...(flags.tlsCa === undefined ? {} : { tls: { ca: readPem(flags.tlsCa) } }),
  });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** A whole number from 0, as an argument. */
export function countArgument(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('It must be a whole number from 0.');
}

/** A duration like `5s`, as an argument; milliseconds. */
export function durationArgument(text: string): number {
  const millis = parseDuration(text);
  if (millis !== null && millis > 0) return millis;
  throw new InvalidArgumentError('It must be a duration like 250ms, 5s or 1m.');
}

/** Gathers an argument that may be given several times. */
export function listArgument(text: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), text];
}

function readPem(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandFailure(`--tls-ca: ${(error as Error).message}`, EXIT.usage);
  }
}
