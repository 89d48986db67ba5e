// The rules of the Raft paper beyond the basic algorithm (sections 6 to 8) and of the dissertation, one test a sentence.
import { describe, expect, it } from 'vitest';
import { confChange, ConfChangeTransition, ConfChangeType, LEAVE_JOINT } from '../../src/raft/conf-change.ts';
import { MessageType, NO_DATA } from '../../src/raft/messages.ts';
import { StateType } from '../../src/raft/ready.ts';
import { Cluster, disk, text } from './support/cluster.ts';
import { craft, entriesOf, leader, Solo } from './support/node.ts';

const { MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgPreVote, MsgReadIndex, MsgSnap, MsgTimeoutNow, MsgVote } =
  MessageType;

const step = (type: ConfChangeType, nodeId: number): { type: ConfChangeType; nodeId: number } => ({ type, nodeId });

describe('6 Cluster membership changes', () => {
  it('a joint configuration elects with majorities of both halves', () => {
    const cluster = new Cluster(5, {}, new Map(), { voters: [1, 2, 3], votersOutgoing: [1, 4, 5] });
    cluster.block(({ to }) => to === 4 || to === 5);
    cluster.member(1).node.campaign();
    cluster.settle();
    expect(cluster.member(1).state).toBe(StateType.Candidate);
    cluster.block(({ to }) => to === 3 || to === 5);
    cluster.elect(1);
  });

  it('a joint configuration commits with majorities of both halves', () => {
    const cluster = new Cluster(5, {}, new Map(), { voters: [1, 2, 3], votersOutgoing: [1, 4, 5] });
    const top = cluster.elect(1);
    const before = top.commit;
    cluster.isolate(4, 5);
    top.node.propose(text('x'));
    cluster.settle();
    expect(top.commit).toBe(before);
    cluster.heal();
    cluster.tickAll(2);
    expect(top.commit).toBe(before + 1);
  });

  it('a joint configuration that is left automatically ends in the new one on every member', () => {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const top = cluster.elect(1);
    const change = confChange([step(ConfChangeType.RemoveNode, 3), step(ConfChangeType.AddNode, 4)]);
    expect(top.node.proposeConfChange(change)).toMatchObject({ ok: true, ignoredConfChange: null });
    cluster.settle();
    cluster.tickAll(2);
    for (const id of [1, 2, 4]) {
      expect(cluster.member(id).storage.confState).toMatchObject({ voters: [1, 2, 4], votersOutgoing: [] });
    }
  });

  it('an explicit joint configuration stays until it is told to end', () => {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const top = cluster.elect(1);
    top.node.proposeConfChange(confChange([step(ConfChangeType.AddNode, 4)], ConfChangeTransition.JointExplicit));
    cluster.settle();
    cluster.tickAll(3);
    expect(top.storage.confState).toMatchObject({ voters: [1, 2, 3, 4], votersOutgoing: [1, 2, 3] });
    top.node.proposeConfChange(LEAVE_JOINT);
    cluster.settle();
    expect(top.storage.confState).toMatchObject({ voters: [1, 2, 3, 4], votersOutgoing: [] });
  });

  it('servers that catch up as non-voting members do not count for majorities', () => {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3], learners: [4] });
    const top = cluster.elect(1);
    cluster.isolate(2, 3);
    top.node.propose(text('x'));
    cluster.settle();
    expect(top.commit).toBe(1);
    expect(cluster.member(4).logTerms).toEqual([1, 1]);
  });

  it('non-voting members do not campaign', () => {
    const cluster = new Cluster(3, {}, new Map(), { voters: [1, 2], learners: [3] });
    cluster.member(3).tick(100);
    cluster.member(3).node.campaign();
    expect(cluster.member(3).state).toBe(StateType.Follower);
  });

  it('a new member gets entries at once, without waiting for a heartbeat', () => {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const top = cluster.elect(1);
    top.node.proposeConfChange(confChange([step(ConfChangeType.AddNode, 4)]));
    cluster.settle();
    expect(cluster.member(4).logTerms).toEqual(top.logTerms);
  });

  it('a leader that is not in the new configuration steps down when that is in force', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    top.node.proposeConfChange(confChange([step(ConfChangeType.RemoveNode, 1)]));
    cluster.settle();
    expect(top.state).toBe(StateType.Follower);
    expect(top.storage.confState.voters).toEqual([2, 3]);
    expect(cluster.elect(2).storage.confState.voters).toEqual([2, 3]);
  });

  it('a vote request within the minimum election timeout of hearing from a leader changes nothing', () => {
    const solo = new Solo(3, { checkQuorum: true });
    solo.step(MsgHeartbeat, { from: 2, term: 1 });
    expect(solo.step(MsgVote, { from: 3, term: 7 })).toEqual([]);
    expect(solo.member.term).toBe(1);
  });
});

