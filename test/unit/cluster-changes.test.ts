// Members that move, come back after their removal, or are to be removed while others are down.
import { afterEach, describe, expect, it } from 'vitest';
import type { Beginning } from '../../src/cluster/replicated-node.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryCluster, untilNotRefused } from '../support/memory-cluster.ts';
import type { Member } from '../support/memory-cluster.ts';

const SIGNAL = new AbortController().signal;
const NAMES = ['a', 'b', 'c'];

let cluster: MemoryCluster;
afterEach(async () => {
  await cluster.stop();
});

/** The leader, and the others. */
async function parted(): Promise<readonly [Member, Member, Member]> {
  const leader = await cluster.leader();
  const [one, other] = NAMES.filter((name) => name !== leader.name).map((name) => cluster.member(name));
  if (one === undefined || other === undefined) throw new Error('three members');
  return [leader, one, other];
}

async function close({ name, node }: Member): Promise<void> {
  await node.close();
  cluster.members.delete(name);
}

function addressesAt(member: Member): Record<string, string> {
  return Object.fromEntries(member.node.admin.status().members.map(({ name, peerAddress }) => [name, peerAddress]));
}

describe('a removal', () => {
  it('of a voter that is well is refused while another one is down, and names it; that one can be removed', async () => {
    cluster = await MemoryCluster.start(NAMES);
    await cluster.append(0);
    const [leader, one, other] = await parted();
    await cluster.crash(other.name);
    const { admin } = leader.node;
    await eventually('it to be missed', () => admin.status().members.some(({ active }) => active === false));
    const refusal = {
      code: 'MEMBERSHIP_REFUSED',
      message: expect.stringContaining(`do not answer (${other.name})`) as string,
    };
    await expect(admin.remove(one.disk.memberId, SIGNAL)).rejects.toMatchObject(refusal);
    await expect(admin.remove(leader.disk.memberId, SIGNAL)).rejects.toMatchObject(refusal);
    await cluster.append(1);
    await admin.remove(other.disk.memberId, SIGNAL);
    // Whoever did not get the answer asks again.
    await admin.remove(other.disk.memberId, SIGNAL);
    await cluster.append(2);
    expect(admin.status().members).toHaveLength(2);
  });

  it('of a voter that is well is possible while another one is down, when a learner takes its place', async () => {
    cluster = await MemoryCluster.start(NAMES);
    const [leader, one, other] = await parted();
    const added = await cluster.open('d');
    const { admin } = leader.node;
    await admin.addLearner('d', SIGNAL);
    await cluster.crash(other.name);
    await untilNotRefused(() => admin.replace(one.disk.memberId, added.disk.memberId, SIGNAL));
    await cluster.append(0, 's', [one.name]);
    expect(admin.status().members.map(({ name }) => name)).not.toContain(one.name);
  });

  it('of a learner needs nobody', async () => {
    cluster = await MemoryCluster.start(NAMES);
    const [leader, , other] = await parted();
    const added = await cluster.open('d', { kind: 'join', addresses: NAMES });
    await eventually('a learner', () => added.node.admin.status().role === 'learner');
    await cluster.crash(other.name);
    await leader.node.admin.remove(added.disk.memberId, SIGNAL);
    expect(leader.node.admin.status().members.map(({ name }) => name)).toEqual(NAMES);
  });

  it('is found out by a member that was down meanwhile, when it is started again', async () => {
    const warnings: string[] = [];
    cluster = new MemoryCluster({}, { ...silentLogger, warn: (message) => warnings.push(message) });
    await Promise.all(NAMES.map((name) => cluster.open(name, cluster.initial(NAMES))));
    await cluster.append(0);
    const [leader, , other] = await parted();
    await leader.node.admin.remove(other.disk.memberId, SIGNAL);
    await other.node.removed;
    await close(other);
    warnings.length = 0;
    const again = await cluster.open(other.name);
    await again.node.removed;
    expect(again.node.admin.status().role).toBe('removed');
    expect(warnings.at(-1)).toMatch(/was removed from its cluster/);
    expect(leader.node.admin.status().members).toHaveLength(2);
  });
});

describe('a member that has moved', () => {
  const MOVED: Beginning = { kind: 'join', addresses: [] };

  it('is answered at its new address, and described there', async () => {
    cluster = await MemoryCluster.start(NAMES);
    await cluster.append(0);
    const [leader, , other] = await parted();
    await close(other);
    const moved = await cluster.open(other.name, MOVED, 'elsewhere');
    await cluster.append(1);
    await eventually('it goes on', () => moved.node.store.appliedEnd === 2);
    await eventually('it is described', () => addressesAt(leader)[other.name] === 'elsewhere');
    const described = leader.node.admin.status().members.find(({ name }) => name === other.name);
    expect(described).toMatchObject({ id: other.disk.memberId, role: 'voter', clientAddress: 'elsewhere:client' });
  });

  it('is described there when it is added again, and stays a voter', async () => {
    cluster = await MemoryCluster.start(NAMES);
    const [leader, , other] = await parted();
    await close(other);
    await cluster.open(other.name, MOVED, 'elsewhere');
    await leader.node.admin.addLearner('elsewhere', SIGNAL);
    expect(addressesAt(leader)[other.name]).toBe('elsewhere');
    expect(leader.node.admin.status().members.map(({ role }) => role)).not.toContain('learner');
  });

  it('finds the others when all have moved, at the addresses that they are started with', async () => {
    cluster = await MemoryCluster.start(NAMES);
    await cluster.append(0);
    for (const name of NAMES) await close(cluster.member(name));
    const members = NAMES.map((name) => ({ name, address: `new-${name}` }));
    await Promise.all(
      members.map(({ name, address }) => cluster.open(name, { kind: 'initial-members', members }, address)),
    );
    await cluster.append(1);
    await cluster.level(2);
    const leader = await cluster.leader();
    const expected = Object.fromEntries(members.map(({ name, address }) => [name, address]));
    await eventually('all are described', () => JSON.stringify(addressesAt(leader)) === JSON.stringify(expected));
  });
});
