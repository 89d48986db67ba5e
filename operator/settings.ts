/**
 * Every setting of the operator, in one table, in the manner of the server's: `leaseName` is `--lease-name` and `OPERATOR_LEASE_NAME`. Flags win
 * over the environment. There is no file: a Deployment has both.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { isServiceLink, SettingsError } from '../src/config/load-settings.ts';
import {
  durationSetting,
  flagOf,
  integerSetting,
  optionalTextSetting,
  textSetting,
  wordSetting,
} from '../src/config/setting.ts';
import type { Setting } from '../src/config/setting.ts';
import { LOG_LEVELS } from '../src/telemetry/logger.ts';

const SECOND = 1000;
const PREFIX = 'OPERATOR_';
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** In the order of the help. */
export const operatorSettings = {
  namespaces: namespacesSetting('namespaces to look after, a,b,…; all of them when not given'),
  kubeconfig: optionalTextSetting(
    'how to reach the API server; the service account of the pod, KUBECONFIG or ~/.kube/config when not given',
    '<path>',
  ),
  identity: optionalTextSetting('name of this process, such as its pod; the name of the host when not given', '<name>'),
  leaseName: textSetting('Lease by which one of several operators is at work', '<name>', 'graveyar-db-operator'),
  leaseNamespace: optionalTextSetting("namespace of that Lease; the pod's own, or default, when not given", '<name>'),
  leaseDuration: durationSetting(
    'how long a Lease that is not renewed keeps others away, in whole seconds',
    { min: 3 * SECOND, max: 300 * SECOND },
    '15s',
  ),
  resync: durationSetting(
    'a cluster is looked at at least this often; its members are asked each time',
    { min: 1 * SECOND, max: 300 * SECOND },
    '10s',
  ),
  relist: durationSetting(
    'everything is listed anew about this often, whatever watches have told',
    { min: 10 * SECOND, max: 24 * 3600 * SECOND },
    '10m',
  ),
  callTimeout: durationSetting('for each call to the API server', { min: 1 * SECOND, max: 60 * SECOND }, '10s'),
  memberTimeout: durationSetting('for asking a member how it is', { min: 100, max: 30 * SECOND }, '2s'),
  changeTimeout: durationSetting(
    'for one change of members, or of leadership',
    { min: 1 * SECOND, max: 120 * SECOND },
    '15s',
  ),
  workers: integerSetting('clusters that are worked on at a time', { min: 1, max: 100 }, 4),
  gracePeriod: durationSetting(
    'how long a shutdown may take to finish what was begun',
    { min: 0, max: 300 * SECOND },
    '20s',
  ),
  metricsHost: textSetting('address of /metrics, /livez and /readyz', '<address>', '127.0.0.1'),
  metricsPort: integerSetting(
    'port of /metrics, /livez and /readyz; 0 takes a free one',
    { min: 0, max: 65_535 },
    8080,
  ),
  logLevel: wordSetting('least important lines to log', LOG_LEVELS, 'info'),
  logFormat: wordSetting('json, pretty, or auto: pretty on a terminal', ['auto', 'json', 'pretty'], 'auto'),
} as const;

type Key = keyof typeof operatorSettings;

/** The operator's settings, all checked. Durations in milliseconds. */
export type OperatorSettings = {
  readonly [K in Key]: (typeof operatorSettings)[K] extends Setting<infer T> ? T : never;
};

const KEYS = Object.keys(operatorSettings) as readonly Key[];

/** What the command line asks for besides running: text to print. */
export type ParsedArguments =
  | { readonly kind: 'run'; readonly flags: Readonly<Partial<Record<Key, string>>> }
  | { readonly kind: 'print'; readonly text: string };

/** Reads the command line. Throws {@link SettingsError} with what is wrong. */
export function parseArguments(args: readonly string[], version: string): ParsedArguments {
  const printed: string[] = [];
  const command = new Command('graveyar-db-operator')
    .description('Keeps the clusters of GraveyarCluster objects as they are wanted.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .exitOverride()
    .configureOutput({ writeOut: (text) => printed.push(text), writeErr: () => undefined });
  for (const key of KEYS) {
    const { description, placeholder, fallback } = settingOf(key);
    const value = fallback === null || fallback === '' ? '' : ` (${fallback})`;
    command.option(`${flagOf(key)} ${placeholder}`, `${description}${value} [${variableOf(key)}]`);
  }
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (printed.length > 0) return { kind: 'print', text: printed.join('') };
    throw new SettingsError([(error as Error).message.replace(/^error: /, '')]);
  }
  return { kind: 'run', flags: command.opts<Partial<Record<Key, string>>>() };
}

/** The settings in force. Throws {@link SettingsError} with everything that is wrong. */
export function loadOperatorSettings(
  flags: Readonly<Partial<Record<Key, string>>>,
  environment: Readonly<Record<string, string | undefined>>,
): OperatorSettings {
  const problems: string[] = [];
  checkVariables(environment, problems);
  const values: Record<string, unknown> = {};
  for (const key of KEYS) {
    const given = [
      { where: flagOf(key), raw: flags[key] },
      { where: variableOf(key), raw: environment[variableOf(key)] },
    ].filter(({ raw }) => raw !== undefined);
    const checked = given.map(({ where, raw }) => {
      const result = settingOf(key).schema.safeParse(raw);
      if (result.success) return result.data;
      const rules = result.error.issues.map(({ message }) => message).join('; ');
      problems.push(`${where}: ${JSON.stringify(raw)} ${rules}`);
      return undefined;
    });
    values[key] = given.length > 0 ? checked[0] : settingOf(key).schema.parse(settingOf(key).fallback);
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return values as OperatorSettings;
}

function variableOf(key: Key): string {
  return PREFIX + key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function settingOf(key: Key): Setting<unknown> {
  return operatorSettings[key] as Setting<unknown>;
}

function checkVariables(environment: Readonly<Record<string, string | undefined>>, problems: string[]): void {
  const known = new Set(KEYS.map(variableOf));
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || value === undefined || known.has(name) || isServiceLink(name, value)) continue;
    problems.push(`${name}: no such setting`);
  }
}

/** Names of namespaces; null: all. An empty text is null, as a chart's value that is not set. */
function namespacesSetting(description: string): Setting<readonly string[] | null> {
  const rule = 'must be names of namespaces with commas between them';
  const schema = z.string({ error: rule }).transform((text, context): readonly string[] | null => {
    const names = text.split(',').map((name) => name.trim());
    if (names.length === 1 && names[0] === '') return null;
    if (names.every((name) => NAMESPACE.test(name))) return [...new Set(names)];
    context.addIssue(rule);
    return z.NEVER;
  });
  return { description, placeholder: '<names>', fallback: '', schema, print: (names) => (names ?? []).join(',') };
}
