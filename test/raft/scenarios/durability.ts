/** Pitfalls of what is, and is not, on disk. */
import { expect } from 'vitest';
import { type Message, MessageType, NO_DATA } from '../../../src/raft/messages.ts';
import { StateType } from '../../../src/raft/ready.ts';
import { Cluster, disk, text } from '../support/cluster.ts';
import { craft, entriesOf } from '../support/node.ts';
import type { Scenario } from './scenario.ts';

const { MsgApp, MsgAppResp, MsgSnap, MsgStorageAppendResp, MsgVoteResp } = MessageType;

/** Figure 8 of the paper, played to its end: the entry that a majority holds is overwritten, and was never committed. */
const olderTermByCount: Scenario = {
  pitfall: 'commit of older-term entries by count (figure 8)',
  run() {
    const cluster = new Cluster(
      5,
      {},
      new Map([disk(1, [1, 2]), disk(5, [1, 3]), ...[2, 3, 4].map((id) => disk(id, [1]))]),
    );
    // (c) 1 leads term 4 and brings its entry of term 2 to a majority, but nothing of its own term.
    cluster.member(1).node.step(craft(MsgApp, { from: 2, to: 1, term: 3 }));
    cluster.block(({ to, from }) => to === 5 || from === 5 || to === 4 || from === 4);
    cluster.elect(1);
    expect(cluster.member(1).term).toBe(4);
    const leader = cluster.member(1);
    expect(leader.commit).toBe(3);
    expect(leader.logTerms).toEqual([1, 2, 4]);
    // With an entry of term 4 on that majority, 5 cannot win any more: (e).
    cluster.heal();
    cluster.member(5).node.campaign();
    cluster.settle();
    expect(cluster.member(5).state).not.toBe(StateType.Leader);

    // (d) in another world: the entry of term 4 reaches nobody; the one of term 2 is on 1, 2 and 3, and not committed.
    const other = new Cluster(
      5,
      {},
      new Map([disk(5, [1, 3]), ...[1, 2, 3].map((id) => disk(id, [1, 2], { term: 3 })), disk(4, [1])]),
    );
    other.block(({ type, to }) => type === MsgApp || to >= 4);
    const top = other.elect(1);
    for (const from of [2, 3]) top.node.step(craft(MsgAppResp, { from, to: 1, term: top.term, index: 2 }));
    other.work(top);
    expect(top.commit).toBe(0);
    other.block(({ to, from }) => to === 1 || from === 1);
    other.member(5).node.step(craft(MsgApp, { from: 1, to: 5, term: top.term }));
    other.elect(5);
    for (const id of [2, 3, 4, 5]) expect(other.member(id).logTerms).toEqual([1, 3, 5]);
    return other;
  },
};

/** An entry counts for its own leader's majority only when its disk has it. */
const ackBeforeSync: Scenario = {
  pitfall: 'acknowledged before it is on disk: the leader counts itself too early',
  run() {
    const cluster = new Cluster(3);
    const leader = cluster.elect(1);
    leader.diskStalled = true;
    cluster.block(({ to }) => to === 3);
    cluster.member(2).diskStalled = true;
    leader.node.propose(text('x'));
    cluster.settle();
    expect(leader.commit).toBe(1);
    cluster.member(2).diskStalled = false;
    cluster.settle();
    expect(leader.commit).toBe(1);
    leader.diskStalled = false;
    cluster.settle();
    expect(leader.commit).toBe(2);
    return cluster;
  },
};

/** With one voter there is nobody else: the entry is committed when its own disk has it, and survives a crash. */
const ackBeforeSyncAlone: Scenario = {
  pitfall: 'acknowledged before it is on disk, with one voter',
  run() {
    const cluster = new Cluster(1);
    const only = cluster.elect(1);
    only.diskStalled = true;
    only.node.propose(text('lost'));
    cluster.settle();
    expect(only.appliedText).toEqual([]);
    only.crashAndRestart();
    only.diskStalled = false;
    cluster.elect(1);
    only.node.propose(text('kept'));
    cluster.settle();
    expect(only.appliedText).toEqual(['kept']);
    only.crashAndRestart();
    cluster.elect(1);
    expect(only.logTerms).toHaveLength(4);
    return cluster;
  },
};

/** The vote for itself counts when it is on disk: else a crash would let the node vote twice in a term. */
const voteBeforeSync: Scenario = {
  pitfall: 'a vote that is not persisted',
  run() {
    const cluster = new Cluster(3);
    const candidate = cluster.member(1);
    candidate.diskStalled = true;
    // Its own vote is needed.
    cluster.block(({ to }) => to === 3);
    candidate.node.campaign();
    cluster.settle();
    expect(candidate.state).toBe(StateType.Candidate);
    candidate.diskStalled = false;
    cluster.settle();
    expect(candidate.state).toBe(StateType.Leader);
    candidate.crashAndRestart();
    expect(candidate.node.status().hardState).toMatchObject({ term: 1, vote: 1 });
    return cluster;
  },
};

