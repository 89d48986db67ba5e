// Members come and go in a cluster of real processes, through the command line.
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClusterMember, ClusterState } from '../../src/client/index.ts';
import { startCluster } from '../support/cluster-processes.ts';
import type { ClusterNode, ClusterProcesses } from '../support/cluster-processes.ts';
import { eventually } from '../support/eventually.ts';
import { runGraveyar } from '../support/server-process.ts';
import type { CommandResult } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

let cluster: ClusterProcesses;
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
  cluster = await startCluster(directory.path);
}, 120_000);

afterEach(async () => {
  await cluster.stop();
  await directory.remove();
}, 120_000);

/** `graveyar cluster …` at the first three members that run. */
function clusterCommand(...args: string[]): Promise<CommandResult> {
  const address = cluster.nodes.filter(({ process }) => process !== null).map((node) => node.address);
  return runGraveyar(['cluster', ...args, '--address', address.join(',')]);
}

async function members(): Promise<readonly ClusterMember[]> {
  const { stdout, stderr, code } = await clusterCommand('members', '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as ClusterMember[];
}

async function rolesByName(): Promise<Record<string, string>> {
  return Object.fromEntries((await members()).map(({ name, role }) => [name, role]));
}

async function statusOf(node: ClusterNode): Promise<ClusterState> {
  const { stdout, stderr, code } = await runGraveyar(['cluster', 'status', '--json', '--address', node.address]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as ClusterState;
}

/** What a command printed, which must succeed at once: what may take a while is the command's to wait for. */
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await clusterCommand(...args);
  expect(code, `graveyar cluster ${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

describe('the members of a cluster', { timeout: 240_000 }, () => {
  it('are joined by a new one, which catches up, takes the vote of a dead one and leads', async () => {
    const client = cluster.client();
    for (let at = 0; at < 50; at++) await client.append('s', [{ type: 't', data: String(at) }]);
    const leader = await cluster.leader();
    const dead = cluster.nodes.find((node) => node !== leader);
    if (dead === undefined) throw new Error('there is no other member');
    await dead.kill();
    const fresh = await cluster.joining('node-4');
    await fresh.start();
    await eventuallyRole('node-4', 'learner');
    expect(await done('replace', dead.name, 'node-4')).toBe(`node-4 has the vote of ${dead.name}, which was removed\n`);
    const after = await rolesByName();
    expect(Object.keys(after).sort()).toEqual(
      cluster.nodes
        .filter((node) => node !== dead)
        .map(({ name }) => name)
        .sort(),
    );
    await done('transfer', 'node-4');
    expect((await rolesByName())['node-4']).toBe('leader');
    const all = await cluster.client({}, [fresh]).readStream('s').toArray();
    expect(all.map(({ revision }) => revision)).toEqual(Array.from({ length: 50 }, (_, at) => at));
    expect(await client.append('s', [{ type: 't' }], { expectedVersion: 49 })).toMatchObject({ lastRevision: 50 });
  });

  it('do not take back one whose disk is gone; it waits, serves nothing and comes in as another', async () => {
    const leader = await cluster.leader();
    const lost = cluster.nodes.find((node) => node !== leader);
    if (lost === undefined) throw new Error('there is no other member');
    const before = await statusOf(lost);
    await lost.kill();
    await rm(lost.dataDirectory, { recursive: true, force: true });
    await lost.start();
    await eventually('it to hear of the cluster', () =>
      (lost.process?.log ?? []).some(({ message }) => message.includes('does not know this member')),
    );
    const status = await statusOf(lost);
    expect(status).toMatchObject({ role: 'waiting', clusterId: null, term: 0 });
    expect(status.memberId).not.toBe(before.memberId);
    await done('add-learner', lost.peerAddress);
    // It stands still until the command says that it waits.
    lost.process?.kill('SIGSTOP');
    try {
      const session = cluster.client({}, [leader]).session();
      for (let at = 0; at < 2_000; at++) {
        await session.ready();
        void session.append('s', [{ type: 't' }]);
      }
      await session.close();
      await untilMissed(status.memberId);
      // By its name, which both have: the one with a vote gives it to the learner.
      const replaced = await runGraveyar(['cluster', 'replace', lost.name, lost.name, '--address', leader.address], {
        onStderr: () => lost.process?.kill('SIGCONT'),
      });
      expect(replaced.code, replaced.stderr).toBe(0);
      expect(replaced.stderr).toMatch(new RegExp(`^${lost.name} \\(${status.memberId}\\) `));
    } finally {
      lost.process?.kill('SIGCONT');
    }
    expect((await members()).map(({ id }) => id)).toContain(status.memberId);
    expect((await members()).map(({ id }) => id)).not.toContain(before.memberId);
  });

  it('say why a change is refused, and one that was removed ends', async () => {
    const leader = await cluster.leader();
    const other = cluster.nodes.find((node) => node !== leader);
    if (other === undefined) throw new Error('there is no other member');
    expect(await clusterCommand('promote', 'nobody')).toMatchObject({ code: 10 });
    expect(await clusterCommand('remove', '12345')).toMatchObject({ code: 10 });
    const nowhere = await clusterCommand('add-learner', '127.0.0.1:9');
    expect(nowhere.code).toBe(9);
    expect(nowhere.stderr).toContain('nobody answers as a member at 127.0.0.1:9');
    const voters = await clusterCommand('replace', leader.name, other.name);
    expect(voters.code).toBe(9);
    expect(voters.stderr).toMatch(new RegExp(`^graveyar: ${other.name} \\(\\d+\\) is no learner: it has a vote`));
    const twice = await clusterCommand('replace', leader.name, leader.name);
    expect(twice.code).toBe(2);
    expect(twice.stderr).toMatch(new RegExp(`^graveyar: ${leader.name} \\(\\d+\\) cannot take its own place\n$`));
    const clients = await clusterCommand('add-learner', other.address);
    expect(clients.code).toBe(9);
    expect(clients.stderr).toContain('is it the port for clients?');
    expect(await clusterCommand('add-learner', '127.0.0.1:99999')).toMatchObject({
      code: 2,
      stderr: 'graveyar: peer_address: has the port 99999; allowed: a port from 1 to 65535\n',
    });
    const { id } = (await members()).find(({ name }) => name === other.name) ?? { id: 0 };
    const removed = await clusterCommand('remove', other.name);
    expect(removed.code, removed.stderr).toBe(0);
    // As whoever did not get the answer does; by its name, people hear that it is no member.
    await cluster.client({}, [leader]).cluster.remove(id);
    expect(await clusterCommand('remove', other.name)).toMatchObject({ code: 10 });
    expect(await other.process?.exited).toMatchObject({ code: 0 });
    expect(other.process?.log.map(({ reason }) => reason)).toContain('removed from the cluster');
    other.process = null;
    expect(Object.keys(await rolesByName())).not.toContain(other.name);
  });
});

describe('the status of a cluster', { timeout: 120_000 }, () => {
  it('tells the leader, who is healthy and how far each log is, whoever is asked', async () => {
    const leader = await cluster.leader();
    const [asked, dead] = cluster.nodes.filter((node) => node !== leader);
    if (asked === undefined || dead === undefined) throw new Error('there are no other members');
    await cluster.client().append('s', [{ type: 't' }]);
    await untilStatus(asked, '3 of 3 voters are healthy');
    await dead.kill();
    const text = await untilStatus(asked, '2 of 3 voters are healthy');
    expect(text).toContain(`leader   ${leader.name} at ${leader.address}`);
    expect(text).toMatch(new RegExp(`asked    ${asked.name} \\(\\d+\\), follower in term`));
    const row = (name: string): RegExp => new RegExp(`${name} +(\\d+)  (leader|voter) +(yes|no) +[\\d,]+$`, 'm');
    const shown = cluster.nodes.map(({ name }) => row(name).exec(text)?.slice(2, 4));
    const expected = cluster.nodes.map((node) => [node === leader ? 'leader' : 'voter', node === dead ? 'no' : 'yes']);
    expect(shown).toEqual(expected);
  });
});

async function untilStatus(node: ClusterNode, words: string): Promise<string> {
  const end = performance.now() + 60_000;
  for (;;) {
    const { stdout, stderr } = await runGraveyar(['cluster', 'status', '--address', node.address]);
    if (stdout.includes(words)) return stdout;
    if (performance.now() > end) throw new Error(`never said "${words}": ${stdout}${stderr}`);
  }
}

async function untilMissed(memberId: number): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await members()).some(({ id, active }) => id === memberId && active === false)) {
    if (performance.now() > end) throw new Error(`member ${memberId} is not missed`);
  }
}

async function eventuallyRole(name: string, role: string): Promise<void> {
  const end = performance.now() + 60_000;
  while ((await rolesByName())[name] !== role) {
    if (performance.now() > end) throw new Error(`${name} did not become ${role}`);
  }
}
