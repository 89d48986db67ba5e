/**
 * The certificates that a command trusts and shows: PEM files that flags or variables name. They are read and checked before anything
 * is called, so that a mistake is told with its flag and its file instead of as a connection that fails.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ClientTls } from '../client/index.ts';
import { EXIT } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** The flags that {@link addTlsFlags} adds, as commander gives them. */
export interface TlsFlags {
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Not GRAVEYAR_TLS_KEY and the like, which are settings of a server. */
const VARIABLES = {
  tlsCa: 'GRAVEYAR_CLIENT_TLS_CA',
  tlsCert: 'GRAVEYAR_CLIENT_TLS_CERT',
  tlsKey: 'GRAVEYAR_CLIENT_TLS_KEY',
} as const;

const FLAGS = { tlsCa: '--tls-ca', tlsCert: '--tls-cert', tlsKey: '--tls-key' } as const;

/** A file, and the flag or variable that names it. */
interface Named {
  readonly where: string;
  readonly path: string;
}

/** Adds the flags for TLS. */
export function addTlsFlags(command: Command): Command {
  return command
    .option(
      '--tls-ca <path>',
      `PEM file of the authority that signed the server's certificate; turns TLS on (${VARIABLES.tlsCa})`,
    )
    .option(
      '--tls-cert <path>',
      `PEM file of a certificate to show to a server that asks for one; turns TLS on (${VARIABLES.tlsCert})`,
    )
    .option('--tls-key <path>', `PEM file of that certificate's private key (${VARIABLES.tlsKey})`);
}

/**
 * What the files hold; flags win over variables, and an empty variable is none. Null: no TLS. Without an authority, those that
 * the system trusts. Throws {@link CommandFailure} for a file that cannot be used, and for a certificate or key alone.
 */
export function readClientTls(flags: TlsFlags, environment: Terminal['environment']): ClientTls | null {
  const named = (key: keyof TlsFlags): Named | null => {
    const flag = flags[key];
    if (flag !== undefined) return { where: FLAGS[key], path: flag };
    const variable = environment[VARIABLES[key]] ?? '';
    return variable === '' ? null : { where: VARIABLES[key], path: variable };
  };
  const [ca, cert, key] = [named('tlsCa'), named('tlsCert'), named('tlsKey')];
  if (ca === null && cert === null && key === null) return null;
  return {
    ...(ca === null ? {} : { ca: read(ca, certificateOf).bytes }),
    ...identity(cert, key),
  };
}

function identity(cert: Named | null, key: Named | null): Pick<ClientTls, 'cert' | 'key'> {
  if (cert === null && key === null) return {};
  if (key === null) throw alone(cert, `${FLAGS.tlsKey}, its private key`);
  if (cert === null) throw alone(key, `${FLAGS.tlsCert}, the certificate that it belongs to`);
  const shown = read(cert, certificateOf);
  const own = read(key, keyOf);
  if (!shown.value.checkPrivateKey(own.value))
    throw wrong(key, `${key.path} is not the key of the certificate in ${cert.path}`);
  return { cert: shown.bytes, key: own.bytes };
}

function read<T>(named: Named, parse: (bytes: Buffer) => T): { readonly bytes: Buffer; readonly value: T } {
  let bytes;
  try {
    bytes = readFileSync(named.path);
  } catch (error) {
    throw wrong(named, (error as Error).message);
  }
  try {
    return { bytes, value: parse(bytes) };
  } catch (error) {
    throw wrong(
      named,
      `${named.path} has no ${parse === certificateOf ? 'certificate' : 'unencrypted private key'} in PEM`,
      {
        cause: error,
      },
    );
  }
}

/** The first of the file. Files of other formats are refused here, as the handshake takes PEM alone. */
function certificateOf(bytes: Buffer): X509Certificate {
  if (!bytes.includes('-----BEGIN')) throw new Error('not PEM');
  return new X509Certificate(bytes);
}

function keyOf(bytes: Buffer): KeyObject {
  return createPrivateKey({ key: bytes, format: 'pem' });
}

function alone(named: Named | null, other: string): CommandFailure {
  return new CommandFailure(`${named?.where ?? ''}: it takes ${other}`, EXIT.usage);
}

function wrong({ where }: Named, what: string, options?: ErrorOptions): CommandFailure {
  return new CommandFailure(`${where}: ${what}`, EXIT.usage, options);
}
