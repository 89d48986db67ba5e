/**
 * What a failure means to whoever started the command: words without a stack, and an exit code. Expected failures are
 * told in their own words; everything else is a defect and keeps its stack.
 */
import { StoreError } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { SettingsError } from '../config/load-settings.ts';
import { printHostPort } from '../lib/tcp-reach.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';

/** A command cannot go on; the message says why in full. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export interface Failure {
  /** One or more lines, the first of them the gist. */
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/** Also of errors that the SDK raises, which carry the same codes. */
const EXIT_CODES: Readonly<Record<ErrorCode, ExitCode>> = {
  INVALID_ARGUMENT: EXIT.usage,
  WRONG_EXPECTED_VERSION: EXIT.conflict,
  EVENT_ID_CONFLICT: EXIT.conflict,
  APPEND_CONDITION_FAILED: EXIT.conflict,
  STREAM_NOT_FOUND: EXIT.notFound,
  OVERLOADED: EXIT.unavailable,
  CANCELLED: EXIT.unavailable,
  DEADLINE_EXCEEDED: EXIT.unavailable,
  OUTCOME_UNKNOWN: EXIT.unavailable,
  NOT_SERVING: EXIT.unavailable,
  NOT_LEADER: EXIT.unavailable,
  MEMBER_NOT_FOUND: EXIT.notFound,
  MEMBERSHIP_REFUSED: EXIT.conflict,
  STORAGE_CORRUPT: EXIT.corrupt,
  STORAGE_LOCKED: EXIT.locked,
  STORAGE_FORMAT_TOO_NEW: EXIT.tooNew,
  STORAGE_IO: EXIT.disk,
};

/** Codes that only the SDK has. */
const CLIENT_EXIT_CODES: Readonly<Record<string, ExitCode>> = { ...EXIT_CODES, UNAVAILABLE: EXIT.unavailable };

/** What the system says when an address cannot be listened on. */
const ADDRESS_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process; stop it or choose another port',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EAFNOSUPPORT: 'is of a family that the kernel of this machine does not have; :: takes what there is',
  EACCES: 'needs a privilege that this process does not have; choose a port from 1024 on',
  ENOTFOUND: 'is a name that cannot be resolved',
  EAI_AGAIN: 'is a name that cannot be resolved now',
};

/** Words and exit code for any error. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof SettingsError) {
    return { lines: [`${error.message}:`, ...error.problems.map((line) => `  ${line}`)], exitCode: EXIT.usage };
  }
  if (error instanceof CommandFailure) return { lines: [error.message], exitCode: error.exitCode };
  if (error instanceof StoreError) return storeFailure(error as StoreError);
  if (!(error instanceof Error)) return { lines: [`unexpected failure: ${String(error)}`], exitCode: EXIT.internal };
  const { code } = error as { code?: unknown };
  const known = typeof code === 'string' ? CLIENT_EXIT_CODES[code] : undefined;
  if (known !== undefined) return { lines: [error.message], exitCode: known };
  if (error.message.includes('libatomic')) {
    const advice =
      'the RocksDB binding needs the system library libatomic; install it (Debian: apt-get install libatomic1)';
    return { lines: [advice], exitCode: EXIT.failed };
  }
  return { lines: [error.stack ?? error.message], exitCode: EXIT.internal };
}

/** The failure to listen on an address, in plain words; other errors as they are. */
export function listenFailure(error: unknown, what: string, host: string, port: number): unknown {
  const { code } = error as { code?: unknown };
  const reason = typeof code === 'string' ? ADDRESS_ERRORS[code] : undefined;
  if (reason === undefined) return error;
  return new CommandFailure(`${what}: ${printHostPort({ host, port })} ${reason}`, EXIT.address, { cause: error });
}

function storeFailure(error: StoreError): Failure {
  const lines = [error.message];
  if (error.is('STORAGE_CORRUPT') && !error.message.includes(error.details.advice)) lines.push(error.details.advice);
  return { lines, exitCode: EXIT_CODES[error.code] };
}
