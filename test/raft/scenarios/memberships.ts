/** Pitfalls of configuration changes. */
import { expect } from 'vitest';
import {
  confChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
} from '../../../src/raft/conf-change.ts';
import { encodeConfChange } from '../../../src/raft/conf-change-codec.ts';
import { type Entry, EntryType, MessageType } from '../../../src/raft/messages.ts';
import { StateType } from '../../../src/raft/ready.ts';
import { Cluster, text } from '../support/cluster.ts';
import { craft } from '../support/node.ts';
import type { Scenario } from './scenario.ts';

const { MsgApp, MsgProp } = MessageType;

const add = (nodeId: number): ConfChangeSingle => ({ type: ConfChangeType.AddNode, nodeId });
const remove = (nodeId: number): ConfChangeSingle => ({ type: ConfChangeType.RemoveNode, nodeId });

/** Whoever leads proposes to leave a joint configuration, also when the leader that entered it is gone. */
const autoLeaveLost: Scenario = {
  pitfall: 'auto-leave lost on leader change',
  run() {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const first = cluster.elect(1);
    // The change gets committed and applied, but the old leader falls before it can propose to leave.
    first.applyStalled = true;
    first.node.proposeConfChange(confChange([remove(3), add(4)]));
    cluster.settle();
    cluster.tickAll(1);
    expect(cluster.member(2).storage.confState.votersOutgoing).toEqual([1, 2, 3]);
    cluster.isolate(1);
    cluster.elect(2);
    for (const id of [2, 4]) {
      expect(cluster.member(id).storage.confState).toMatchObject({ voters: [1, 2, 4], votersOutgoing: [] });
    }
    return cluster;
  },
};

/** A refused try to leave (a transfer was under way) is repeated with the next applied entry. */
const autoLeaveRefused: Scenario = {
  pitfall: 'auto-leave lost because a transfer was under way',
  run() {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const leader = cluster.elect(1);
    leader.applyStalled = true;
    leader.node.proposeConfChange(confChange([add(4)], ConfChangeTransition.JointImplicit));
    cluster.settle();
    cluster.isolate(2);
    leader.node.transferLeadership(2);
    leader.applyStalled = false;
    cluster.settle();
    expect(leader.storage.confState.votersOutgoing).toEqual([1, 2, 3]);
    leader.tick(10);
    leader.node.propose(text('next'));
    cluster.settle();
    expect(leader.storage.confState).toMatchObject({ voters: [1, 2, 3, 4], votersOutgoing: [] });
    return cluster;
  },
};

/** A follower that gets the change within a snapshot has it once, and the entries behind it on top. */
const changeRacesSnapshot: Scenario = {
  pitfall: 'a configuration change racing a snapshot',
  run() {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const leader = cluster.elect(1);
    cluster.isolate(3);
    leader.node.proposeConfChange(confChange([add(4)]));
    cluster.settle();
    leader.storage.createSnapshot(leader.appliedIndex, leader.storage.confState, text('with 4'));
    leader.storage.compact(leader.appliedIndex);
    // While the snapshot is on its way the next change is committed by the others.
    leader.node.proposeConfChange(confChange([remove(2)]));
    cluster.settle();
    cluster.heal();
    cluster.tickAll(5);
    for (const id of [1, 3, 4]) {
      expect(cluster.member(id).storage.confState).toMatchObject({ voters: [1, 3, 4], votersOutgoing: [] });
      expect(cluster.member(id).node.status().confState).toEqual(cluster.member(id).storage.confState);
    }
    return cluster;
  },
};

/** A snapshot replaces the configuration: of the members known before nothing stays. */
const configurationKeptOverSnapshot: Scenario = {
  pitfall: 'the old configuration kept over a snapshot',
  run() {
    const cluster = new Cluster(4, {}, new Map(), { voters: [1, 2, 3] });
    const leader = cluster.elect(1);
    cluster.isolate(3);
    for (const change of [add(4), remove(2)]) {
      leader.node.proposeConfChange(confChange([change]));
      cluster.settle();
    }
    leader.storage.createSnapshot(leader.appliedIndex, leader.storage.confState, text('s'));
    leader.storage.compact(leader.appliedIndex);
    cluster.heal();
    cluster.tickAll(4);
    const behind = cluster.member(3);
    expect(behind.node.status().confState.voters).toEqual([1, 3, 4]);
    // It wins with the vote of 4, which the old configuration did not know.
    cluster.isolate(1, 2);
    cluster.elect(3);
    return cluster;
  },
};

