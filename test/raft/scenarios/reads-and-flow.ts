/** Pitfalls of reads and of flow control. */
import { expect } from 'vitest';
import { MessageType } from '../../../src/raft/messages.ts';
import { Cluster, disk, text } from '../support/cluster.ts';
import { craft } from '../support/node.ts';
import type { Scenario } from './scenario.ts';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp } = MessageType;

/** A new leader knows what is committed only after its first own commit; reads wait for it. */
const readBeforeFirstCommit: Scenario = {
  pitfall: 'ReadIndex before the first commit of the term',
  run() {
    const cluster = new Cluster(3);
    const first = cluster.elect(1);
    // Committed by 1 and 3, answered to a client; 2 has the entry but does not know that it is committed.
    cluster.block(({ to, type }) => to === 2 && type === MsgHeartbeat);
    first.node.propose(text('x'));
    for (let i = 0; i < 2; i++) {
      for (const member of cluster.members.values()) cluster.work(member);
      cluster.deliver();
    }
    cluster.work(first);
    cluster.network = [];
    expect(first.commit).toBe(2);
    expect(cluster.member(2).commit).toBe(1);
    cluster.block(({ to, from, type }) => to === 1 || from === 1 || type === MsgApp);
    const second = cluster.elect(2);
    second.node.readIndex(text('r'));
    cluster.settle();
    expect(second.readStates).toEqual([]);
    cluster.isolate(1);
    second.tick(1);
    cluster.settle();
    expect(second.readStates).toEqual([{ index: 3, context: text('r') }]);
    return cluster;
  },
};

/** A single voter after a restart: its commit index on disk may be older than what it answered before. */
const singleVoterAfterRestart: Scenario = {
  pitfall: 'ReadIndex of a single voter before the first commit after its restart',
  run() {
    const cluster = new Cluster(1, {}, new Map([disk(1, [1, 1, 1], { commit: 1 })]));
    const only = cluster.member(1);
    only.node.campaign();
    only.diskStalled = true;
    cluster.settle();
    only.diskStalled = false;
    // Leader as soon as its vote is on disk; the first entry of the term is not committed yet.
    cluster.release(only, only.persistOne());
    only.node.readIndex(text('r'));
    expect(only.commit).toBe(1);
    cluster.settle();
    expect(only.readStates).toEqual([{ index: 4, context: text('r') }]);
    return cluster;
  },
};

/** A leader that was replaced without noticing answers no reads. */
const readOfDeposedLeader: Scenario = {
  pitfall: 'a deposed leader answers reads',
  run() {
    const cluster = new Cluster(3);
    const deposed = cluster.elect(1);
    cluster.isolate(1);
    const current = cluster.elect(2);
    current.node.propose(text('newer'));
    cluster.settle();
    deposed.node.readIndex(text('r'));
    deposed.tick(3);
    cluster.settle();
    expect(deposed.readStates).toEqual([]);
    cluster.heal();
    cluster.tickAll(3);
    expect(deposed.readStates).toEqual([]);
    return cluster;
  },
};

/** Answers to an older read's heartbeats do not confirm a younger one. */
const staleReadAcknowledgement: Scenario = {
  pitfall: 'late heartbeat answers confirm a younger read',
  run() {
    const cluster = new Cluster(3);
    const leader = cluster.elect(1);
    leader.node.readIndex(text('old'));
    cluster.work(leader);
    cluster.network = [];
    leader.node.readIndex(text('young'));
    cluster.work(leader);
    cluster.network = [];
    leader.node.step(craft(MsgHeartbeatResp, { from: 2, to: 1, term: 1, context: text('old') }));
    cluster.work(leader);
    expect(leader.readStates.map(({ context }) => new TextDecoder().decode(context))).toEqual(['old']);
    leader.node.step(craft(MsgHeartbeatResp, { from: 2, to: 1, term: 1, context: text('young') }));
    cluster.work(leader);
    expect(leader.readStates).toHaveLength(2);
    return cluster;
  },
};

/** With the window full and everything in it lost, heartbeats bring replication going again. */
const lostWindow: Scenario = {
  pitfall: 'a full in-flight window whose messages were all lost',
  run() {
    const cluster = new Cluster(3, { maxInflightMsgs: 2, maxSizePerMsg: 1 });
    const leader = cluster.elect(1);
    cluster.block(({ to, type }) => to === 3 && type === MsgApp);
    for (let i = 0; i < 10; i++) leader.node.propose(text(`${i}`));
    cluster.settle();
    const progress = (): number | undefined => leader.node.status().progress.find(({ id }) => id === 3)?.inflight;
    expect(progress()).toBe(2);
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.member(3).appliedText).toHaveLength(10);
    expect(progress()).toBe(0);
    return cluster;
  },
};

/** A late acknowledgement of an older message moves nothing back. */
const reorderedAcknowledgements: Scenario = {
  pitfall: 'reordered acknowledgements and rejections',
  run() {
    const cluster = new Cluster(3);
    const leader = cluster.elect(1);
    for (const word of ['a', 'b', 'c']) leader.node.propose(text(word));
    cluster.settle();
    const before = leader.node.status().progress;
    leader.node.step(craft(MsgAppResp, { from: 2, to: 1, term: 1, index: 2 }));
    leader.node.step(craft(MsgAppResp, { from: 2, to: 1, term: 1, index: 1, reject: true, rejectHint: 0 }));
    leader.node.step(craft(MsgAppResp, { from: 3, to: 1, term: 1, index: 3, reject: true, rejectHint: 3 }));
    cluster.work(leader);
    expect(leader.node.status().progress).toEqual(before);
    return cluster;
  },
};

/** A leader whose entries do not get committed stops taking more, and goes on when they are applied. */
const uncommittedBound: Scenario = {
  pitfall: 'uncommitted entries without bound',
  run() {
    const cluster = new Cluster(3, { maxUncommittedEntriesSize: 100 });
    const leader = cluster.elect(1);
    cluster.isolate(1);
    const refused = Array.from({ length: 20 }, () => leader.node.propose(new Uint8Array(10))).filter(({ ok }) => !ok);
    expect(refused).toHaveLength(10);
    expect(refused[0]).toEqual({ ok: false, reason: 'uncommitted-limit', leader: 1 });
    cluster.heal();
    cluster.tickAll(2);
    expect(leader.node.propose(new Uint8Array(100)).ok).toBe(true);
    expect(leader.node.propose(new Uint8Array(1)).ok).toBe(false);
    cluster.settle();
    // Larger than the whole bound, but alone: else it could never be proposed.
    expect(leader.node.propose(new Uint8Array(101)).ok).toBe(true);
    return cluster;
  },
};

export const readsAndFlow: readonly Scenario[] = [
  readBeforeFirstCommit,
  singleVoterAfterRestart,
  readOfDeposedLeader,
  staleReadAcknowledgement,
  lostWindow,
  reorderedAcknowledgements,
  uncommittedBound,
];
