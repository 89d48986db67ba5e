// The rules of the Raft paper (extended version), section 5, one test a sentence. Later sections: paper-extensions.test.ts.
import { describe, expect, it } from 'vitest';
import { MessageType } from '../../src/raft/messages.ts';
import { StateType } from '../../src/raft/ready.ts';
import { Cluster, disk, text } from './support/cluster.ts';
import { candidate, entriesOf, leader, Solo } from './support/node.ts';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgVote, MsgVoteResp } = MessageType;

describe('5.1 Raft basics', () => {
  it.each([
    ['follower', () => new Solo(3)],
    ['candidate', () => candidate(3)],
    ['leader', () => leader(3)],
  ])('a %s that hears of a larger term takes it up and is a follower', (_role, make) => {
    const solo = make();
    solo.step(MsgApp, { from: 2, term: 9 });
    expect(solo.member.term).toBe(9);
    expect(solo.member.state).toBe(StateType.Follower);
    expect(solo.member.node.softState().leader).toBe(2);
  });

  it('a request with a stale term is not carried out', () => {
    const solo = new Solo(3, {}, { log: [1, 2], term: 3 });
    expect(solo.step(MsgApp, { from: 2, term: 2, index: 2, logTerm: 2, entries: entriesOf([2], 3) })).toEqual([]);
    expect(solo.member.logTerms).toEqual([1, 2]);
    expect(solo.member.term).toBe(3);
  });

  it('a vote request with a stale term gets no vote', () => {
    const solo = new Solo(3, {}, { log: [1], term: 3 });
    expect(solo.step(MsgVote, { from: 2, term: 2, index: 9, logTerm: 2 })).toEqual([]);
    expect(solo.member.node.status().hardState.vote).toBe(0);
  });
});

