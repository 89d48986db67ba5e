/**
 * The logger port: what every layer may say, and to whom. Knows nothing of where the lines go (pino-logger.ts) nor of who
 * speaks. One line for each thing an operator may act on; nothing per request.
 */

/** From the quietest to the loudest; `silent` says nothing at all. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Structured facts beside the message. Names are camelCase; an error goes under `error` and is printed with its cause. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines. Never throws, and has written the line when it returns. */
export interface Logger {
  /** The process is about to end because of this. */
  fatal(message: string, fields?: LogFields): void;
  /** Something failed that should not. */
  error(message: string, fields?: LogFields): void;
  /** Something an operator should look at soon. */
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

/** Says nothing. For tests and for embedding. */
export const silentLogger: Logger = {
  fatal: () => undefined,
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLogger,
};
