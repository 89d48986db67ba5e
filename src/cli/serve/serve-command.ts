/**
 * `graveyar serve`: settings from everywhere, then a server until a signal.
 */
import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import { loadSettings, printSettings } from '../../config/load-settings.ts';
import type { SettingsSources } from '../../config/load-settings.ts';
import { flagOf, variableOf } from '../../config/setting.ts';
import { SETTING_KEYS, settingOf } from '../../config/settings.ts';
import type { SettingKey, Settings } from '../../config/settings.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createPinoLogger } from '../../telemetry/pino-logger.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { collectByHeapSize } from './collect-by-heap-size.ts';
import { endOnUnhandledErrors, endProcess, runUntilSignal } from './lifecycle.ts';

type ServeFlags = Partial<Record<SettingKey, string | true>> & {
  readonly config?: string;
  readonly printConfig?: boolean;
};

const HELP = `
Every setting is a flag, an environment variable and a key of the file: --data-directory, GRAVEYAR_DATA_DIRECTORY,
"dataDirectory". Flags win over the environment, the environment over the file, the file over the defaults.

Examples:
  graveyar serve
  graveyar serve --data-directory /var/lib/graveyar --host ::
  GRAVEYAR_PORT=5000 graveyar serve --config graveyar.json
  graveyar serve --print-config > graveyar.json

Stops on SIGTERM, SIGINT or SIGHUP: finishes what was admitted, then exits 0. A second SIGTERM or SIGINT ends it at once.`;

/** Adds the command. */
export function addServeCommand(program: Command, terminal: Terminal): void {
  const command = program.command('serve').description('run a server').addHelpText('after', HELP);
  for (const key of SETTING_KEYS) {
    const { description, placeholder, fallback } = settingOf(key);
    const standard = fallback === null ? '' : `, default ${fallback}`;
    command.addOption(new Option(`${flagOf(key)} ${placeholder}`, `${description} (${variableOf(key)}${standard})`));
  }
  command.option('--config <path>', 'a JSON file with settings (GRAVEYAR_CONFIG)');
  command.option('--print-config', 'print the settings in force as a configuration file, and exit');
  command.action((flags: ServeFlags) => serve(flags, terminal));
}

async function serve(flags: ServeFlags, terminal: Terminal): Promise<void> {
  const { environment, stdout } = terminal;
  const settings = loadSettings({ flags, environment, file: readFile(flags.config ?? environment['GRAVEYAR_CONFIG']) });
  if (flags.printConfig === true) {
    await write(stdout, printSettings(settings));
    return;
  }
  const logger = createLogger(settings, terminal);
  endOnUnhandledErrors(logger);
  collectByHeapSize();
  // Loads RocksDB, which no other command should have to wait for.
  const { startServer } = await import('./start-server.ts');
  const server = await startServer(settings, {
    logger,
    clock: terminal.clock,
    environment,
    onFatal: (error) => endProcess(logger, error),
  });
  const { clock, interrupted } = terminal;
  await runUntilSignal(server, { logger, clock, graceMillis: settings.gracePeriod, interrupted });
}

function readFile(path: string | undefined): SettingsSources['file'] {
  if (path === undefined) return null;
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new CommandFailure(`cannot read the configuration file: ${(error as Error).message}`, EXIT.usage);
  }
}

function createLogger(settings: Settings, { stderr }: Terminal): Logger {
  const { logLevel, logFormat } = settings;
  const format = logFormat === 'auto' ? (stderr.isTTY === true ? 'pretty' : 'json') : logFormat;
  return createPinoLogger({ level: logLevel, format });
}
