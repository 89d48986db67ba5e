// Three members on a network and disks in memory: replication, failover, snapshots, membership.
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { ANY, append, at, eventId, part, proposed } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import type { MemoryDisk } from '../support/memory-disk.ts';
import { MemoryCluster, untilNotRefused } from '../support/memory-cluster.ts';

const SIGNAL = new AbortController().signal;
const NAMES = ['a', 'b', 'c'];

let cluster: MemoryCluster;
afterEach(async () => {
  await cluster.stop();
});

/** Holds back the syncs of a disk while it is closed. */
class SyncGate {
  #opened: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  constructor({ fileSystem }: MemoryDisk) {
    const openFile = fileSystem.open.bind(fileSystem);
    fileSystem.open = async (path, mode) => {
      const file = await openFile(path, mode);
      const sync = file.datasync.bind(file);
      file.datasync = async () => {
        await this.#opened;
        await sync();
      };
      return file;
    };
  }

  close(): void {
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
  }
}

function ids(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => eventId(from + i));
}

describe('three members', () => {
  it('form a cluster, and each has what was appended', async () => {
    cluster = await MemoryCluster.start(NAMES);
    for (let id = 0; id < 20; id += 1) await cluster.append(id);
    await cluster.level(20);
    for (const name of NAMES) expect(await cluster.contents(name)).toEqual(ids(0, 20));
    const statuses = NAMES.map((name) => cluster.member(name).node.admin.status());
    expect(new Set(statuses.map(({ clusterId }) => clusterId)).size).toBe(1);
    for (const { members } of statuses) expect(members.map(({ name }) => name)).toEqual(NAMES);
    expect(statuses.filter(({ role }) => role === 'leader')).toHaveLength(1);
  });

  it('go on without the leader, lose nothing, and take it back', async () => {
    cluster = await MemoryCluster.start(NAMES);
    let next = 0;
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 10; i += 1) await cluster.append(next++);
      const { name } = await cluster.leader();
      await cluster.crash(name);
      for (let i = 0; i < 10; i += 1) await cluster.append(next++);
      await cluster.open(name);
    }
    await cluster.level(next);
    for (const name of NAMES) expect(await cluster.contents(name)).toEqual(ids(0, next));
  });

  it('answer linearizable reads everywhere, and say who leads', async () => {
    cluster = await MemoryCluster.start(NAMES);
    const leader = await cluster.leader();
    for (let id = 0; id < 10; id += 1) {
      await cluster.append(id);
      for (const name of NAMES) {
        const { store } = cluster.member(name).node;
        await store.readBarrier(SIGNAL);
        expect(store.appliedEnd).toBe(id + 1);
      }
    }
    const follower = cluster.member(NAMES.find((name) => name !== leader.name) ?? '');
    await expect(follower.pipeline.append(append('s', [100]), SIGNAL)).rejects.toMatchObject({
      code: 'NOT_LEADER',
      details: { leaderId: String(leader.disk.memberId), endpoint: `${leader.name}:client` },
    });
  });

  it('a leader that is cut off answers nothing: no append, no read, no rejection', async () => {
    cluster = await MemoryCluster.start(NAMES);
    await cluster.append(0);
    const old = await cluster.leader();
    cluster.network.isolate(old.name);
    const unanswered = old.pipeline.append(append('s', [1], { kind: 'any' }), SIGNAL);
    // Wrong in the old leader's eyes, right in those of the new one's clients by the time it is answered.
    const rejected = old.pipeline.append(append('s', [2], at(1)), SIGNAL);
    const read = old.node.store.readBarrier(AbortSignal.timeout(300));
    const outcomes = Promise.allSettled([unanswered, rejected, read]);
    await cluster.append(3, 's', [old.name]);
    const [first, second, third] = await outcomes;
    expect(first).toMatchObject({
      status: 'rejected',
      reason: { code: expect.stringMatching(/OUTCOME_UNKNOWN|NOT_LEADER/) as string },
    });
    expect(second).toMatchObject({
      status: 'rejected',
      reason: { code: expect.stringMatching(/OUTCOME_UNKNOWN|NOT_LEADER/) as string },
    });
    expect(third.status).toBe('rejected');
    cluster.network.heal();
    await cluster.append(1);
    await cluster.level(3);
    for (const name of NAMES) expect(await cluster.contents(name)).toEqual([eventId(0), eventId(3), eventId(1)]);
  });

  it('never let time go back, though the next leader has an earlier clock', async () => {
    cluster = new MemoryCluster();
    NAMES.forEach((name, i) => cluster.skews.set(name, i * 3_600_000_000));
    await Promise.all(NAMES.map((name) => cluster.open(name, cluster.initial(NAMES))));
    const times: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { firstPosition } = await cluster.append(round);
      const leader = await cluster.leader();
      await leader.node.store.readBarrier(SIGNAL);
      for await (const chunk of leader.node.store.readAll(firstPosition, 'forwards')) {
        for (const one of chunk) times.push(one.createdAt);
      }
      await leader.node.handOver(2000);
    }
    expect(times).toHaveLength(4);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('a leader whose disk stands still hands over, and comes back as a follower', async () => {
    cluster = new MemoryCluster();
    const gates = new Map(NAMES.map((name) => [name, new SyncGate(cluster.disk(name))]));
    await Promise.all(NAMES.map((name) => cluster.open(name, cluster.initial(NAMES))));
    await cluster.append(0);
    const old = await cluster.leader();
    gates.get(old.name)?.close();
    const slow = old.pipeline.append(append('s', [1], ANY), SIGNAL);
    const next = await cluster.leader([old.name]);
    expect(next.name).not.toBe(old.name);
    // Two of three disks have it: no reason to leave the caller in doubt.
    await slow;
    await cluster.append(2, 's', [old.name]);
    gates.get(old.name)?.open();
    await cluster.level(3);
    expect(await cluster.contents(old.name)).toEqual(ids(0, 3));
  });

  it('hand leadership over without failing an append', async () => {
    cluster = await MemoryCluster.start(NAMES);
    const old = await cluster.leader();
    const appends = Array.from({ length: 50 }, (_, id) => cluster.append(id));
    await old.node.handOver(2000);
    await Promise.all(appends);
    expect((await cluster.leader()).name).not.toBe(old.name);
    expect(new Set(await cluster.contents((await cluster.leader()).name)).size).toBe(50);
  });
});

