// The edges of a node: settings, refusals, memory storage, the synchronous form, and what may not happen.
import { describe, expect, it } from 'vitest';
import { InvalidRaftConfig, type RaftConfig, resolveConfig } from '../../../src/raft/config.ts';
import { MemoryStorage } from '../../../src/raft/memory-storage.ts';
import { EMPTY_CONF_STATE, MessageType, NO_DATA } from '../../../src/raft/messages.ts';
import { RawNode } from '../../../src/raft/raw-node.ts';
import { StateType } from '../../../src/raft/ready.ts';
import { ProgressState } from '../../../src/raft/status.ts';
import { SNAPSHOT_TEMPORARILY_UNAVAILABLE } from '../../../src/raft/storage.ts';
import { SyncNode } from '../../../src/raft/sync-node.ts';
import { Cluster, text } from '../support/cluster.ts';
import { craft, entriesOf, leader, Solo } from '../support/node.ts';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHup, MsgSnap, MsgUnreachable } = MessageType;

function configWith(changes: Partial<RaftConfig>): RaftConfig {
  return {
    id: 1,
    storage: new MemoryStorage(),
    electionTick: 10,
    heartbeatTick: 1,
    randomizedElectionTimeout: (electionTick) => electionTick,
    maxInflightMsgs: 1,
    ...changes,
  };
}

function bootstrapped(voters: readonly number[]): MemoryStorage {
  const storage = new MemoryStorage();
  storage.applySnapshot({ index: 1, term: 1, confState: { ...EMPTY_CONF_STATE, voters }, data: NO_DATA });
  return storage;
}

describe('settings', () => {
  it.each([
    { name: 'id', bad: { id: 0 }, good: { id: 1 } },
    { name: 'id', bad: { id: 2 ** 53 }, good: { id: 2 ** 53 - 1 } },
    { name: 'id', bad: { id: 1.5 }, good: { id: 2 } },
    { name: 'heartbeatTick', bad: { heartbeatTick: 0 }, good: { heartbeatTick: 1 } },
    { name: 'electionTick', bad: { electionTick: 2, heartbeatTick: 2 }, good: { electionTick: 3, heartbeatTick: 2 } },
    { name: 'maxInflightMsgs', bad: { maxInflightMsgs: 0 }, good: { maxInflightMsgs: 1 } },
    {
      name: 'maxInflightBytes',
      bad: { maxInflightBytes: 99, maxSizePerMsg: 100 },
      good: { maxInflightBytes: 100, maxSizePerMsg: 100 },
    },
    { name: 'applied', bad: { applied: -1 }, good: { applied: 0 } },
    { name: 'maxCommittedSizePerReady', bad: { maxCommittedSizePerReady: 0 }, good: { maxCommittedSizePerReady: 1 } },
    {
      name: 'maxUncommittedEntriesSize',
      bad: { maxUncommittedEntriesSize: 0 },
      good: { maxUncommittedEntriesSize: 1 },
    },
    { name: 'maxPendingReads', bad: { maxPendingReads: 0 }, good: { maxPendingReads: 1 } },
    {
      name: 'readOnlyOption',
      bad: { readOnlyOption: 'lease-based' as const },
      good: { readOnlyOption: 'lease-based' as const, checkQuorum: true },
    },
  ])('names $name when it is out of range: $bad, not $good', ({ name, bad, good }) => {
    expect(() => resolveConfig(configWith(bad))).toThrow(InvalidRaftConfig);
    expect(() => resolveConfig(configWith(bad))).toThrow(new RegExp(`^${name} `));
    expect(() => resolveConfig(configWith(good))).not.toThrow();
  });

  it('step down on removal by default, and limit applying as they limit messages', () => {
    expect(resolveConfig(configWith({ maxSizePerMsg: 77, maxInflightBytes: 77 }))).toMatchObject({
      stepDownOnRemoval: true,
      maxCommittedSizePerReady: 77,
      preVote: false,
      readOnlyOption: 'safe',
    });
  });
});

