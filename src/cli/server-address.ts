/**
 * How the commands that talk to a server find it: the flags they share, and the SDK client made of them.
 */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { GraveyarClient } from '../client/index.ts';
import { parseDuration } from '../config/duration.ts';
import { addTlsFlags, readClientTls } from './client-tls.ts';
import type { TlsFlags } from './client-tls.ts';
import type { Terminal } from './terminal.ts';

/** The flags that {@link addServerFlags} adds, as commander gives them. */
export interface ServerFlags extends TlsFlags {
  readonly address?: string;
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
  return addTlsFlags(command.addOption(addressFlag())).addOption(
    new Option(
      '--timeout <duration>',
      'how long one call may take with its retries; of read and export, how long nothing may come (default: 30s, but 3s when no server can be reached)',
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
  const tls = readClientTls(flags, terminal.environment);
  const client = new GraveyarClient(addresses, {
    connectMillis: flags.timeout ?? CONNECT_MILLIS,
    ...(flags.timeout === undefined ? {} : { deadlineMillis: flags.timeout }),
    ...(tls === null ? {} : { tls }),
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