describe('7 Log compaction', () => {
  it('a leader sends its snapshot when it has discarded the next entry a follower needs', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    cluster.isolate(3);
    for (const word of ['a', 'b', 'c']) top.node.propose(text(word));
    cluster.settle();
    top.storage.createSnapshot(top.appliedIndex, top.storage.confState, text('state'));
    top.storage.compact(top.appliedIndex);
    cluster.heal();
    let sent = 0;
    cluster.block(({ type }) => {
      if (type === MsgSnap) sent++;
      return false;
    });
    cluster.tickAll(3);
    expect(sent).toBe(1);
    expect(cluster.member(3).storage.snapshot().data).toEqual(text('state'));
    expect(cluster.member(3).commit).toBe(top.commit);
  });

  it('a snapshot with new information takes the place of the whole log', () => {
    const solo = new Solo(3, {}, { log: [1, 1] });
    const confState = solo.member.storage.confState;
    const snapshot = { index: 9, term: 2, confState, data: NO_DATA };
    expect(solo.step(MsgSnap, { from: 2, term: 2, snapshot })).toMatchObject([{ type: MsgAppResp, index: 9 }]);
    expect(solo.member.node.status()).toMatchObject({ firstIndex: 10, lastIndex: 9, lastTerm: 2 });
  });

  it('with a snapshot of a prefix of its log a follower keeps the entries behind it', () => {
    const solo = new Solo(3, {}, { log: [1, 1, 1, 1] });
    const snapshot = { index: 2, term: 1, confState: solo.member.storage.confState, data: NO_DATA };
    solo.step(MsgSnap, { from: 2, term: 1, snapshot });
    expect(solo.member.logTerms).toEqual([1, 1, 1, 1]);
    expect(solo.member.commit).toBe(2);
  });

  it('a snapshot that is older than what is committed is ignored', () => {
    const solo = new Solo(3, {}, { log: [1, 1, 1], commit: 3 });
    const snapshot = { index: 2, term: 1, confState: solo.member.storage.confState, data: NO_DATA };
    expect(solo.step(MsgSnap, { from: 2, term: 1, snapshot })).toMatchObject([{ type: MsgAppResp, index: 3 }]);
    expect(solo.member.logTerms).toEqual([1, 1, 1]);
  });

  it('a snapshot brings the latest configuration with it', () => {
    const solo = new Solo(3);
    const confState = { ...solo.member.storage.confState, voters: [1, 2], learners: [7] };
    solo.step(MsgSnap, { from: 2, term: 1, snapshot: { index: 5, term: 1, confState, data: NO_DATA } });
    expect(solo.member.node.status().confState).toEqual(confState);
  });
});