describe('step', () => {
  it.each([MsgHup, MsgUnreachable, MessageType.MsgStorageAppendResp])(
    'refuses local message %i from the network',
    (type) => {
      expect(new Solo(3).member.node.step(craft(type, { from: 2, to: 1 }))).toMatchObject({
        ok: false,
        reason: 'local-message',
      });
    },
  );

  it('refuses responses of nodes outside the configuration', () => {
    expect(new Solo(3).member.node.step(craft(MsgAppResp, { from: 9, to: 1, term: 5 }))).toMatchObject({
      ok: false,
      reason: 'peer-not-found',
    });
    expect(new Solo(3).member.term).toBe(0);
  });

  it('does not change a message it is given', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    const proposal = Object.freeze(
      craft(MessageType.MsgProp, { from: 3, to: 2, entries: Object.freeze(entriesOf([0], 0)) }),
    );
    expect(cluster.member(2).node.step(proposal)).toEqual({ ok: true, term: 0, index: 0, ignoredConfChange: null });
    cluster.settle();
    expect(cluster.member(1).logTerms).toEqual([1, 1]);
  });

  it('asserts when a leader claims that entries are committed which this node acknowledged and does not have', () => {
    const solo = new Solo(3, {}, { log: [1] });
    expect(() => solo.step(MsgHeartbeat, { from: 2, term: 1, commit: 2 })).toThrow(
      /2 is committed, but the log ends at 1/,
    );
  });

  it('asserts when a leader would replace what is committed', () => {
    const solo = new Solo(3, {}, { log: [1, 1], commit: 2 });
    expect(() => solo.step(MsgApp, { from: 2, term: 2, index: 2, logTerm: 1, entries: entriesOf([2], 2) })).toThrow(
      /conflicts with a committed one \(committed: 2\)/,
    );
  });
});

describe('proposals', () => {
  it('tell term and index of the last entry, and keep entries proposed together together', () => {
    const solo = leader(3);
    expect(solo.member.node.propose([text('a'), text('b')])).toEqual({
      ok: true,
      term: 1,
      index: 3,
      ignoredConfChange: null,
    });
    expect(solo.member.logTerms).toEqual([1, 1, 1]);
  });

  it('without entries are a mistake of the caller', () => {
    const solo = leader(3);
    expect(() => solo.member.node.propose([])).toThrow(/without entries/);
  });
});

describe('snapshots', () => {
  function withLaggingPeer(): Solo {
    const solo = leader(3, [1, 1, 1]);
    const { term } = solo.member;
    solo.step(MsgAppResp, { from: 2, term, index: 4 });
    solo.member.storage.createSnapshot(4, solo.member.storage.confState, NO_DATA);
    solo.member.storage.compact(4);
    return solo;
  }

  it('are not sent to a peer that was not heard of within an election timeout', () => {
    const solo = new Solo(3, { checkQuorum: true });
    const { node, storage } = solo.member;
    node.campaign();
    solo.sent();
    solo.step(MessageType.MsgVoteResp, { from: 2, term: 1 });
    for (const from of [2, 3]) solo.step(MsgAppResp, { from, term: 1, index: 1 });
    node.propose(text('x'));
    solo.sent();
    solo.step(MsgAppResp, { from: 2, term: 1, index: 2 });
    storage.createSnapshot(2, storage.confState, NO_DATA);
    storage.compact(2);
    solo.tick(10);
    node.reportUnreachable(3);
    node.propose(text('y'));
    expect(solo.sent().filter(({ to }) => to === 3)).toEqual([]);
    expect(solo.step(MessageType.MsgHeartbeatResp, { from: 3, term: 1 })).toMatchObject([{ type: MsgSnap, to: 3 }]);
  });

  it('that are being installed keep the node from campaigning', () => {
    const solo = new Solo(3);
    const { node, storage } = solo.member;
    const snapshot = { index: 9, term: 1, confState: storage.confState, data: NO_DATA };
    solo.member.diskStalled = true;
    solo.step(MsgSnap, { from: 2, term: 1, snapshot });
    node.campaign();
    solo.tick(100);
    expect(solo.member.state).toBe(StateType.Follower);
    solo.member.diskStalled = false;
    solo.sent();
    node.campaign();
    expect(solo.member.state).toBe(StateType.Candidate);
  });

  it('wait when storage has none ready, and are sent when it has', () => {
    const solo = withLaggingPeer();
    const { storage, term } = solo.member;
    const ready = storage.snapshot.bind(storage);
    Object.assign(storage, { snapshot: () => SNAPSHOT_TEMPORARILY_UNAVAILABLE });
    const reject = { from: 3, term, index: 3, reject: true, rejectHint: 0 };
    expect(solo.step(MsgAppResp, reject)).toEqual([]);
    Object.assign(storage, { snapshot: ready });
    expect(solo.step(MessageType.MsgHeartbeatResp, { from: 3, term })).toMatchObject([
      { type: MsgSnap, to: 3, snapshot: { index: 4 } },
    ]);
  });

  it.each([
    { outcome: 'finished' as const, next: 5 },
    { outcome: 'failed' as const, next: 1 },
  ])('that $outcome let the peer be probed from $next, after the next answer', ({ outcome, next }) => {
    const solo = withLaggingPeer();
    const { node, term } = solo.member;
    solo.step(MsgAppResp, { from: 3, term, index: 3, reject: true, rejectHint: 0 });
    const progress = (): unknown => node.status().progress.find(({ id }) => id === 3);
    expect(progress()).toMatchObject({ state: ProgressState.Snapshot, pendingSnapshot: 4, paused: true });
    node.reportSnapshot(3, outcome);
    expect(progress()).toMatchObject({ state: ProgressState.Probe, next, paused: true });
  });

  it('for a configuration without this node are ignored', () => {
    const solo = new Solo(3);
    const snapshot = { index: 9, term: 1, confState: { ...EMPTY_CONF_STATE, voters: [2, 3] }, data: NO_DATA };
    expect(solo.step(MsgSnap, { from: 2, term: 1, snapshot })).toMatchObject([{ type: MsgAppResp, index: 0 }]);
    expect(solo.member.node.status().lastIndex).toBe(0);
  });
});