describe('handing leadership over', () => {
  it('chooses one that answered the last heartbeats, not one that has just ended', async () => {
    cluster = await MemoryCluster.start(NAMES, { electionTicks: 100 });
    await cluster.append(0);
    await cluster.level(1);
    const leader = await cluster.leader();
    const followers = NAMES.filter((name) => name !== leader.name).map((name) => cluster.member(name));
    const [ended, well] = followers.sort((a, b) => a.disk.memberId - b.disk.memberId);
    if (ended === undefined || well === undefined) throw new Error('three members');
    await cluster.crash(ended.name);
    const endedAt = performance.now();
    await eventually('some heartbeats to be missed', () => performance.now() - endedAt > 50);
    await leader.node.admin.transferLeadership(null, SIGNAL);
    expect((await cluster.leader()).name).toBe(well.name);
  });

  it('is nothing to warn of for a member that is handing over already, or does not lead', async () => {
    const warnings: string[] = [];
    cluster = new MemoryCluster({}, { ...silentLogger, warn: (message) => warnings.push(message) });
    await Promise.all(NAMES.map((name) => cluster.open(name, cluster.initial(NAMES))));
    const old = await cluster.leader();
    const transferred = old.node.admin.transferLeadership(null, SIGNAL);
    await old.node.handOver(2000);
    await transferred;
    await cluster.leader([old.name]);
    await old.node.handOver(2000);
    expect(warnings).toEqual([]);
  });
});

