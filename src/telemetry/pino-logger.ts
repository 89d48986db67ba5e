/**
 * The logger in production: pino, one JSON object a line for machines or one short line for people.
 *
 * Writes are synchronous, so that the last line before the process ends is never lost; the store logs little. Must not know
 * what the fields mean.
 */
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import type { Logger as Pino } from 'pino';
import type { LogFields, Logger, LogLevel } from './logger.ts';

export type LogFormat = 'json' | 'pretty';

export interface PinoLoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Gets every line with its newline. Default: standard error, synchronously. */
  readonly write?: (line: string) => void;
  /** Fields of every line. */
  readonly fields?: LogFields;
}

/** Makes the logger. Lines carry `time` (ISO 8601), `level` (a word), `message` and the fields. */
export function createPinoLogger(options: PinoLoggerOptions): Logger {
  const write = options.write ?? writeToStderr;
  const target = options.format === 'json' ? write : (line: string) => write(prettyLine(line));
  const base = pino(
    {
      level: options.level,
      base: { ...options.fields },
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    { write: target },
  );
  return wrap(base);
}

function wrap(target: Pino): Logger {
  return {
    fatal: (message, fields = {}) => target.fatal(fields, message),
    error: (message, fields = {}) => target.error(fields, message),
    warn: (message, fields = {}) => target.warn(fields, message),
    info: (message, fields = {}) => target.info(fields, message),
    debug: (message, fields = {}) => target.debug(fields, message),
    child: (fields) => wrap(target.child(fields)),
  };
}

function writeToStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Nobody reads the log any more (closed pipe, full pipe of a stopped reader): the store goes on without it.
  }
}

/** What is logged of an error: typed details when it has them, the stack, and its causes. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, details } = error as { code?: unknown; details?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(details === undefined ? {} : { details }),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

const COLOURS: Readonly<Record<string, string>> = {
  fatal: '\u001b[41m',
  error: '\u001b[31m',
  warn: '\u001b[33m',
  info: '\u001b[32m',
  debug: '\u001b[2m',
};

/** One JSON line as `12:00:00.000 info  message key=value`. A stack goes on lines of its own. */
export function prettyLine(line: string): string {
  const { time, level, message, error, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const word = String(level);
  const clock = String(time).slice(11, 23);
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`);
  const head = `${clock} ${COLOURS[word] ?? ''}${word.padEnd(5)}\u001b[0m ${String(message)}${pairs.join('')}\n`;
  if (error === undefined) return head;
  const { stack, message: reason } = (error ?? {}) as { stack?: unknown; message?: unknown };
  return `${head}      ${plain(stack ?? reason ?? error).replaceAll('\n', '\n      ')}\n`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
