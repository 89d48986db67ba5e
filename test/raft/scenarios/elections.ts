/** Pitfalls of elections. */
import { expect } from 'vitest';
import { MessageType } from '../../../src/raft/messages.ts';
import { StateType } from '../../../src/raft/ready.ts';
import { Cluster, disk, text } from '../support/cluster.ts';
import { craft } from '../support/node.ts';
import type { Scenario } from './scenario.ts';

const { MsgApp, MsgHeartbeat, MsgPreVoteResp, MsgTransferLeader, MsgVoteResp } = MessageType;

/** A node with a higher term but an older log blocks nobody, and gets unblocked itself. */
const staleTermDeadlock: Scenario = {
  pitfall: 'stale-term deadlock with pre-vote: a node of a higher term with a shorter log',
  run() {
    const disks = new Map([disk(1, [1, 1], { term: 1 }), disk(2, [1, 1], { term: 1 }), disk(3, [1], { term: 7 })]);
    const cluster = new Cluster(3, { preVote: true }, disks);
    // Node 2 is gone: only 1 has the log to win, and only 3 can vote for it, in a term above 7.
    cluster.isolate(2);
    for (let i = 0; i < 40 && cluster.leaders().length === 0; i++) cluster.tickAll(1);
    expect(cluster.leaders().map(({ id }) => id)).toEqual([1]);
    expect(cluster.member(1).term).toBeGreaterThan(7);
    expect(cluster.member(3).logTerms).toEqual(cluster.member(1).logTerms);
    return cluster;
  },
};

/** A leader that cannot be followed for its lower term learns of the higher one. */
const leaderOfLowerTerm: Scenario = {
  pitfall: 'a node stuck in a higher term that no vote request spreads (check-quorum)',
  run() {
    const cluster = new Cluster(3, { preVote: true, checkQuorum: true }, new Map([disk(3, [], { term: 5 })]));
    cluster.isolate(3);
    cluster.elect(1);
    cluster.heal();
    cluster.tickAll(40);
    const [leader, ...others] = cluster.leaders();
    expect(others).toEqual([]);
    expect(leader?.term).toBeGreaterThan(5);
    expect(cluster.member(3).commit).toBe(leader?.commit);
    return cluster;
  },
};

/** Repeated answers of one voter are one vote. */
const votesPerMessage: Scenario = {
  pitfall: 'votes counted per message',
  run() {
    const cluster = new Cluster(5);
    const member = cluster.member(1);
    member.node.campaign();
    cluster.work(member);
    for (let i = 0; i < 5; i++) member.node.step(craft(MsgVoteResp, { from: 2, to: 1, term: 1 }));
    expect(member.state).toBe(StateType.Candidate);
    // Changing its mind does not help either: the first answer counts.
    for (let i = 0; i < 5; i++) member.node.step(craft(MsgVoteResp, { from: 2, to: 1, term: 1, reject: true }));
    member.node.step(craft(MsgVoteResp, { from: 3, to: 1, term: 1 }));
    expect(member.state).toBe(StateType.Leader);
    return cluster;
  },
};

/** A pre-vote is not a vote. */
const preVotesAsVotes: Scenario = {
  pitfall: 'granted pre-votes counted as votes',
  run() {
    const cluster = new Cluster(3, { preVote: true });
    const member = cluster.member(1);
    member.node.campaign();
    cluster.work(member);
    member.node.step(craft(MsgPreVoteResp, { from: 2, to: 1, term: 1 }));
    expect(member.state).toBe(StateType.Candidate);
    member.node.step(craft(MsgPreVoteResp, { from: 3, to: 1, term: 1 }));
    expect(member.state).toBe(StateType.Candidate);
    member.node.step(craft(MsgVoteResp, { from: 3, to: 1, term: 1 }));
    cluster.work(member);
    expect(member.state).toBe(StateType.Leader);

    // Nor is a vote that comes late, after its election, a pre-vote of the next one.
    const late = cluster.member(2);
    late.node.campaign();
    cluster.work(late);
    late.node.step(craft(MsgPreVoteResp, { from: 3, to: 2, term: 1 }));
    late.tick(20);
    cluster.work(late);
    expect([late.state, late.term]).toEqual([StateType.PreCandidate, 1]);
    late.node.step(craft(MsgVoteResp, { from: 3, to: 2, term: 1 }));
    expect(late.state).toBe(StateType.PreCandidate);
    return cluster;
  },
};

