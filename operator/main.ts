#!/usr/bin/env node
/**
 * The operator's process: settings from flags and environment, logs to standard error, signals, and an exit code.
 */
import { keepProcessAlive, systemClock } from '../src/lib/clock.ts';
import { SettingsError } from '../src/config/load-settings.ts';
import { createPinoLogger } from '../src/telemetry/pino-logger.ts';
import { LeaseLost } from './kubernetes/lease-election.ts';
import { operatorVersion } from './version.ts';
import { runOperator } from './run-operator.ts';
import { loadOperatorSettings, parseArguments } from './settings.ts';
import type { OperatorSettings } from './settings.ts';

const EXIT = { failed: 1, usage: 2 } as const;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopping.abort(new Error(signal));
  });
}

const version = operatorVersion();
const settings = readSettings();
if (settings !== null) await run(settings);

/** Null: the process is to end with the exit code that is set. */
function readSettings(): OperatorSettings | null {
  try {
    const parsed = parseArguments(process.argv.slice(2), version);
    if (parsed.kind === 'run') return loadOperatorSettings(parsed.flags, process.env);
    process.stdout.write(parsed.text);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    for (const problem of error.problems) process.stderr.write(`graveyar-db-operator: ${problem}\n`);
    process.exitCode = EXIT.usage;
  }
  return null;
}

async function run(settings: OperatorSettings): Promise<void> {
  const { logLevel, logFormat } = settings;
  const format = logFormat === 'auto' ? (process.stderr.isTTY ? 'pretty' : 'json') : logFormat;
  const logger = createPinoLogger({ level: logLevel, format });
  const release = keepProcessAlive();
  process.once('uncaughtException', (error) => {
    logger.fatal('the operator has failed', { error });
    process.exit(EXIT.failed);
  });
  try {
    await runOperator(settings, { logger, clock: systemClock, version, stopping: stopping.signal });
    // What is left are connections that are being closed.
    process.exit(0);
  } catch (error) {
    logger.fatal(error instanceof LeaseLost ? 'the lease is lost' : 'the operator has failed', { error });
    process.exit(EXIT.failed);
  } finally {
    release();
  }
}