describe('8 Client interaction', () => {
  it('a leader commits an empty entry at the start of its term', () => {
    const cluster = new Cluster(3, {}, new Map([disk(1, [1]), disk(2, [1]), disk(3, [1])]));
    const top = cluster.elect(1);
    expect(top.logTerms).toEqual([1, 2]);
    expect(top.commit).toBe(2);
  });

  it('a server that is not the leader tells who is', () => {
    const cluster = new Cluster(3, { disableProposalForwarding: true });
    cluster.elect(1);
    expect(cluster.member(2).node.propose(text('x'))).toEqual({
      ok: false,
      reason: 'forwarding-disabled',
      leader: 1,
    });
  });

  it('a server that knows no leader refuses', () => {
    expect(new Solo(3).member.node.propose(text('x'))).toEqual({ ok: false, reason: 'no-leader', leader: 0 });
  });

  it('a read waits for heartbeats answered by a majority, and for the commit index of its arrival', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    top.node.propose(text('x'));
    cluster.settle();
    cluster.block(({ type }) => type === MsgHeartbeatResp);
    top.node.readIndex(text('r1'));
    cluster.settle();
    expect(top.readStates).toEqual([]);
    cluster.heal();
    cluster.tickAll(1);
    expect(top.readStates).toEqual([{ index: 2, context: text('r1') }]);
  });

  it('a single answer is not a majority of five', () => {
    const solo = leader(5);
    const { term } = solo.member;
    for (const from of [2, 3]) solo.step(MsgAppResp, { from, term, index: 1 });
    solo.member.node.readIndex(text('r'));
    solo.sent();
    solo.step(MsgHeartbeatResp, { from: 2, term, context: text('r') });
    expect(solo.member.readStates).toEqual([]);
    solo.step(MsgHeartbeatResp, { from: 3, term, context: text('r') });
    expect(solo.member.readStates).toHaveLength(1);
  });

  it('a leader does not answer reads before it has committed an entry of its term', () => {
    const solo = leader(3, [1, 1]);
    const { term } = solo.member;
    solo.member.node.readIndex(text('r'));
    const beats = solo.tick().filter(({ type }) => type === MsgHeartbeat);
    for (const { to, context } of beats) solo.step(MsgHeartbeatResp, { from: to, term, context });
    expect(solo.member.readStates).toEqual([]);
    solo.step(MsgAppResp, { from: 2, term, index: 3 });
    solo.step(MsgHeartbeatResp, { from: 2, term, context: text('r') });
    expect(solo.member.readStates).toEqual([{ index: 3, context: text('r') }]);
  });

  it('a follower passes reads on, and gets its answer (dissertation 6.4)', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.member(3).node.readIndex(text('far'));
    cluster.settle();
    expect(cluster.member(3).readStates).toEqual([{ index: 1, context: text('far') }]);
  });
});