/** Votes of a removed node do not count. */
const votesOfStrangers: Scenario = {
  pitfall: 'votes of nodes outside the configuration',
  run() {
    const cluster = new Cluster(5, {}, new Map(), { voters: [1, 2, 3], learners: [4] });
    const member = cluster.member(1);
    member.node.campaign();
    cluster.work(member);
    expect(member.node.step(craft(MsgVoteResp, { from: 5, to: 1, term: 1 }))).toMatchObject({
      reason: 'peer-not-found',
    });
    member.node.step(craft(MsgVoteResp, { from: 4, to: 1, term: 1 }));
    expect(member.state).toBe(StateType.Candidate);
    return cluster;
  },
};

/** The other nodes keep their leader while one that is cut off comes and goes. */
const disruptiveServer: Scenario = {
  pitfall: 'a server that was cut off deposes a healthy leader when it returns',
  run() {
    const cluster = new Cluster(3, { preVote: true, checkQuorum: true });
    cluster.elect(1);
    for (let i = 0; i < 3; i++) {
      cluster.isolate(3);
      cluster.tickAll(30);
      cluster.heal();
      cluster.tickAll(5);
    }
    expect(cluster.leaders().map(({ id, term }) => ({ id, term }))).toEqual([{ id: 1, term: 1 }]);
    expect(cluster.member(3).node.softState().leader).toBe(1);
    return cluster;
  },
};

/** A node that was never in a term answers a pre-vote that it refuses. */
const refusalWithoutTerm: Scenario = {
  pitfall: 'a node of term 0 that must refuse a pre-vote ends its process',
  run() {
    const confState = { voters: [1, 2] };
    const cluster = new Cluster(2, { preVote: true }, new Map([disk(2, [1], { term: 0 })]), confState);
    cluster.member(1).node.campaign();
    cluster.settle();
    expect(cluster.member(1).state).toBe(StateType.Follower);
    cluster.elect(2);
    return cluster;
  },
};

/** Whatever terms a forwarded request carries, a peer cannot end our process by sending it. */
const forwardedTransfer: Scenario = {
  pitfall: 'a transfer request that is passed on twice ends the process',
  run() {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.member(2).node.step(craft(MsgTransferLeader, { from: 3, to: 2, term: 1 }));
    cluster.settle();
    expect(cluster.leaders().map(({ id }) => id)).toEqual([3]);
    return cluster;
  },
};

/** Hand-over while proposals keep coming: none is lost that was taken, and the new leader has all. */
const transferUnderLoad: Scenario = {
  pitfall: 'leadership transfer under load',
  run() {
    const cluster = new Cluster(3, { preVote: true, checkQuorum: true, maxInflightMsgs: 2 });
    const first = cluster.elect(1);
    const taken: string[] = [];
    const propose = (word: string): void => {
      for (const leader of cluster.leaders()) if (leader.node.propose(text(word)).ok) taken.push(word);
    };
    // The target lags: messages to it are lost for a while.
    cluster.block(({ to, type }) => to === 3 && type === MsgApp);
    for (let i = 0; i < 20; i++) {
      propose(`before${i}`);
      cluster.settle();
    }
    first.node.transferLeadership(3);
    cluster.heal();
    for (let i = 0; i < 30; i++) {
      propose(`during${i}`);
      for (const member of cluster.members.values()) member.tick();
      cluster.settle();
    }
    expect(cluster.leaders().map(({ id }) => id)).toEqual([3]);
    for (const member of cluster.members.values()) expect(member.appliedText).toEqual(taken);
    expect(taken).toContain('before19');
    expect(taken).toContain('during29');
    expect(taken).not.toContain('during0');
    return cluster;
  },
};

/** A leader whose followers hear it, but which does not hear them, makes room. */
const deafLeader: Scenario = {
  pitfall: 'a leader that is heard but hears nobody (one-way partition)',
  run() {
    const cluster = new Cluster(3, { preVote: true, checkQuorum: true });
    const deaf = cluster.elect(1);
    cluster.block(({ to, type }) => to === 1 && type !== MsgHeartbeat && type !== MsgApp);
    cluster.tickAll(60);
    const current = cluster
      .leaders()
      .filter(({ term }) => term === Math.max(...[1, 2, 3].map((id) => cluster.member(id).term)));
    expect(current).toHaveLength(1);
    expect(current[0]?.id).not.toBe(1);
    expect(deaf.state).toBe(StateType.Follower);
    return cluster;
  },
};

export const elections: readonly Scenario[] = [
  staleTermDeadlock,
  leaderOfLowerTerm,
  votesPerMessage,
  preVotesAsVotes,
  votesOfStrangers,
  disruptiveServer,
  refusalWithoutTerm,
  forwardedTransfer,
  transferUnderLoad,
  deafLeader,
];
