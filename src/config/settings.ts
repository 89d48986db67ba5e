/**
 * Every setting of a server, in one table. The help, the environment, the file and `--print-config` all follow from it.
 */
import { addressListSetting, memberListSetting, optionalAddressSetting } from './address-setting.ts';
import {
  durationSetting,
  integerSetting,
  optionalIntegerSetting,
  optionalTextSetting,
  sizeSetting,
  switchSetting,
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
  host: textSetting('address that serves clients; :: for all of this machine', '<address>', '127.0.0.1'),
  port: integerSetting('port that serves clients; 0 takes a free one', PORTS, 4000),
  name: textSetting('name of this member; no two of a cluster have the same', '<name>', 'node-1'),
  initialMembers: memberListSetting(
    'the first members of a new cluster, this one among them: a=host:port,b=host:port,…',
  ),
  join: addressListSetting('members to ask to be added to their cluster: host:port,…'),
  waitForCluster: switchSetting(
    'with an empty data directory, do nothing until told to found a cluster or added to one (graveyar cluster found, add-learner)',
  ),
  peerHost: optionalTextSetting('address that other members reach; --host when not given', '<address>'),
  peerPort: optionalIntegerSetting(
    'port that other members reach; opened when it, --initial-members, --join or --wait-for-cluster is given (4002)',
    PORTS,
  ),
  advertisePeer: optionalAddressSetting('where other members reach this one, when that is not --peer-host:--peer-port'),
  advertiseClient: optionalAddressSetting('where clients reach this member, when that is not --host:--port'),
  electionTimeout: durationSetting(
    'how long without a leader before another is elected; the same for all members',
    { min: 100, max: 60 * SECOND },
    '1s',
  ),
  heartbeatInterval: durationSetting(
    'how often a leader says that it is there; the same for all members',
    { min: 10, max: 10 * SECOND },
    '100ms',
  ),
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
  tlsAuthority: optionalTextSetting(
    "PEM file of the authority of the members' certificates; needed to pass calls on to the leader",
    '<path>',
  ),
  tlsClientAuthority: optionalTextSetting('PEM file of the authority that client certificates must have', '<path>'),
  peerTlsCertificate: optionalTextSetting(
    'PEM file of the certificate for other members; turns TLS between them on',
    '<path>',
  ),
  peerTlsKey: optionalTextSetting("PEM file of that certificate's private key", '<path>'),
  peerTlsAuthority: optionalTextSetting("PEM file of the authority of all members' certificates", '<path>'),
  kubernetesPod: optionalTextSetting(
    'name of the pod that this server runs in; while it leads, the pod has the label graveyar.dev/role=leader',
    '<name>',
  ),
  kubernetesCredentials: textSetting(
    'where that pod finds its namespace, its token and the authority of the API server',
    '<path>',
    '/var/run/secrets/kubernetes.io/serviceaccount',
  ),
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