describe('a full window', () => {
  it('lets nothing more out until the peer, or a heartbeat, is answered', () => {
    const solo = new Solo(3, { maxInflightMsgs: 1 });
    const { node } = solo.member;
    node.campaign();
    solo.sent();
    solo.step(MessageType.MsgVoteResp, { from: 2, term: 1 });
    solo.step(MsgAppResp, { from: 2, term: 1, index: 1 });
    const toSecond = (): number[] => solo.sent().flatMap(({ to, entries }) => (to === 2 ? [entries.length] : []));
    node.propose(text('a'));
    expect(toSecond()).toEqual([1]);
    node.propose(text('b'));
    expect(toSecond()).toEqual([]);
    // Without entries, to find out whether the window was lost.
    expect(solo.step(MessageType.MsgHeartbeatResp, { from: 2, term: 1 })).toMatchObject([{ to: 2, entries: [] }]);
    expect(solo.step(MsgAppResp, { from: 2, term: 1, index: 2 })).toMatchObject([{ to: 2, entries: [{ index: 3 }] }]);
  });
});

describe('unreachable peers', () => {
  it('are probed again, without a pipeline', () => {
    const solo = leader(3);
    solo.step(MsgAppResp, { from: 2, term: 1, index: 1 });
    const state = (): unknown => solo.member.node.status().progress.find(({ id }) => id === 2)?.state;
    expect(state()).toBe(ProgressState.Replicate);
    solo.member.node.reportUnreachable(2);
    expect(state()).toBe(ProgressState.Probe);
  });
});

describe('reads', () => {
  it('beyond the bound of those that wait are dropped', () => {
    const cluster = new Cluster(3, { maxPendingReads: 2 });
    const top = cluster.elect(1);
    for (const context of ['a', 'b', 'c']) top.node.readIndex(text(context));
    cluster.settle();
    expect(top.readStates.map(({ context }) => new TextDecoder().decode(context))).toEqual(['a', 'b']);
    top.node.readIndex(text('d'));
    cluster.settle();
    expect(top.readStates).toHaveLength(3);
  });

  it('by lease are answered at once by a leader that has committed in its term', () => {
    const cluster = new Cluster(3, { checkQuorum: true, readOnlyOption: 'lease-based' });
    const top = cluster.elect(1);
    cluster.isolate(1);
    top.node.readIndex(text('r'));
    cluster.work(top);
    expect(top.readStates).toEqual([{ index: 1, context: text('r') }]);
  });
});