describe('5.2 Leader election', () => {
  it('servers start up as followers', () => {
    const solo = new Solo(3, {}, { log: [1, 2], vote: 1 });
    expect(solo.member.state).toBe(StateType.Follower);
  });

  it('a leader sends heartbeats to all followers every heartbeat timeout', () => {
    const solo = leader(3);
    for (let i = 0; i < 5; i++) {
      const beats = solo.tick().filter(({ type }) => type === MsgHeartbeat);
      expect(beats.map(({ to }) => to)).toEqual([2, 3]);
      expect(beats.every(({ term }) => term === solo.member.term)).toBe(true);
    }
  });

  it('a follower that hears nothing for its election timeout starts an election', () => {
    const solo = new Solo(3);
    solo.tick(9);
    expect(solo.member.state).toBe(StateType.Follower);
    solo.tick();
    expect(solo.member.state).toBe(StateType.Candidate);
  });

  it('to begin an election it increments its term, votes for itself and asks all others', () => {
    const solo = new Solo(5, {}, { log: [1, 2], term: 2 });
    const requests = solo.tick(10);
    expect(requests.map(({ type, to, term }) => ({ type, to, term }))).toEqual(
      [2, 3, 4, 5].map((to) => ({ type: MsgVote, to, term: 3 })),
    );
    expect(requests.every(({ index, logTerm }) => index === 2 && logTerm === 2)).toBe(true);
    expect(solo.member.storage.initialState().hardState).toMatchObject({ term: 3, vote: 1 });
  });

  it.each([
    { voters: 1, granted: 0, refused: 0, state: StateType.Leader },
    { voters: 3, granted: 1, refused: 0, state: StateType.Leader },
    { voters: 3, granted: 0, refused: 0, state: StateType.Candidate },
    { voters: 3, granted: 0, refused: 1, state: StateType.Candidate },
    { voters: 3, granted: 0, refused: 2, state: StateType.Follower },
    { voters: 4, granted: 1, refused: 0, state: StateType.Candidate },
    { voters: 5, granted: 1, refused: 1, state: StateType.Candidate },
    { voters: 5, granted: 2, refused: 1, state: StateType.Leader },
    { voters: 5, granted: 1, refused: 3, state: StateType.Follower },
  ])('a candidate wins with a majority of the full group: %o', ({ voters, granted, refused, state }) => {
    const solo = candidate(voters);
    for (let i = 0; i < granted + refused; i++) {
      solo.step(MsgVoteResp, { from: 2 + i, term: 1, reject: i >= granted });
    }
    expect(solo.member.state).toBe(state);
  });

  it('a server votes for at most one candidate in a term, first come first served', () => {
    const solo = new Solo(3);
    expect(solo.step(MsgVote, { from: 2, term: 1 })).toMatchObject([{ type: MsgVoteResp, to: 2, reject: false }]);
    expect(solo.step(MsgVote, { from: 3, term: 1 })).toMatchObject([{ type: MsgVoteResp, to: 3, reject: true }]);
    expect(solo.step(MsgVote, { from: 2, term: 1 })).toMatchObject([{ type: MsgVoteResp, to: 2, reject: false }]);
  });

  it('it may vote again in the next term', () => {
    const solo = new Solo(3);
    solo.step(MsgVote, { from: 2, term: 1 });
    expect(solo.step(MsgVote, { from: 3, term: 2 })).toMatchObject([{ to: 3, term: 2, reject: false }]);
  });

  it.each([1, 2])('a candidate that hears from a leader of term %i, not below its own, recognizes it', (term) => {
    const solo = candidate(3);
    solo.step(MsgHeartbeat, { from: 2, term });
    expect(solo.member.state).toBe(StateType.Follower);
    expect(solo.member.node.softState().leader).toBe(2);
    expect(solo.member.term).toBe(term);
  });

  it('a candidate that hears from a leader of a smaller term stays a candidate', () => {
    const solo = new Solo(3, {}, { term: 4 });
    solo.tick(10);
    solo.step(MsgApp, { from: 2, term: 4 });
    expect(solo.member.state).toBe(StateType.Candidate);
    expect(solo.member.term).toBe(5);
  });

  it('a candidate that times out starts another election in a higher term', () => {
    const solo = candidate(3);
    const requests = solo.tick(10);
    expect(solo.member.term).toBe(2);
    expect(requests.map(({ type, term }) => ({ type, term }))).toEqual([
      { type: MsgVote, term: 2 },
      { type: MsgVote, term: 2 },
    ]);
  });

  it('a new random timeout is chosen for each election', () => {
    const timeouts = [13, 17, 11];
    const solo = new Solo(3, { randomizedElectionTimeout: () => timeouts.shift() ?? 10 });
    for (const [ticks, term] of [
      [13, 1],
      [17, 2],
      [11, 3],
    ] as const) {
      solo.tick(ticks - 1);
      expect(solo.member.term).toBe(term - 1);
      solo.tick();
      expect(solo.member.term).toBe(term);
    }
  });

  it.each([
    ['hearing from the leader', (solo: Solo) => solo.step(MsgHeartbeat, { from: 2, term: 1 })],
    ['granting a vote', (solo: Solo) => solo.step(MsgVote, { from: 2, term: 1 })],
  ])('%s starts the election timeout anew', (_what, hear) => {
    const solo = new Solo(3, {}, { term: 1 });
    solo.tick(9);
    hear(solo);
    solo.tick(9);
    expect(solo.member.state).toBe(StateType.Follower);
    solo.tick();
    expect(solo.member.state).toBe(StateType.Candidate);
  });

  it('refusing a vote does not', () => {
    const solo = new Solo(3, {}, { log: [1], term: 1, vote: 3 });
    solo.tick(9);
    solo.step(MsgVote, { from: 2, term: 1, index: 1, logTerm: 1 });
    solo.tick();
    expect(solo.member.state).toBe(StateType.Candidate);
  });
});