const INVALID_CHANGES: readonly { readonly what: string; readonly entry: Pick<Entry, 'type' | 'data'> }[] = [
  { what: 'bytes that are no change', entry: { type: EntryType.ConfChangeV2, data: Uint8Array.of(0xff, 0x01) } },
  { what: 'an unknown transition', entry: { type: EntryType.ConfChangeV2, data: Uint8Array.of(0x08, 0x07) } },
  { what: 'no bytes in the original form', entry: { type: EntryType.ConfChange, data: new Uint8Array(0) } },
  {
    what: 'the removal of all voters',
    entry: {
      type: EntryType.ConfChangeV2,
      data: encodeConfChange(confChange([remove(1), remove(2), remove(3)]), EntryType.ConfChangeV2),
    },
  },
  {
    what: 'leaving what is not joint',
    entry: { type: EntryType.ConfChangeV2, data: encodeConfChange(confChange([]), EntryType.ConfChangeV2) },
  },
];

/** Entries that carry an impossible change and got committed all the same are skipped by all, and the group goes on. */
const invalidChange: Scenario = {
  pitfall: 'an invalid committed configuration change',
  run() {
    const cluster = new Cluster(3, { disableConfChangeValidation: true });
    cluster.elect(1);
    const before = cluster.member(1).storage.confState;
    for (const { what, entry } of INVALID_CHANGES) {
      // Sent by a leader that knows better, or a newer version: it is in the log before anybody looks at it.
      const leader = cluster.member(1);
      const { lastIndex: index, lastTerm } = leader.node.status();
      const term = leader.term + 1;
      const entries = [{ ...entry, term, index: index + 1 }];
      for (const member of cluster.members.values()) {
        const append = { from: 9, to: member.id, term, index, logTerm: lastTerm, entries, commit: index + 1 };
        member.node.step(craft(MsgApp, append));
      }
      cluster.settle();
      for (const member of cluster.members.values()) {
        expect(member.node.status(), what).toMatchObject({ applied: index + 1, confState: before });
      }
      cluster.elect(1);
    }
    return cluster;
  },
};

/** The joint cases: an empty change that is not automatic, and another change on top. */
const invalidChangeInJoint: Scenario = {
  pitfall: 'an empty non-automatic change, or a second one, in a joint configuration',
  run() {
    const cluster = new Cluster(4, { disableConfChangeValidation: true }, new Map(), { voters: [1, 2, 3] });
    const leader = cluster.elect(1);
    leader.node.proposeConfChange(confChange([add(4)], ConfChangeTransition.JointExplicit));
    cluster.settle();
    const joint = leader.storage.confState;
    expect(joint.votersOutgoing).toEqual([1, 2, 3]);
    for (const change of [confChange([], ConfChangeTransition.JointExplicit), confChange([remove(1)])]) {
      leader.node.proposeConfChange(change);
      cluster.settle();
      for (const member of cluster.members.values()) expect(member.node.status().confState).toEqual(joint);
    }
    leader.node.proposeConfChange(confChange([]));
    cluster.settle();
    expect(leader.storage.confState).toMatchObject({ voters: [1, 2, 3, 4], votersOutgoing: [] });
    return cluster;
  },
};

/** What cannot be decoded is refused where it is proposed, before it gets into a log. */
const undecodableProposal: Scenario = {
  pitfall: 'a proposal of a configuration change that nobody can decode',
  run() {
    const cluster = new Cluster(3);
    const leader = cluster.elect(1);
    const entries = [{ type: EntryType.ConfChangeV2, term: 0, index: 0, data: Uint8Array.of(1, 2, 3) }];
    expect(leader.node.step(craft(MsgProp, { from: 2, to: 1, entries }))).toEqual({
      ok: false,
      reason: 'invalid-conf-change',
      leader: 1,
    });
    cluster.settle();
    expect(leader.logTerms).toEqual([1]);
    return cluster;
  },
};

