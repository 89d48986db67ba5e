/**
 * Every setting of a server, in one table. The help, the environment, the file and `--print-config` all follow from it.
 */
import {
  durationSetting,
  integerSetting,
  optionalTextSetting,
  sizeSetting,
  textSetting,
  wordSetting,
} from './setting.ts';
import type { Setting } from './setting.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const SECOND = 1000;
/** The words of the logger port; the composition root does not compile when they differ. */
const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug'] as const;
const PORTS = { min: 0, max: 65_535 };

/** In the order of the help. */
export const settings = {
  dataDirectory: textSetting('where the data lives; created when missing', '<path>', './data'),
  host: textSetting('address that serves clients', '<address>', '127.0.0.1'),
  port: integerSetting('port that serves clients; 0 takes a free one', PORTS, 4000),
  metricsHost: textSetting('address of /metrics, /livez and /readyz', '<address>', '127.0.0.1'),
  metricsPort: integerSetting('port of /metrics, /livez and /readyz; 0 takes a free one', PORTS, 4001),
  logLevel: wordSetting('least important lines to log', LOG_LEVELS, 'info'),
  logFormat: wordSetting('json, pretty, or auto: pretty on a terminal', ['auto', 'json', 'pretty'], 'auto'),
  gracePeriod: durationSetting(
    'how long a shutdown may take to finish what was admitted',
    { min: 0, max: 3600 * SECOND },
    '10s',
  ),
  segmentSize: sizeSetting('size of one file of the log', { min: 1 * MiB, max: 1 * GiB }, '64MiB'),
  logSize: sizeSetting(
    'how far the log may grow before its old part is cut; bounds the restart time',
    { min: 1 * MiB, max: 64 * GiB },
    '64MiB',
  ),
  tlsCertificate: optionalTextSetting('PEM file of the certificate chain; turns TLS on', '<path>'),
  tlsKey: optionalTextSetting("PEM file of the certificate's private key", '<path>'),
  tlsClientAuthority: optionalTextSetting('PEM file of the authority that client certificates must have', '<path>'),
} as const;

export type SettingKey = keyof typeof settings;

/** A server's settings, all checked. Sizes in bytes, durations in milliseconds. */
export type Settings = { readonly [K in SettingKey]: (typeof settings)[K] extends Setting<infer T> ? T : never };

/** Keys in the order of the help. */
export const SETTING_KEYS = Object.keys(settings) as readonly SettingKey[];

/** The setting, for code that goes over all of them. */
export function settingOf(key: SettingKey): Setting<unknown> {
  return settings[key] as Setting<unknown>;
}