describe('forgetLeader', () => {
  it('lets a follower vote at once, but not with lease reads', () => {
    const plain = new Solo(3, { checkQuorum: true });
    plain.step(MsgHeartbeat, { from: 2, term: 1 });
    plain.member.node.forgetLeader();
    expect(plain.member.node.softState().leader).toBe(0);
    expect(plain.step(MessageType.MsgVote, { from: 3, term: 2 })).toMatchObject([{ reject: false }]);
    const leased = new Solo(3, { checkQuorum: true, readOnlyOption: 'lease-based' });
    leased.step(MsgHeartbeat, { from: 2, term: 1 });
    leased.member.node.forgetLeader();
    expect(leased.member.node.softState().leader).toBe(2);
  });
});

describe('ready', () => {
  it('hands out everything once', () => {
    const node = RawNode.create(configWith({ storage: bootstrapped([1, 2]), applied: 1 }));
    expect(node.hasReady()).toBe(false);
    node.campaign();
    expect(node.hasReady()).toBe(true);
    expect(node.ready()).toMatchObject({
      softState: { state: StateType.Candidate },
      messages: [],
      append: {
        hardState: { term: 1, vote: 1 },
        mustSync: true,
        responses: [{ to: 1 }, { type: MessageType.MsgVote, to: 2 }],
      },
      apply: null,
    });
    expect(node.hasReady()).toBe(false);
    expect(node.ready()).toEqual({ softState: null, readStates: [], messages: [], append: null, apply: null });
  });

  it('needs no sync when only the commit index moved', () => {
    const solo = new Solo(3, {}, { log: [1, 1] });
    solo.member.node.step(craft(MsgHeartbeat, { from: 2, to: 1, term: 1, commit: 1 }));
    expect(solo.member.node.ready().append).toMatchObject({ mustSync: false, hardState: { commit: 1 }, entries: [] });
  });
});

describe('SyncNode', () => {
  it('commits alone, entry by entry, and applies in the same step what it persists', () => {
    const storage = bootstrapped([1]);
    const node = SyncNode.create(configWith({ storage, applied: 1 }));
    const applied: number[] = [];
    const handle = (): void => {
      while (node.hasReady()) {
        const ready = node.ready();
        if (ready.hardState !== null) storage.setHardState(ready.hardState);
        storage.append(ready.entries);
        applied.push(...ready.committedEntries.map(({ index }) => index));
        node.advance();
      }
    };
    node.campaign();
    handle();
    node.propose(text('x'));
    handle();
    expect(applied).toEqual([2, 3]);
    expect(storage.lastIndex()).toBe(3);
  });

  it('asserts that ready and advance alternate', () => {
    const node = SyncNode.create(configWith({ storage: bootstrapped([1]), applied: 1 }));
    expect(() => node.advance()).toThrow(/without ready/);
    node.campaign();
    node.ready();
    expect(() => node.ready()).toThrow(/without advance/);
  });
});

describe('MemoryStorage', () => {
  it('answers compacted below and unavailable above its range', () => {
    const storage = bootstrapped([1]);
    storage.append(entriesOf([1, 2, 2], 2));
    storage.compact(2);
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([3, 4]);
    expect([1, 2, 3, 4, 5].map((index) => storage.term(index))).toEqual(['compacted', 1, 2, 2, 'unavailable']);
    expect(storage.entries(2, 4, Infinity)).toBe('compacted');
    expect(storage.entries(3, 6, Infinity)).toBe('unavailable');
    expect(storage.entries(3, 5, Infinity)).toHaveLength(2);
  });

  it('replaces its tail, and leaves out what is compacted', () => {
    const storage = bootstrapped([1]);
    storage.append(entriesOf([1, 1, 1], 2));
    storage.append(entriesOf([3, 3], 3));
    expect([2, 3, 4].map((index) => storage.term(index))).toEqual([1, 3, 3]);
    storage.compact(3);
    storage.append(entriesOf([3, 3, 4], 3));
    expect([storage.lastIndex(), storage.term(5)]).toEqual([5, 4]);
    expect(() => storage.append(entriesOf([5], 7))).toThrow(/hole behind 5/);
  });

  it('keeps no snapshot or compaction older than the one it has', () => {
    const storage = bootstrapped([1]);
    const old = storage.snapshot();
    expect(storage.applySnapshot(old)).toBe('out-of-date');
    expect(storage.createSnapshot(1, null, NO_DATA)).toBe('out-of-date');
    expect(storage.compact(1)).toBe('out-of-date');
    expect(() => storage.compact(2)).toThrow(/log ends at 1/);
  });
});