describe('a member that is behind the log', () => {
  const SHORT = { trimBytes: 10_000, keepBytes: 1000, keepEntries: 5 };

  it('gets only the records that it lacks, and goes on from there', async () => {
    cluster = await MemoryCluster.start(NAMES, SHORT);
    for (let id = 0; id < 20; id += 1) await cluster.append(id);
    await cluster.level(20);
    const leader = await cluster.leader();
    const behind = NAMES.find((name) => name !== leader.name) ?? '';
    await cluster.member(behind).node.close();
    cluster.members.delete(behind);
    for (let id = 20; id < 400; id += 1) await cluster.append(id);
    cluster.network.chunks.length = 0;
    await cluster.open(behind);
    await cluster.level(400);
    expect(cluster.network.chunks[0]?.[0]).toBe(20);
    for (let id = 400; id < 420; id += 1) await cluster.append(id);
    await cluster.level(420);
    expect(await cluster.contents(behind)).toEqual(ids(0, 420));
  });

  it('resumes an interrupted transfer where it was, and survives a crash in between', async () => {
    cluster = await MemoryCluster.start(NAMES, SHORT);
    const leader = await cluster.leader();
    const behind = NAMES.find((name) => name !== leader.name) ?? '';
    await cluster.crash(behind);
    const large = new Uint8Array(700_000);
    for (let id = 0; id < 8; id += 1) {
      const wanted = { ...part('large', [id]), events: [proposed(id, { data: large })] };
      await leader.pipeline.append({ streams: [wanted], condition: null }, SIGNAL);
    }
    let failures = 2;
    cluster.network.onChunk = (_, position) => {
      if (position >= 4 && failures-- > 0) throw new Error('the connection broke');
    };
    await cluster.open(behind);
    await eventually('a broken transfer', () => failures <= 1);
    await cluster.crash(behind);
    await cluster.open(behind);
    await cluster.level(8);
    expect(failures).toBeLessThanOrEqual(0);
    expect(await cluster.contents(behind)).toEqual(ids(0, 8));
  });
});