/** A write that was ordered under an older term does not prove anything about entries that came back since (ABA). */
const abaRace: Scenario = {
  pitfall: 'asynchronous write of overwritten entries acknowledged late (ABA race)',
  run() {
    const cluster = new Cluster(3);
    const follower = cluster.member(3);
    follower.diskStalled = true;
    const receive = (from: number, term: number, entryTerm: number): void => {
      const entries = entriesOf([entryTerm], 1);
      follower.node.step(craft(MsgApp, { from, to: 3, term, entries }));
      cluster.collect(follower);
    };
    receive(1, 1, 1);
    receive(2, 2, 2);
    receive(1, 3, 1);
    expect(follower.appendQueue).toHaveLength(3);
    // The first write ends. Its entry looks like the present one, but the second write will still replace it.
    cluster.release(follower, follower.persistOne());
    follower.node.step(craft(MsgApp, { from: 1, to: 3, term: 3, index: 1, logTerm: 1, commit: 1 }));
    cluster.collect(follower);
    expect(follower.applyQueue).toEqual([]);
    cluster.release(follower, follower.persistOne());
    expect(follower.logTerms).toEqual([1]);
    follower.diskStalled = false;
    cluster.work(follower);
    expect(follower.applied.map(({ term }) => term)).toEqual([1]);
    return cluster;
  },
};

/** A snapshot and entries behind it may be due at once; both reach the disk before either is acknowledged. */
const snapshotWithEntries: Scenario = {
  pitfall: 'a snapshot and the entries behind it in one write',
  run() {
    const cluster = new Cluster(3);
    const follower = cluster.member(3);
    const snapshot = { index: 10, term: 1, confState: follower.storage.confState, data: NO_DATA };
    follower.node.step(craft(MsgSnap, { from: 1, to: 3, term: 1, snapshot }));
    follower.node.step(
      craft(MsgApp, { from: 1, to: 3, term: 1, index: 10, logTerm: 1, entries: entriesOf([1], 11), commit: 11 }),
    );
    cluster.collect(follower);
    expect(follower.appendQueue).toMatchObject([{ mustSync: true, snapshot: { index: 10 }, entries: [{ index: 11 }] }]);
    cluster.work(follower);
    expect(follower.node.status()).toMatchObject({ applied: 11, firstIndex: 11, lastIndex: 11 });
    const acknowledged = cluster.network.filter(({ type }) => type === MsgAppResp).map(({ index }) => index);
    expect(acknowledged).toEqual([10, 11]);
    return cluster;
  },
};

/** Responses of tasks are lost with a crash; the node comes back with what is on disk. */
const lostResponses: Scenario = {
  pitfall: 'a crash between the write and its acknowledgement',
  run() {
    const cluster = new Cluster(3);
    const leader = cluster.elect(1);
    const follower = cluster.member(2);
    follower.diskStalled = true;
    cluster.block(({ to }) => to === 3);
    leader.node.propose(text('x'));
    cluster.settle();
    const released: readonly Message[] = follower.persistOne();
    expect(released.map(({ type }) => type)).toEqual([MsgAppResp, MsgStorageAppendResp]);
    follower.crashAndRestart();
    follower.diskStalled = false;
    expect(leader.commit).toBe(1);
    expect(follower.logTerms).toEqual([1, 1]);
    cluster.tickAll(3);
    expect(leader.commit).toBe(2);
    return cluster;
  },
};

/** The commit index on disk lags; what was applied is not applied again, what was not is, once. */
const commitLags: Scenario = {
  pitfall: 'the commit index on disk lags behind what was applied',
  run() {
    const cluster = new Cluster(3);
    const leader = cluster.elect(1);
    for (const word of ['a', 'b', 'c']) {
      leader.node.propose(text(word));
      cluster.settle();
    }
    for (const id of [1, 2, 3]) cluster.member(id).crashAndRestart();
    cluster.elect(2);
    for (const id of [1, 2, 3]) expect(cluster.member(id).appliedText).toEqual(['a', 'b', 'c']);
    return cluster;
  },
};

/** A vote on its way to disk is lost with a crash, together with the answer: nobody was told. */
const voteLostWithCrash: Scenario = {
  pitfall: 'a crash before a vote is on disk lets the node vote twice',
  run() {
    const cluster = new Cluster(3);
    const voter = cluster.member(3);
    voter.diskStalled = true;
    cluster.member(1).node.campaign();
    cluster.settle();
    voter.crashAndRestart();
    voter.diskStalled = false;
    const answers = cluster.inFlight(MsgVoteResp);
    expect(answers).toEqual([]);
    expect(voter.node.status().hardState.vote).toBe(0);
    return cluster;
  },
};

export const durability: readonly Scenario[] = [
  olderTermByCount,
  ackBeforeSync,
  ackBeforeSyncAlone,
  voteBeforeSync,
  abaRace,
  snapshotWithEntries,
  lostResponses,
  commitLags,
  voteLostWithCrash,
];
