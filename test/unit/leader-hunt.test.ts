// Elections that begin as soon as the connection to the leader breaks, or members come into reach while nobody leads.
import { afterEach, describe, expect, it } from 'vitest';
import { LeaderHunt } from '../../src/cluster/leader-hunt.ts';
import type { HuntingMember } from '../../src/cluster/leader-hunt.ts';
import { NO_CONFIGURATION } from '../../src/cluster/configuration.ts';
import { StateType } from '../../src/raft/ready.ts';
import { eventually } from '../support/eventually.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

/** A follower of member 3 among voters 1, 2 and 3, whose elections take a second; it notes when it campaigns. */
class Follower implements HuntingMember {
  readonly id: number;
  readonly electionMillis = 1_000;
  readonly configuration = {
    ...NO_CONFIGURATION,
    confState: { ...NO_CONFIGURATION.confState, voters: [3, 1, 2], learners: [4] },
  };
  term = 7;
  leaderId = 3;
  role: StateType = StateType.Follower;
  diskStalled = false;
  readonly clock = new ManualClock();
  readonly hunt: LeaderHunt;
  readonly campaigns: number[] = [];

  constructor(id: number) {
    this.id = id;
    this.hunt = new LeaderHunt(this, this.clock);
  }

  forgetLeader(): void {
    this.leaderId = 0;
  }

  campaign(): void {
    this.campaigns.push(this.clock.monotonicMillis());
    this.role = StateType.PreCandidate;
  }
}

describe('a member whose connection to the leader broke', () => {
  it.for([
    { id: 1, at: [20, 420, 820] },
    { id: 2, at: [220, 620, 1_020] },
    { id: 4, at: [] },
  ])('asks for pre-votes in its turn, a bounded number of times: member $id', ({ id, at }) => {
    const follower = new Follower(id);
    follower.hunt.disconnected(3);
    // The second stream of the same connection.
    follower.hunt.disconnected(3);
    follower.clock.advance(60_000);
    expect(follower.campaigns).toEqual(at);
  });

  it('does nothing when it was another one, or leads itself', () => {
    const follower = new Follower(1);
    follower.hunt.disconnected(2);
    expect(follower.leaderId).toBe(3);
    follower.role = StateType.Leader;
    follower.leaderId = 1;
    follower.hunt.disconnected(1);
    follower.hunt.reached();
    follower.clock.advance(60_000);
    expect(follower.campaigns).toEqual([]);
  });

  it.for<[string, (follower: Follower) => void]>([
    ['a leader is heard of', (follower) => (follower.leaderId = 2)],
    ['a later term began', (follower) => (follower.term = 8)],
    ['it asks for votes', (follower) => (follower.role = StateType.Candidate)],
    [
      'it stops',
      (follower) => {
        follower.hunt.stop();
      },
    ],
  ])('goes on no longer when %s', ([, change]) => {
    const follower = new Follower(1);
    follower.hunt.disconnected(3);
    follower.clock.advance(30);
    expect(follower.campaigns).toHaveLength(1);
    change(follower);
    follower.clock.advance(60_000);
    expect(follower.campaigns).toHaveLength(1);
  });

  it('leaves its turn to others while its disk stands still', () => {
    const follower = new Follower(1);
    follower.diskStalled = true;
    follower.hunt.disconnected(3);
    follower.clock.advance(30);
    follower.diskStalled = false;
    follower.clock.advance(60_000);
    expect(follower.campaigns).toEqual([420, 820]);
  });
});

describe('a member that reaches another one while nobody leads', () => {
  it('asks for pre-votes once a leader would have been heard of, and begins anew only after that', () => {
    const follower = new Follower(2);
    follower.hunt.reached();
    follower.clock.advance(60_000);
    expect(follower.campaigns).toEqual([]);
    follower.leaderId = 0;
    follower.hunt.reached();
    follower.clock.advance(100);
    follower.hunt.reached();
    follower.clock.advance(1_500);
    expect(follower.campaigns).toEqual([60_400, 61_000, 61_600]);
    follower.hunt.reached();
    follower.clock.advance(400);
    expect(follower.campaigns).toHaveLength(4);
  });
});

describe('a cluster', { timeout: 60_000 }, () => {
  /** Elections by timeout take a minute at least: the test would not see one. */
  const patient = { tickMillis: 1_200, electionTicks: 50 };
  let cluster: MemoryCluster;
  afterEach(() => cluster.stop());

  const tellBroken = (name: string, id: number): void => {
    cluster.network.reach('anybody', name)?.handler.disconnected(id);
  };

  it('has a new leader long before the election timeout when all connections to the old one break', async () => {
    cluster = await MemoryCluster.start(['a', 'b', 'c'], patient);
    const old = await cluster.leader();
    await cluster.append(1);
    await cluster.level(1);
    const others = ['a', 'b', 'c'].filter((name) => name !== old.name);
    const id = old.node.admin.leader().leaderId ?? 0;
    cluster.network.isolate(old.name);
    for (const name of others) tellBroken(name, id);
    const next = await cluster.leader([old.name]);
    expect(others).toContain(next.name);
    expect(await cluster.append(2, 's', [old.name])).toMatchObject({ firstPosition: 1 });
  });

  it('keeps its leader when one follower lost its connection, however often', async () => {
    cluster = await MemoryCluster.start(['a', 'b', 'c'], { tickMillis: 50, electionTicks: 20 });
    const leader = await cluster.leader();
    const id = leader.node.admin.leader().leaderId ?? 0;
    const [follower = ''] = ['a', 'b', 'c'].filter((name) => name !== leader.name);
    const { term } = leader.node.admin.status();
    for (let times = 1; times <= 5; times++) {
      tellBroken(follower, id);
      await eventually('the leader to be heard of again', () => {
        const known = cluster.member(follower).node.admin.leader();
        return known.leaderId === id;
      });
      expect(await cluster.append(times)).toMatchObject({ firstPosition: times - 1 });
    }
    expect(leader.node.admin.status().term).toBe(term);
    expect(leader.node.admin.leader()).toMatchObject({ self: true, leaderId: id });
  });
});