describe('5.3 Log replication', () => {
  it('a leader appends a command and sends it to all others in parallel', () => {
    const solo = leader(3);
    for (const from of [2, 3]) solo.step(MsgAppResp, { from, term: 1, index: 1 });
    solo.member.node.propose(text('x'));
    const appends = solo.sent();
    expect(appends.map(({ type, to }) => ({ type, to }))).toEqual([
      { type: MsgApp, to: 2 },
      { type: MsgApp, to: 3 },
    ]);
    for (const { index, logTerm, entries } of appends) {
      expect({ index, logTerm }).toEqual({ index: 1, logTerm: 1 });
      expect(entries).toMatchObject([{ index: 2, term: 1, data: text('x') }]);
    }
  });

  it.each([
    { voters: 3, acks: 0, committed: false },
    { voters: 3, acks: 1, committed: true },
    { voters: 4, acks: 1, committed: false },
    { voters: 4, acks: 2, committed: true },
    { voters: 5, acks: 1, committed: false },
    { voters: 5, acks: 2, committed: true },
  ])('an entry is committed when a majority has it, the leader included: %o', ({ voters, acks, committed }) => {
    const solo = leader(voters);
    for (let from = 2; from < 2 + acks; from++) solo.step(MsgAppResp, { from, term: 1, index: 1 });
    expect(solo.member.commit).toBe(committed ? 1 : 0);
  });

  it('a single server commits by itself, once its own disk has it', () => {
    const cluster = new Cluster(1);
    const only = cluster.elect(1);
    only.diskStalled = true;
    only.node.propose(text('x'));
    cluster.settle();
    expect(only.commit).toBe(1);
    only.diskStalled = false;
    cluster.settle();
    expect(only.commit).toBe(2);
  });

  it('committing an entry commits all before it, also those of earlier leaders', () => {
    const solo = leader(3, [1, 1, 2]);
    solo.step(MsgAppResp, { from: 2, term: solo.member.term, index: 4 });
    expect(solo.member.commit).toBe(4);
    expect(solo.member.applied.map(({ term }) => term)).toEqual([1, 1, 2, 3]);
  });

  it('the leader tells its commit index with the entries that follow', () => {
    const solo = leader(3);
    solo.step(MsgAppResp, { from: 2, term: 1, index: 1 });
    solo.member.node.propose(text('x'));
    expect(solo.sent().filter(({ to }) => to === 2)).toMatchObject([{ type: MsgApp, commit: 1 }]);
  });

  it('a follower applies what it learns is committed, in log order', () => {
    const solo = new Solo(3, {}, { log: [1, 1, 1] });
    solo.step(MsgApp, { from: 2, term: 1, index: 3, logTerm: 1, entries: entriesOf([1], 4), commit: 3 });
    expect(solo.member.applied.map(({ index }) => index)).toEqual([1, 2, 3]);
    solo.step(MsgHeartbeat, { from: 2, term: 1, commit: 4 });
    expect(solo.member.applied.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
  });

  it('a follower commits no further than the entries it has from this leader', () => {
    const solo = new Solo(3, {}, { log: [1, 1, 1, 1] });
    solo.step(MsgApp, { from: 2, term: 2, index: 2, logTerm: 1, commit: 4 });
    expect(solo.member.commit).toBe(2);
  });

  it.each([
    { name: 'is missing', log: [1], index: 3, logTerm: 1 },
    { name: 'has another term', log: [1, 1, 1], index: 3, logTerm: 2 },
  ])('a follower refuses entries when the one before them $name', ({ log, index, logTerm }) => {
    const solo = new Solo(3, {}, { log });
    const answers = solo.step(MsgApp, { from: 2, term: 3, index, logTerm, entries: entriesOf([3], index + 1) });
    expect(answers).toMatchObject([{ type: MsgAppResp, to: 2, index, reject: true }]);
    expect(solo.member.logTerms).toEqual(log);
  });

  it('an entry that conflicts with a new one is removed with all that follow it', () => {
    const solo = new Solo(3, {}, { log: [1, 2, 2, 2] });
    solo.step(MsgApp, { from: 2, term: 3, index: 1, logTerm: 1, entries: entriesOf([3], 2) });
    expect(solo.member.logTerms).toEqual([1, 3]);
  });

  it('entries that do not conflict are kept, even behind those of the message', () => {
    const solo = new Solo(3, {}, { log: [1, 1, 1, 1] });
    solo.step(MsgApp, { from: 2, term: 1, index: 1, logTerm: 1, entries: entriesOf([1], 2) });
    expect(solo.member.logTerms).toEqual([1, 1, 1, 1]);
  });

  it.each([
    { name: 'a', log: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
    { name: 'b', log: [1, 1, 1, 4] },
    { name: 'c', log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
    { name: 'd', log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
    { name: 'e', log: [1, 1, 1, 4, 4, 4, 4] },
    { name: 'f', log: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
  ])('a leader makes the log of follower ($name) of figure 7 like its own', ({ log }) => {
    const own = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    // The third voter is new, so that the leader of the figure can win.
    const cluster = new Cluster(3, {}, new Map([disk(1, own, { term: 7 }), disk(2, log, { term: 7 })]));
    const top = cluster.elect(1);
    expect(top.logTerms).toEqual([...own, 8]);
    expect(cluster.member(2).logTerms).toEqual([...own, 8]);
    expect(cluster.member(2).commit).toBe(11);
  });

  it('a leader never overwrites or removes entries of its own log', () => {
    const solo = leader(3, [1, 1, 2]);
    const { term } = solo.member;
    solo.step(MsgAppResp, { from: 2, term, index: 3, reject: true, rejectHint: 1, logTerm: 1 });
    solo.step(MsgApp, { from: 3, term, index: 0, logTerm: 0, entries: entriesOf([1, 1, 1, 1], 1) });
    solo.member.node.propose(text('x'));
    expect(solo.member.logTerms).toEqual([1, 1, 2, 3, 3]);
  });

  it('probing back takes one message a term, not one an entry', () => {
    const own = [1, ...Array<number>(50).fill(3), 5];
    const theirs = [1, ...Array<number>(60).fill(2), ...Array<number>(60).fill(4)];
    const cluster = new Cluster(
      3,
      {},
      new Map([disk(1, own, { term: 5 }), disk(2, theirs), disk(3, own, { term: 5 })]),
    );
    let probes = 0;
    cluster.block((message) => {
      if (message.type === MsgAppResp && message.from === 2 && message.reject) probes++;
      return false;
    });
    cluster.elect(1);
    expect(cluster.member(2).logTerms).toEqual([...own, 6]);
    expect(probes).toBeLessThanOrEqual(3);
  });

  it('a follower hints at the last entry whose term is not above that of the leader', () => {
    const solo = new Solo(3, {}, { log: [1, 3, 3, 4, 4, 5, 5, 5, 6], term: 7 });
    expect(solo.step(MsgApp, { from: 2, term: 7, index: 8, logTerm: 3 })).toMatchObject([
      { type: MsgAppResp, index: 8, reject: true, rejectHint: 3, logTerm: 3 },
    ]);
  });

  it('a follower answers a message about what it has committed with its commit index', () => {
    const solo = new Solo(3, {}, { log: [1, 1, 1], commit: 3 });
    expect(solo.step(MsgApp, { from: 2, term: 1, index: 1, logTerm: 1, entries: entriesOf([1], 2) })).toMatchObject([
      { type: MsgAppResp, index: 3, reject: false },
    ]);
  });

  it('a leader sends entries again until every follower has them', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    cluster.block(({ type, to }) => type === MsgApp && to === 3);
    top.node.propose(text('x'));
    cluster.settle();
    expect(cluster.member(3).appliedText).toEqual([]);
    cluster.heal();
    cluster.tickAll(3);
    expect(cluster.member(3).appliedText).toEqual(['x']);
  });
});

describe('5.4 Safety', () => {
  it.each([
    { log: [1, 1], index: 2, logTerm: 1, granted: true },
    { log: [1, 1], index: 3, logTerm: 1, granted: true },
    { log: [1, 1], index: 1, logTerm: 1, granted: false },
    { log: [1, 1], index: 1, logTerm: 2, granted: true },
    { log: [1, 2], index: 9, logTerm: 1, granted: false },
    { log: [], index: 0, logTerm: 0, granted: true },
  ])('5.4.1: a vote is for a log at least as up to date: %o', ({ log, index, logTerm, granted }) => {
    const solo = new Solo(3, {}, { log, term: 2 });
    expect(solo.step(MsgVote, { from: 2, term: 3, index, logTerm })).toMatchObject([{ reject: !granted }]);
  });

  it('5.4.2: a leader does not commit entries of earlier terms by counting replicas (figure 8)', () => {
    const solo = leader(5, [1, 2]);
    const { term } = solo.member;
    for (const from of [2, 3]) solo.step(MsgAppResp, { from, term, index: 2 });
    expect(solo.member.commit).toBe(0);
  });

  it('5.4.2: once an entry of its own term is committed, so are those before it', () => {
    const solo = leader(5, [1, 2]);
    const { term } = solo.member;
    for (const from of [2, 3]) solo.step(MsgAppResp, { from, term, index: 3 });
    expect(solo.member.commit).toBe(3);
  });

  it('5.4.3: a server without a committed entry cannot be elected', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    cluster.isolate(3);
    top.node.propose(text('x'));
    cluster.settle();
    cluster.isolate(1);
    cluster.member(3).node.campaign();
    cluster.settle();
    expect(cluster.member(3).state).not.toBe(StateType.Leader);
    cluster.elect(2);
    expect(cluster.member(3).appliedText).toEqual(['x']);
  });
});

describe('5.5 Follower and candidate crashes', () => {
  it('the same AppendEntries twice has no further effect', () => {
    const solo = new Solo(3, {}, { log: [1] });
    const append = { from: 2, term: 1, index: 1, logTerm: 1, entries: entriesOf([1, 1], 2), commit: 1 };
    const first = solo.step(MsgApp, append);
    expect(solo.step(MsgApp, append)).toEqual(first);
    expect(solo.member.logTerms).toEqual([1, 1, 1]);
  });

  it('a follower that crashed catches up when it restarts', () => {
    const cluster = new Cluster(3);
    const top = cluster.elect(1);
    const crashed = cluster.member(3);
    crashed.diskStalled = true;
    top.node.propose(text('x'));
    cluster.settle();
    crashed.crashAndRestart();
    crashed.diskStalled = false;
    expect(crashed.appliedText).toEqual([]);
    cluster.tickAll(3);
    expect(crashed.appliedText).toEqual(['x']);
  });

  it('term and vote survive a crash', () => {
    const solo = new Solo(3);
    solo.step(MsgVote, { from: 2, term: 4 });
    solo.member.crashAndRestart();
    expect(solo.member.node.status().hardState).toMatchObject({ term: 4, vote: 2 });
    expect(solo.step(MsgVote, { from: 3, term: 4 })).toMatchObject([{ to: 3, reject: true }]);
  });

  it('nothing that a node promises is sent before it is on disk (figure 2, persistent state)', () => {
    const solo = new Solo(3);
    solo.member.diskStalled = true;
    expect(solo.step(MsgVote, { from: 2, term: 1 })).toEqual([]);
    expect(solo.step(MsgApp, { from: 2, term: 1, entries: entriesOf([1], 1) })).toEqual([]);
    solo.member.diskStalled = false;
    expect(solo.sent().map(({ type }) => type)).toEqual([MsgVoteResp, MsgAppResp]);
  });
});
