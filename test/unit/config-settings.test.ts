// Settings: where they come from, who wins, and that every mistake is named at once.
import { describe, expect, it } from 'vitest';
import { loadSettings, printSettings, SettingsError } from '../../src/config/load-settings.ts';
import type { SettingsSources } from '../../src/config/load-settings.ts';
import { flagOf, variableOf } from '../../src/config/setting.ts';
import { SETTING_KEYS } from '../../src/config/settings.ts';

function load(sources: Partial<SettingsSources>): ReturnType<typeof loadSettings> {
  return loadSettings({ flags: {}, environment: {}, file: null, ...sources });
}

function problemsOf(sources: Partial<SettingsSources>): readonly string[] {
  try {
    load(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as SettingsError).problems;
  }
  throw new Error('expected the settings to be refused');
}

const file = (content: unknown): SettingsSources['file'] => ({ path: 'graveyar.json', text: JSON.stringify(content) });

describe('settings', () => {
  it('has defaults that need nothing', () => {
    const settings = load({});
    expect(settings).toMatchObject({ dataDirectory: './data', host: '127.0.0.1', port: 4000, gracePeriod: 10_000 });
    expect(settings.segmentSize).toBe(64 * 1024 * 1024);
    expect(settings.tlsKey).toBeNull();
  });

  it('prefers flags to the environment, the environment to the file, the file to defaults', () => {
    const all = {
      flags: { port: '1001' },
      environment: { GRAVEYAR_PORT: '1002', GRAVEYAR_HOST: '10.0.0.2' },
      file: file({ port: 1003, host: '10.0.0.3', metricsPort: 2003 }),
    };
    const settings = load(all);
    expect([settings.port, settings.host, settings.metricsPort]).toEqual([1001, '10.0.0.2', 2003]);
    expect(settings.metricsHost).toBe('127.0.0.1');
  });

  it('derives every name from the key', () => {
    expect(flagOf('dataDirectory')).toBe('--data-directory');
    expect(variableOf('dataDirectory')).toBe('GRAVEYAR_DATA_DIRECTORY');
  });

  it('reports all errors at once, each with its place, its value and its rule', () => {
    const problems = problemsOf({
      flags: { port: '70000', gracePeriod: '5' },
      environment: { GRAVEYAR_LOG_LEVEL: 'loud', GRAVEYAR_PROT: '1', PATH: '/bin' },
      file: file({ segmentSize: '64MB', dataDirectroy: 'x', host: 7 }),
    });
    expect(problems).toEqual([
      'GRAVEYAR_PROT: no such setting; did you mean GRAVEYAR_PORT?',
      '"dataDirectroy" in graveyar.json: no such setting; did you mean dataDirectory?',
      '"host" in graveyar.json: 7 must be text that is not empty',
      '--port: "70000" must be a whole number from 0 to 65535',
      'GRAVEYAR_LOG_LEVEL: "loud" must be one of silent, fatal, error, warn, info, debug',
      '--grace-period: "5" must be a duration like "250ms", "5s" or "1m" from 0ms to 1h',
      '"segmentSize" in graveyar.json: "64MB" must be a size like "64MiB" from 1MiB to 1GiB',
    ]);
  });

  it('checks a value that another overrides', () => {
    const problems = problemsOf({ flags: { port: '4000' }, environment: { GRAVEYAR_PORT: 'x' } });
    expect(problems).toEqual(['GRAVEYAR_PORT: "x" must be a whole number from 0 to 65535']);
  });

  it('takes both ends of a range and refuses what lies beyond', () => {
    expect(load({ flags: { port: '0', gracePeriod: '0s', segmentSize: '1MiB' } }).segmentSize).toBe(1024 * 1024);
    expect(load({ flags: { port: '65535', gracePeriod: '1h' } }).gracePeriod).toBe(3_600_000);
    expect(problemsOf({ flags: { port: '65536', gracePeriod: '3601s', segmentSize: '1048575B' } })).toHaveLength(3);
    expect(problemsOf({ flags: { port: '-1' } })).toHaveLength(1);
  });

  it('refuses a file that is no JSON object', () => {
    expect(problemsOf({ file: { path: 'a.json', text: '{' } })[0]).toContain('a.json: not valid JSON');
    expect(problemsOf({ file: file([]) })[0]).toContain('must hold one JSON object');
  });

  it('refuses combinations that cannot work', () => {
    expect(problemsOf({ flags: { tlsKey: 'k.pem' } })[0]).toContain('--tls-certificate and --tls-key');
    expect(problemsOf({ flags: { tlsClientAuthority: 'k.pem' } })[0]).toContain('--tls-client-authority');
    expect(problemsOf({ flags: { port: '5000', metricsPort: '5000' } })[0]).toContain('must differ');
    expect(load({ flags: { port: '0', metricsPort: '0' } }).port).toBe(0);
    expect(problemsOf({ flags: { segmentSize: '64MiB', logSize: '63MiB' } })[0]).toContain('--log-size');
    expect(load({ flags: { segmentSize: '2MiB', logSize: '2MiB' } }).logSize).toBe(2 * 1024 * 1024);
  });

  it('leaves alone what Kubernetes sets for a Service called graveyar', () => {
    const environment = {
      GRAVEYAR_PORT: 'tcp://10.0.0.1:4000',
      GRAVEYAR_SERVICE_HOST: '10.0.0.1',
      GRAVEYAR_SERVICE_PORT: '4000',
      GRAVEYAR_SERVICE_PORT_GRPC: '4000',
      GRAVEYAR_PORT_4000_TCP: 'tcp://10.0.0.1:4000',
      GRAVEYAR_PORT_4000_TCP_ADDR: '10.0.0.1',
    };
    expect(load({ environment }).port).toBe(4000);
  });

  it('prints what it reads back to the same settings', () => {
    const settings = load({ flags: { gracePeriod: '90s', segmentSize: '3MiB', logSize: '12MiB', port: '0' } });
    const printed = printSettings(settings);
    expect(printed).toContain('"gracePeriod": "90s"');
    expect(load({ file: { path: 'printed', text: printed } })).toEqual(settings);
    expect(Object.keys(JSON.parse(printed) as object)).toEqual(SETTING_KEYS.filter((key) => settings[key] !== null));
  });
});