describe('dissertation', () => {
  it('3.10: a leader that hands over accepts no proposals meanwhile', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    cluster.isolate(2);
    top.node.transferLeadership(2);
    expect(top.node.propose(text('x'))).toMatchObject({ ok: false, reason: 'transferring-leadership', leader: 1 });
  });

  it('3.10: it brings the target up to date before it tells it to campaign', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    cluster.isolate(2);
    top.node.propose(text('x'));
    cluster.settle();
    top.node.transferLeadership(2);
    cluster.work(top);
    expect(cluster.inFlight(MsgTimeoutNow)).toEqual([]);
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.member(2).state).toBe(StateType.Leader);
    expect(cluster.member(2).logTerms).toEqual([1, 1, 2]);
  });

  it('3.10: a transfer that takes an election timeout is given up', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    cluster.isolate(2);
    top.node.transferLeadership(2);
    for (let i = 0; i < 10; i++) top.tick();
    expect(top.node.propose(text('x'))).toMatchObject({ ok: true });
  });

  it('3.10: a transfer to a server that is removed is given up', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    cluster.isolate(2);
    top.node.proposeConfChange(confChange([step(ConfChangeType.RemoveNode, 2)]));
    top.node.transferLeadership(2);
    expect(top.node.status().leadTransferee).toBe(2);
    cluster.settle();
    expect(top.storage.confState.voters).toEqual([1, 3]);
    expect(top.node.status().leadTransferee).toBe(0);
  });

  it('3.10: the target campaigns at once, and leases do not stop it', () => {
    const cluster = new Cluster(3, { checkQuorum: true, preVote: true });
    const top = cluster.elect(1);
    top.node.transferLeadership(3);
    cluster.settle();
    expect(cluster.leaders().map(({ id }) => id)).toEqual([3]);
    expect(cluster.member(3).term).toBe(2);
  });

  it('4.1: a second configuration change waits until the first is applied', () => {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const top = cluster.elect(1);
    const add = confChange([step(ConfChangeType.AddNode, 4)]);
    expect(top.node.proposeConfChange(add)).toMatchObject({ ok: true, ignoredConfChange: null });
    expect(top.node.proposeConfChange(confChange([step(ConfChangeType.RemoveNode, 2)]))).toMatchObject({
      ok: true,
      ignoredConfChange: expect.stringContaining('unapplied conf change at index 2') as string,
    });
    cluster.settle();
    expect(top.storage.confState.voters).toEqual([1, 2, 3, 4]);
    expect(top.logTerms).toEqual([1, 1, 1]);
  });

  it('4.1: a new leader takes no change before it has applied all that was in its log', () => {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const first = cluster.elect(1);
    // In the log of all, committed by nobody: no answer gets through.
    cluster.block(({ type }) => type === MsgAppResp);
    first.node.proposeConfChange(confChange([step(ConfChangeType.AddNode, 4)]));
    cluster.settle();
    const second = cluster.member(2);
    second.node.campaign();
    cluster.settle();
    expect(second.state).toBe(StateType.Leader);
    const change = confChange([step(ConfChangeType.RemoveNode, 3)]);
    expect(second.node.proposeConfChange(change)).toMatchObject({
      ignoredConfChange: expect.stringContaining('unapplied conf change at index 2') as string,
    });
    cluster.heal();
    cluster.tickAll(2);
    expect(second.node.proposeConfChange(change)).toMatchObject({ ignoredConfChange: null });
    cluster.settle();
    expect(second.storage.confState.voters).toEqual([1, 2, 4]);
  });

  it('6.2: a leader without answers of a quorum for an election timeout steps down', () => {
    const cluster = new Cluster(3, { checkQuorum: true });
    const top = cluster.elect(1);
    cluster.isolate(1);
    // The first check still sees the answers of the election.
    for (let i = 0; i < 20; i++) top.tick();
    expect(top.state).toBe(StateType.Follower);
    expect(top.term).toBe(1);
  });

  it('6.2: it stays while a quorum answers', () => {
    const cluster = new Cluster(3, { checkQuorum: true });
    const top = cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 40; i++) {
      top.tick();
      cluster.settle();
    }
    expect(top.state).toBe(StateType.Leader);
  });

  it('9.6: a server that is cut off does not increase its term', () => {
    const cluster = new Cluster(3, { preVote: true });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.member(3).tick(100);
    cluster.settle();
    expect(cluster.member(3).state).toBe(StateType.PreCandidate);
    expect(cluster.member(3).term).toBe(1);
  });

  it('9.6: a pre-vote changes neither the term nor the vote of who grants it', () => {
    const solo = new Solo(3, { preVote: true }, { log: [1], term: 1, vote: 1 });
    expect(solo.step(MsgPreVote, { from: 2, term: 2, index: 1, logTerm: 1 })).toMatchObject([
      { to: 2, term: 2, reject: false },
    ]);
    expect(solo.member.node.status().hardState).toMatchObject({ term: 1, vote: 1 });
  });

  it('9.6: a pre-vote is not granted to a log that could not win', () => {
    const solo = new Solo(3, { preVote: true }, { log: [1, 1], term: 1 });
    expect(solo.step(MsgPreVote, { from: 2, term: 2, index: 1, logTerm: 1 })).toMatchObject([{ to: 2, reject: true }]);
  });

  it('9.6: a pre-vote is not granted by who hears from a leader', () => {
    const solo = new Solo(3, { preVote: true, checkQuorum: true });
    solo.step(MsgHeartbeat, { from: 2, term: 1 });
    expect(solo.step(MsgPreVote, { from: 3, term: 2 })).toEqual([]);
  });

  it('10.2.1: a leader writes its own disk while the others write theirs, and may commit first', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    top.diskStalled = true;
    top.node.propose(text('x'));
    cluster.settle();
    expect(top.commit).toBe(2);
    expect(top.storage.lastIndex()).toBe(1);
    // But it applies only what its own disk has.
    expect(top.appliedText).toEqual([]);
  });

  it('6.4: a read that a follower passes on without a leader is not answered', () => {
    const solo = new Solo(3);
    solo.member.node.step(craft(MsgReadIndex, { to: 1, from: 2, entries: entriesOf([0], 0) }));
    expect(solo.sent()).toEqual([]);
  });
});
