// Settings of a member of a cluster: what they take, and how they must fit together.
import { describe, expect, it } from 'vitest';
import { splitAddress } from '../../src/config/address-setting.ts';
import { loadSettings, printSettings, SettingsError } from '../../src/config/load-settings.ts';
import type { SettingKey } from '../../src/config/settings.ts';

type Flags = Partial<Record<SettingKey, string | boolean>>;

function problemsOf(flags: Flags): readonly string[] {
  try {
    loadSettings({ flags, environment: {}, file: null });
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as SettingsError).problems;
  }
  throw new Error('expected the settings to be refused');
}

const list = 'a=10.0.0.1:4002,b=db-b.example:4002,c=[::1]:4002';

describe('settings of a cluster', () => {
  it('take a list of first members, and print it as it was given', () => {
    const settings = loadSettings({ flags: { name: 'b', initialMembers: list }, environment: {}, file: null });
    expect(settings.initialMembers).toEqual([
      { name: 'a', address: '10.0.0.1:4002' },
      { name: 'b', address: 'db-b.example:4002' },
      { name: 'c', address: '[::1]:4002' },
    ]);
    const text = printSettings(settings);
    expect(loadSettings({ flags: {}, environment: {}, file: { path: 'f', text } })).toEqual(settings);
  });

  it.each([
    ['a'],
    ['a=10.0.0.1'],
    ['=10.0.0.1:1'],
    ['a=10.0.0.1:0'],
    ['a=10.0.0.1:65536'],
    ['a=10.0.0.1:1,a=10.0.0.2:1'],
    ['a=10.0.0.1:1,b=10.0.0.1:1'],
    [`${'n'.repeat(64)}=10.0.0.1:1`],
  ])('refuse the list %s', (initialMembers) => {
    expect(problemsOf({ name: 'a', initialMembers })).toEqual([
      expect.stringContaining('no name and no address twice') as string,
    ]);
  });

  it('take a name of 63 bytes and none of 64', () => {
    const name = 'n'.repeat(63);
    const flags = { name, initialMembers: `${name}=10.0.0.1:65535` };
    expect(loadSettings({ flags, environment: {}, file: null }).name).toBe(name);
    expect(problemsOf({ name: `${name}n` })).toEqual(['--name: must be at most 63 bytes long']);
  });

  it.each<[string, Flags, string]>([
    ['the list lacks this member', { name: 'd', initialMembers: list }, '--initial-members: must have this member'],
    ['it is both first and joins', { name: 'a', initialMembers: list, join: '10.0.0.1:1' }, 'give one of them'],
    ['others could not be told the port', { join: '10.0.0.1:1', port: '0' }, 'must not be 0 in a cluster'],
    ['the port for members is not known', { peerPort: '0' }, 'must not be 0 in a cluster'],
    ['elections would come too soon', { electionTimeout: '499ms' }, 'at least 5 times --heartbeat-interval'],
    ['TLS between members is incomplete', { peerTlsKey: 'k' }, 'must be given together'],
    [
      'a leader with TLS could not be trusted',
      { peerPort: '1', tlsCertificate: 'c', tlsKey: 'k' },
      '--tls-authority: is needed',
    ],
    ['an address has no port', { join: '10.0.0.1' }, 'must be addresses like'],
    ['an advertised address is none', { advertisePeer: 'x' }, 'must be an address like'],
  ])('are refused when %s', (_, flags, problem) => {
    expect(problemsOf(flags)).toEqual([expect.stringContaining(problem) as string]);
  });

  it('take an election timeout of exactly five heartbeats', () => {
    const flags = { electionTimeout: '500ms', heartbeatInterval: '100ms' };
    expect(loadSettings({ flags, environment: {}, file: null }).electionTimeout).toBe(500);
  });

  it.each([true, 'true'])('take a wait for a cluster as %j, and print it so that it is read back', (raw) => {
    const settings = loadSettings({ flags: { waitForCluster: raw }, environment: {}, file: null });
    expect(settings.waitForCluster).toBe(true);
    const text = printSettings(settings);
    expect(JSON.parse(text)).toMatchObject({ waitForCluster: true });
    expect(loadSettings({ flags: {}, environment: {}, file: { path: 'f', text } })).toEqual(settings);
  });

  it('do not wait for a cluster by themselves, nor when told not to', () => {
    expect(loadSettings({ flags: {}, environment: {}, file: null }).waitForCluster).toBe(false);
    const environment = { GRAVEYAR_WAIT_FOR_CLUSTER: 'false' };
    expect(loadSettings({ flags: {}, environment, file: null }).waitForCluster).toBe(false);
  });

  it.each([
    [{ waitForCluster: 'yes' }, 'must be true or false'],
    [{ waitForCluster: true, join: 'a:1' }, '--wait-for-cluster'],
    [{ waitForCluster: true, name: 'a', initialMembers: list }, '--wait-for-cluster'],
    [{ waitForCluster: true, port: '0' }, 'must not be 0 in a cluster'],
  ] satisfies [Flags, string][])('refuse %j', (flags, problem) => {
    expect(problemsOf(flags).join()).toContain(problem);
  });

  it('know the host and port of an address', () => {
    expect(splitAddress('[::1]:4002')).toEqual({ host: '::1', port: 4002 });
    expect(splitAddress('a.b:1')).toEqual({ host: 'a.b', port: 1 });
    expect(splitAddress('::1:4002')).toBeNull();
  });
});