/** A leader that is no member any more neither leads nor takes proposals. */
const removedLeader: Scenario = {
  pitfall: 'a removed leader keeps leading',
  run() {
    const cluster = new Cluster(3, { preVote: true, checkQuorum: true });
    const removed = cluster.elect(1);
    removed.node.proposeConfChange(confChange([remove(1)]));
    cluster.settle();
    expect(removed.state).toBe(StateType.Follower);
    expect(removed.node.propose(text('x'))).toMatchObject({ ok: false });
    cluster.tickAll(40);
    const [leader] = cluster.leaders();
    expect([2, 3]).toContain(leader?.id);
    expect(removed.state).toBe(StateType.Follower);
    leader?.node.propose(text('y'));
    cluster.settle();
    expect(leader?.appliedText).toEqual(['y']);
    return cluster;
  },
};

/** Without stepping down, as configured, it still takes no proposals. */
const removedLeaderStays: Scenario = {
  pitfall: 'a removed leader that does not step down takes proposals',
  run() {
    const cluster = new Cluster(3, { stepDownOnRemoval: false });
    const removed = cluster.elect(1);
    removed.node.proposeConfChange(confChange([remove(1)]));
    cluster.settle();
    expect(removed.state).toBe(StateType.Leader);
    expect(removed.node.propose(text('x'))).toMatchObject({ ok: false, reason: 'not-a-member' });
    return cluster;
  },
};

/** A leader may not be elected from a configuration that a committed, unapplied change is about to replace. */
const campaignBeforeApply: Scenario = {
  pitfall: 'an election by a configuration that a committed change has replaced',
  run() {
    const cluster = new Cluster(3);
    const leader = cluster.elect(1);
    const slow = cluster.member(2);
    slow.applyStalled = true;
    leader.node.proposeConfChange(confChange([remove(2)]));
    cluster.settle();
    cluster.tickAll(1);
    expect(slow.commit).toBe(2);
    slow.node.campaign();
    expect(slow.state).toBe(StateType.Follower);
    slow.applyStalled = false;
    cluster.settle();
    slow.node.campaign();
    expect(slow.state).toBe(StateType.Follower);
    return cluster;
  },
};

/** A learner that was made a voter without knowing it yet votes, or nobody could be elected. */
const promotedLearnerVotes: Scenario = {
  pitfall: 'a learner that was promoted, but does not know it, does not vote',
  run() {
    const cluster = new Cluster(3, {}, new Map(), { voters: [1, 2], learners: [3] });
    const leader = cluster.elect(1);
    cluster.block(({ to, from }) => to === 3 || from === 3);
    leader.node.proposeConfChange(confChange([add(3)]));
    cluster.settle();
    cluster.tickAll(1);
    expect(cluster.member(3).node.status().isLearner).toBe(true);
    cluster.isolate(1);
    cluster.elect(2);
    expect(cluster.member(3).node.status().isLearner).toBe(false);
    return cluster;
  },
};

/** Who refuses a vote tells what is committed; so a member learns of a removal that only the removed one knows to be. */
const orphanedConfiguration: Scenario = {
  pitfall: 'a removal that only the removed member knows of',
  run() {
    const cluster = new Cluster(2, { preVote: true, checkQuorum: true });
    const leader = cluster.elect(1);
    const removed = cluster.member(2);
    leader.node.proposeConfChange(confChange([remove(2)]));
    cluster.collect(leader);
    cluster.release(leader, leader.persistOne());
    // The entry behind the removal is on the removed member's disk only, and so is that the removal is committed.
    leader.diskStalled = true;
    leader.applyStalled = true;
    leader.node.propose(text('behind'));
    cluster.settle();
    expect(removed.storage.confState.voters).toEqual([1]);
    leader.crashAndRestart();
    leader.diskStalled = false;
    leader.applyStalled = false;
    expect(leader.storage.confState.voters).toEqual([1, 2]);
    expect(leader.logTerms.length).toBeLessThan(removed.logTerms.length);
    cluster.tickAll(40);
    expect(leader.state).toBe(StateType.Leader);
    expect(leader.storage.confState.voters).toEqual([1]);
    return cluster;
  },
};

export const memberships: readonly Scenario[] = [
  autoLeaveLost,
  autoLeaveRefused,
  changeRacesSnapshot,
  configurationKeptOverSnapshot,
  invalidChange,
  invalidChangeInJoint,
  undecodableProposal,
  removedLeader,
  removedLeaderStays,
  campaignBeforeApply,
  promotedLearnerVotes,
  orphanedConfiguration,
];
