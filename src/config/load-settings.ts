/**
 * Puts a server's settings together: flags win over the environment, the environment over the file, the file over the
 * defaults. Every value given is checked, also one that another overrides, and all errors are reported at once.
 *
 * Reads nothing itself: flags, environment and the file's text are passed in.
 */
import { LONGEST_NAME } from './address-setting.ts';
import { flagOf, ENVIRONMENT_PREFIX, variableOf } from './setting.ts';
import { SETTING_KEYS, settingOf } from './settings.ts';
import type { SettingKey, Settings } from './settings.ts';

/** Where settings may come from. */
export interface SettingsSources {
  /** By key; a flag that was not given is missing or undefined. */
  readonly flags: Readonly<Partial<Record<SettingKey, string | boolean | undefined>>>;
  /** The process's environment, as it is. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The configuration file, or null when there is none. */
  readonly file: { readonly path: string; readonly text: string } | null;
}

/** Variables of ours that are no settings of a server. */
export const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  'GRAVEYAR_CONFIG',
  'GRAVEYAR_ADDRESS',
  'GRAVEYAR_CLIENT_TLS_CA',
  'GRAVEYAR_CLIENT_TLS_CERT',
  'GRAVEYAR_CLIENT_TLS_KEY',
]);

/** The settings cannot be used. `problems` has one line for each thing to mend. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length === 1 ? 'an error' : `${problems.length} errors`}`);
    this.problems = problems;
  }
}

/** The settings in force. Throws {@link SettingsError} with everything that is wrong. */
export function loadSettings(sources: SettingsSources): Settings {
  const problems: string[] = [];
  const environment = ourVariables(sources.environment, problems);
  const file = parseFile(sources.file, problems);
  const values: Record<string, unknown> = {};
  for (const key of SETTING_KEYS) {
    const given = [
      { where: flagOf(key), raw: sources.flags[key] },
      { where: variableOf(key), raw: environment.get(variableOf(key)) },
      { where: `"${key}" in ${sources.file?.path ?? 'the file'}`, raw: file.get(key) },
    ].filter(({ raw }) => raw !== undefined);
    const checked = given.map(({ where, raw }) => check(key, where, raw, problems));
    values[key] = given.length > 0 ? checked[0] : settingOf(key).schema.parse(settingOf(key).fallback);
  }
  const settings = values as unknown as Settings;
  if (problems.length === 0) checkRelations(settings, problems);
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

/** The settings as a configuration file. What is not set is left out. */
export function printSettings(settings: Settings): string {
  const entries = SETTING_KEYS.filter((key) => settings[key] !== null).map((key) => [
    key,
    settingOf(key).print(settings[key]),
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

function check(key: SettingKey, where: string, raw: unknown, problems: string[]): unknown {
  const result = settingOf(key).schema.safeParse(raw);
  if (result.success) return result.data;
  const rules = result.error.issues.map((issue) => issue.message).join('; ');
  problems.push(`${where}: ${JSON.stringify(raw)} ${rules}`);
  return undefined;
}

function ourVariables(environment: SettingsSources['environment'], problems: string[]): Map<string, string> {
  const known = new Set(SETTING_KEYS.map(variableOf));
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || value === undefined) continue;
    if (isServiceLink(name, value) || OTHER_VARIABLES.has(name)) continue;
    if (known.has(name)) found.set(name, value);
    else problems.push(`${name}: no such setting${suggestion(name, [...known])}`);
  }
  return found;
}

/**
 * Kubernetes gives every pod variables for each Service of its namespace, and a Service called `graveyar` would set
 * GRAVEYAR_PORT to "tcp://10.0.0.1:4000". They are not meant for us.
 */
export function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT|PORT_[A-Z0-9_]+)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

function parseFile(file: SettingsSources['file'], problems: string[]): Map<string, unknown> {
  if (file === null) return new Map();
  let content: unknown;
  try {
    content = JSON.parse(file.text);
  } catch (error) {
    problems.push(`${file.path}: not valid JSON: ${(error as Error).message}`);
    return new Map();
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`${file.path}: must hold one JSON object with settings`);
    return new Map();
  }
  const found = new Map<string, unknown>(Object.entries(content));
  for (const key of found.keys()) {
    if ((SETTING_KEYS as readonly string[]).includes(key)) continue;
    problems.push(`"${key}" in ${file.path}: no such setting${suggestion(key, SETTING_KEYS)}`);
  }
  return found;
}

function checkRelations(settings: Settings, problems: string[]): void {
  if ((settings.tlsCertificate === null) !== (settings.tlsKey === null)) {
    problems.push('--tls-certificate and --tls-key: must be given together');
  }
  if (settings.tlsClientAuthority !== null && settings.tlsCertificate === null) {
    problems.push('--tls-client-authority: needs --tls-certificate and --tls-key');
  }
  if (settings.port !== 0 && settings.port === settings.metricsPort && settings.host === settings.metricsHost) {
    problems.push(`--port and --metrics-port: both are ${settings.port} on ${settings.host}; they must differ`);
  }
  checkCluster(settings, problems);
  if (settings.logSize < settings.segmentSize) {
    problems.push('--log-size: must be at least --segment-size, as the log is cut by whole files');
  }
}

function checkCluster(settings: Settings, problems: string[]): void {
  const { name, initialMembers, join, waitForCluster, peerPort, port, electionTimeout, heartbeatInterval } = settings;
  if (Buffer.byteLength(name) > LONGEST_NAME) problems.push(`--name: must be at most ${LONGEST_NAME} bytes long`);
  if (initialMembers !== null && join !== null) {
    problems.push('--initial-members and --join: a member is one of the first, or is added later; give one of them');
  }
  if (waitForCluster && (initialMembers !== null || join !== null)) {
    problems.push('--wait-for-cluster: cannot be given with --initial-members or --join, which do not wait to be told');
  }
  if (initialMembers !== null && !initialMembers.some((member) => member.name === name)) {
    problems.push(`--initial-members: must have this member, --name ${name}`);
  }
  const others = initialMembers !== null || join !== null || waitForCluster || peerPort !== null;
  if (others && ((port === 0 && settings.advertiseClient === null) || peerPort === 0)) {
    problems.push('--port and --peer-port: must not be 0 in a cluster, whose members tell each other where they are');
  }
  if (electionTimeout < 5 * heartbeatInterval) {
    problems.push('--election-timeout: must be at least 5 times --heartbeat-interval, so that lost ones do no harm');
  }
  const peerTls = [settings.peerTlsCertificate, settings.peerTlsKey, settings.peerTlsAuthority];
  if (peerTls.some((path) => path === null) && peerTls.some((path) => path !== null)) {
    problems.push('--peer-tls-certificate, --peer-tls-key and --peer-tls-authority: must be given together');
  }
  if (others && settings.tlsCertificate !== null && settings.tlsAuthority === null) {
    problems.push('--tls-authority: is needed with --tls-certificate in a cluster, to pass calls on to the leader');
  }
}

/** `; did you mean …?` when one of the names differs from this one by case, separators or a letter or two. */
function suggestion(name: string, names: readonly string[]): string {
  const near = names.find((candidate) => distance(plain(name), plain(candidate)) <= 2);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

function plain(name: string): string {
  return name.replace(/[_-]/g, '').toLowerCase();
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