describe('membership', () => {
  it('a new member is added, caught up, promoted, and counts', async () => {
    cluster = await MemoryCluster.start(NAMES);
    for (let id = 0; id < 20; id += 1) await cluster.append(id);
    const added = await cluster.open('d');
    const { admin } = (await cluster.leader()).node;
    await admin.addLearner('d', SIGNAL);
    await cluster.level(20);
    await untilNotRefused(() => admin.promote(added.disk.memberId, SIGNAL));
    await cluster.append(20);
    await cluster.level(21);
    expect(added.node.admin.status().members.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
    expect(await cluster.contents('d')).toEqual(ids(0, 21));
  });

  it('a member whose disk was wiped is another member: it waits, and takes the place of the old one', async () => {
    cluster = await MemoryCluster.start(NAMES);
    for (let id = 0; id < 10; id += 1) await cluster.append(id);
    const leader = await cluster.leader();
    const lost = NAMES.find((name) => name !== leader.name) ?? '';
    const oldId = cluster.member(lost).disk.memberId;
    await cluster.crash(lost);
    cluster.wipe(lost);
    const renewed = await cluster.open(lost, cluster.initial(NAMES));
    const newId = renewed.disk.memberId;
    await cluster.append(10);
    expect(renewed.node.admin.status()).toMatchObject({ role: 'waiting', clusterId: null, term: 0 });
    const { admin } = (await cluster.leader()).node;
    await admin.addLearner(lost, SIGNAL);
    await cluster.level(11);
    await untilNotRefused(() => admin.replace(oldId, newId, SIGNAL));
    await eventually('the old member to be gone', () =>
      renewed.node.admin.status().members.every(({ id }) => id !== oldId),
    );
    expect(admin.status().members.filter(({ role }) => role !== 'learner')).toHaveLength(3);
    await cluster.append(11);
    await cluster.level(12);
  });

  it('changes that cannot be made are refused, with the reason', async () => {
    cluster = await MemoryCluster.start(NAMES);
    const leader = await cluster.leader();
    const { admin } = leader.node;
    const follower = cluster.member(NAMES.find((name) => name !== leader.name) ?? '');
    await expect(admin.promote(12_345, SIGNAL)).rejects.toMatchObject({ code: 'MEMBER_NOT_FOUND' });
    await expect(admin.addLearner('nowhere', SIGNAL)).rejects.toMatchObject({ code: 'MEMBERSHIP_REFUSED' });
    await expect(admin.replace(leader.disk.memberId, follower.disk.memberId, SIGNAL)).rejects.toMatchObject({
      code: 'MEMBERSHIP_REFUSED',
    });
    await expect(follower.node.admin.remove(leader.disk.memberId, SIGNAL)).rejects.toMatchObject({
      code: 'NOT_LEADER',
    });
    // A learner that is cut off has not caught up.
    await cluster.open('d');
    await admin.addLearner('d', SIGNAL);
    cluster.network.isolate('d');
    await cluster.crash('d');
    const learner = admin.status().members.find(({ name }) => name === 'd');
    await eventually('the learner to be missed', () =>
      admin.status().members.some((one) => one.name === 'd' && !one.active),
    );
    await expect(admin.promote(learner?.id ?? 0, SIGNAL)).rejects.toMatchObject({ code: 'MEMBERSHIP_REFUSED' });
    await admin.remove(learner?.id ?? 0, SIGNAL);
    expect(admin.status().members.map(({ name }) => name)).toEqual(NAMES);
  });

  it('a leader that removes itself stops leading and says that it was removed', async () => {
    cluster = await MemoryCluster.start(NAMES);
    await cluster.append(0);
    const old = await cluster.leader();
    await old.node.admin.remove(old.disk.memberId, SIGNAL);
    await old.node.removed;
    expect(old.node.admin.status().role).toBe('removed');
    await cluster.append(1, 's', [old.name]);
    expect((await cluster.leader([old.name])).node.admin.status().members).toHaveLength(2);
  });

  it('whoever is left of two goes on alone after a loss of power, when the other is gone for good', async () => {
    cluster = await MemoryCluster.start(['a', 'b']);
    await cluster.append(0);
    const leader = await cluster.leader();
    const other = cluster.member(leader.name === 'a' ? 'b' : 'a');
    await leader.node.admin.remove(other.disk.memberId, SIGNAL);
    await Promise.all([cluster.crash(leader.name), cluster.crash(other.name)]);
    const { node } = await cluster.open(leader.name);
    await cluster.append(1);
    expect(node.admin.status().members.map(({ name }) => name)).toEqual([leader.name]);
  });

  it('a change counts as under way until it lasts', async () => {
    const gate: { current: SyncGate | null } = { current: null };
    cluster = new MemoryCluster(
      {},
      {
        ...silentLogger,
        info: (message, fields) => {
          if (message === 'configuration changed' && String(fields?.['voters']).split(',').length === 1)
            gate.current?.close();
        },
      },
    );
    const pair = ['a', 'b'];
    const gates = new Map(pair.map((name) => [name, new SyncGate(cluster.disk(name))]));
    await Promise.all(pair.map((name) => cluster.open(name, cluster.initial(pair))));
    await cluster.append(0);
    const { name, node } = await cluster.leader();
    const other = cluster.member(name === 'a' ? 'b' : 'a');
    expect(node.admin.status()).toMatchObject({ changing: false });
    gate.current = gates.get(name) ?? null;
    const removed = node.admin.remove(other.disk.memberId, SIGNAL);
    // Whoever does not wait for the answer sees that the other one is no member, and that its disk may be needed yet.
    await eventually('the removal to be seen', () => node.admin.status().members.length === 1);
    expect(node.admin.status()).toMatchObject({ changing: true });
    gate.current?.open();
    await removed;
    expect(node.admin.status()).toMatchObject({ changing: false });
  });

  it('a follower that was removed finds out, though nobody sends to it any more', async () => {
    cluster = await MemoryCluster.start(NAMES);
    await cluster.append(0);
    const leader = await cluster.leader();
    const other = cluster.member(NAMES.find((name) => name !== leader.name) ?? '');
    cluster.network.isolate(other.name);
    await leader.node.admin.remove(other.disk.memberId, SIGNAL);
    cluster.network.heal();
    await other.node.removed;
    expect(other.node.admin.status().role).toBe('removed');
    await cluster.append(1, 's', [other.name]);
  });

  it('a member that asks to join is added as a learner', async () => {
    cluster = await MemoryCluster.start(NAMES);
    await cluster.append(0);
    const joined = await cluster.open('d', { kind: 'join', addresses: NAMES });
    await cluster.level(1);
    await eventually('a learner', () => joined.node.admin.status().role === 'learner');
  });
});
