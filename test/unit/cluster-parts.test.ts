// The parts of a member one by one: proposals, rounds of reads, ticks, append tasks, the configuration's bytes.
import { describe, expect, it } from 'vitest';
import { AppendTasks } from '../../src/cluster/append-tasks.ts';
import {
  changeConfiguration,
  decodeConfiguration,
  decodeMembers,
  encodeConfiguration,
  encodeMembers,
  memberIds,
} from '../../src/cluster/configuration.ts';
import { LastHeard } from '../../src/cluster/last-heard.ts';
import { meet } from '../../src/cluster/meeting.ts';
import type { Introduction, MemberInfo } from '../../src/cluster/member.ts';
import { PeerAddresses } from '../../src/cluster/peer-addresses.ts';
import { Proposals } from '../../src/cluster/proposals.ts';
import { ReadRounds } from '../../src/cluster/read-rounds.ts';
import { TickTimer } from '../../src/cluster/tick-timer.ts';
import type { Peer, Transport } from '../../src/cluster/transport.ts';
import type { Entry, HardState } from '../../src/raft/messages.ts';
import { MessageType, newMessage, NO_DATA } from '../../src/raft/messages.ts';
import type { AppendTask } from '../../src/raft/ready.ts';
import type { RaftLog } from '../../src/storage/raft-log/raft-log.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { eventually } from '../support/eventually.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SIGNAL = new AbortController().signal;

function entry(index: number, term: number): Entry {
  return { type: 0, index, term, data: NO_DATA };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

describe('proposals', () => {
  it('are committed by the commit index only while their term leads', async () => {
    const proposals = new Proposals();
    const first = proposals.add(5, 2);
    const second = proposals.add(6, 2);
    proposals.committedWhileLeading(5, 3);
    expect(proposals.count).toBe(2);
    proposals.committedWhileLeading(5, 2);
    expect(await first).toBe('committed');
    expect(proposals.count).toBe(1);
    proposals.committedWhileLeading(6, 2);
    expect(await second).toBe('committed');
  });

  it('of a leadership that is over are what the committed entry at their index says', async () => {
    const proposals = new Proposals();
    const kept = proposals.add(5, 2);
    const lost = proposals.add(6, 2);
    const unknown = [proposals.add(9, 2), proposals.add(10, 2)];
    proposals.committed([entry(4, 2), entry(5, 2), entry(6, 3)]);
    expect(await Promise.all([kept, lost])).toEqual(['committed', 'lost-race']);
    proposals.giveUp('nobody knows', 8);
    expect(proposals.count).toBe(2);
    // What is behind a group of unknown outcome must not be known to be committed.
    proposals.giveUp('nobody knows', 9);
    for (const one of unknown) await expect(one).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });
});

describe('rounds of reads', () => {
  function subject(): { reads: ReadRounds; contexts: Uint8Array[] } {
    const contexts: Uint8Array[] = [];
    return { reads: new ReadRounds(7, 100, (context) => contexts.push(context)), contexts };
  }

  it('take all who wait when they begin, and nobody who came later', async () => {
    const { reads, contexts } = subject();
    const first = reads.read(SIGNAL);
    const later = [reads.read(SIGNAL), reads.read(SIGNAL)];
    expect(contexts).toHaveLength(1);
    reads.answered({ index: 3, context: contexts[0] ?? NO_DATA });
    expect(await first).toBe(3);
    expect(contexts).toHaveLength(2);
    // An answer of the round before is none to those who came after it began.
    reads.answered({ index: 3, context: contexts[0] ?? NO_DATA });
    reads.answered({ index: 9, context: contexts[1] ?? NO_DATA });
    expect(await Promise.all(later)).toEqual([9, 9]);
    expect(contexts).toHaveLength(2);
  });

  it('begin anew when they are not answered, and the old answer counts no more', async () => {
    const { reads, contexts } = subject();
    const read = reads.read(SIGNAL);
    for (let i = 0; i < 3; i += 1) reads.tick();
    expect(contexts).toHaveLength(2);
    reads.answered({ index: 1, context: contexts[0] ?? NO_DATA });
    reads.answered({ index: 4, context: contexts[1] ?? NO_DATA });
    expect(await read).toBe(4);
  });

  it('leave out who went away, and reject when the store fails', async () => {
    const { reads, contexts } = subject();
    const caller = new AbortController();
    const gone = reads.read(caller.signal);
    caller.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    const waiting = reads.read(SIGNAL);
    reads.fail(new Error('failed'));
    await expect(waiting).rejects.toThrow('failed');
    await expect(reads.read(SIGNAL)).rejects.toThrow('failed');
    expect(contexts.length).toBeLessThanOrEqual(2);
  });
});

describe('ticks', () => {
  it('follow the clock, catch up after a short stall, and come singly after a pause of this process', () => {
    const clock = new ManualClock();
    let ticks = 0;
    const timer = new TickTimer(clock, 100, 10, (count) => (ticks += count));
    timer.start();
    for (let i = 0; i < 10; i += 1) clock.advance(100);
    expect(ticks).toBe(10);
    clock.jump(450);
    expect(ticks).toBe(14);
    clock.jump(60_000);
    expect(ticks).toBe(15);
    timer.stop();
    clock.advance(1000);
    expect(ticks).toBe(15);
  });
});

describe('append tasks', () => {
  function task(index: number, commit: number, mustSync = true): AppendTask {
    const hardState: HardState = { term: 1, vote: 0, commit };
    return { hardState, entries: mustSync ? [entry(index, 1)] : [], snapshot: null, mustSync, responses: [] };
  }

  function subject(): {
    tasks: AppendTasks;
    ended: number[];
    writes: { readonly hardState: HardState | null; readonly resolve: () => void }[];
  } {
    const writes: { hardState: HardState | null; resolve: () => void }[] = [];
    const log = {
      persist: ({ hardState }: { hardState: HardState | null }) =>
        new Promise<void>((resolve) => writes.push({ hardState, resolve })),
    } as unknown as RaftLog;
    const ended: number[] = [];
    const tasks = new AppendTasks(log, new ManualClock(), {
      durable: (done) => {
        ended.push(done.hardState?.commit ?? -1);
        return null;
      },
      failed: (error) => {
        throw error;
      },
      synced: () => undefined,
    });
    return { tasks, ended, writes };
  }

  it('end in order, whichever is written first', async () => {
    const { tasks, ended, writes } = subject();
    for (let i = 1; i <= 3; i += 1) tasks.add(task(i, i));
    writes[1]?.resolve();
    writes[2]?.resolve();
    await settle();
    expect(ended).toEqual([]);
    writes[0]?.resolve();
    await settle();
    expect(ended).toEqual([1, 2, 3]);
  });

  it('that move the commit index alone are not written: it goes with the next write', async () => {
    const { tasks, ended, writes } = subject();
    tasks.add(task(1, 1));
    tasks.add(task(0, 2, false));
    tasks.settle();
    expect(ended).toEqual([]);
    expect(writes).toHaveLength(1);
    writes[0]?.resolve();
    await settle();
    expect(ended).toEqual([1, 2]);
    tasks.add(task(0, 3, false));
    tasks.settle();
    expect(ended).toEqual([1, 2, 3]);
    tasks.add({ ...task(2, 0), hardState: null });
    expect(writes[1]?.hardState?.commit).toBe(3);
  });
});

describe('a configuration', () => {
  const members = [1, 2, 3].map((id) => ({ id, name: `n${id}`, peerAddress: `p${id}:1`, clientAddress: `c${id}:1` }));
  const confState = { voters: [1, 2], learners: [3], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const configuration = { clusterId: 'x', confState, members };

  it('is read back as it was, and damage is found', () => {
    const bytes = encodeConfiguration(configuration);
    expect(decodeConfiguration(bytes)).toEqual(configuration);
    expect(() => decodeConfiguration(bytes.subarray(1))).toThrow(expect.objectContaining({ code: 'STORAGE_CORRUPT' }));
    const other = new TextEncoder().encode(new TextDecoder().decode(bytes).replace('"version":1', '"version":2'));
    expect(() => decodeConfiguration(other)).toThrow(expect.objectContaining({ code: 'STORAGE_CORRUPT' }));
  });

  it('keeps exactly the members that are in it, as they were described last', () => {
    const moved = { ...members[0], id: 1, name: 'n1', peerAddress: 'new:1', clientAddress: 'c1:1' };
    const joint = { voters: [1], learners: [], votersOutgoing: [1, 2], learnersNext: [3], autoLeave: true };
    expect([...memberIds(joint)].sort()).toEqual([1, 2, 3]);
    const during = changeConfiguration(configuration, joint, [moved]);
    expect(during.members.map(({ id, peerAddress }) => [id, peerAddress])).toEqual([
      [1, 'new:1'],
      [2, 'p2:1'],
      [3, 'p3:1'],
    ]);
    const after = changeConfiguration(during, { ...joint, votersOutgoing: [], learnersNext: [] }, []);
    expect(after.members).toEqual([moved]);
  });

  it('takes no members from a context that is none', () => {
    expect(decodeMembers(encodeMembers(members))).toEqual(members);
    for (const bytes of [NO_DATA, Uint8Array.of(1, 2, 3), new TextEncoder().encode('[{"id":0}]')]) {
      expect(decodeMembers(bytes)).toEqual([]);
    }
  });
});

describe('who was heard of', () => {
  it('counts for an election timeout after each answer to a leader, and for nothing else', () => {
    const clock = new ManualClock();
    const heard = new LastHeard(clock, 1000);
    expect(heard.recently(2)).toBe(false);
    heard.note({ ...newMessage(MessageType.MsgVote, 1), from: 2 });
    expect(heard.recently(2)).toBe(false);
    heard.note({ ...newMessage(MessageType.MsgHeartbeatResp, 1), from: 2 });
    clock.advance(1000);
    expect(heard.recently(2)).toBe(true);
    clock.advance(1);
    expect(heard.recently(2)).toBe(false);
    heard.note({ ...newMessage(MessageType.MsgAppResp, 1), from: 2 });
    expect(heard.recently(2)).toBe(true);
    expect(heard.recently(3)).toBe(false);
  });
});

describe('a member that asks to join', () => {
  it('asks the next address when one takes the question and does not answer', async () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    let clusterId: string | null = null;
    const join = (address: string, _: Introduction, signal: AbortSignal): Promise<void> => {
      asked.push(address);
      if (address === 'silent')
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('given up'));
          });
        });
      clusterId = 'there';
      return Promise.resolve();
    };
    const member = { id: 9, name: 'd', peerAddress: 'd', clientAddress: '' };
    const met = meet(
      {
        beginning: { kind: 'join', addresses: ['silent', 'alive'] },
        transport: { join } as unknown as Transport,
        clock,
        logger: silentLogger,
        self: () => ({ member, clusterId, initialMembers: [], knownIds: [] }),
        met: () => undefined,
        found: () => Promise.resolve(),
      },
      new AbortController().signal,
    );
    expect(asked).toEqual(['silent']);
    clock.advance(10_000);
    await eventually('the other one to be asked', () => asked.includes('alive'));
    clock.advance(1000);
    await met;
    expect(asked).toEqual(['silent', 'alive']);
  });
});

describe('where members are', () => {
  const at = (id: number, peerAddress: string): MemberInfo => ({ id, name: `n${id}`, peerAddress, clientAddress: '' });

  it('is where they were heard of last, also while older configurations are applied', () => {
    let known: readonly Peer[] = [];
    const addresses = new PeerAddresses(1, (peers) => {
      known = peers;
    });
    addresses.configured([at(1, 'self'), at(2, 'w')]);
    addresses.met(2, 'y');
    addresses.configured([at(1, 'self'), at(2, 'x')]);
    expect(known).toEqual([{ id: 2, address: 'y' }]);
    addresses.configured([at(1, 'self'), at(2, 'y')]);
    expect(addresses.of(2)).toBe('y');
    // Confirmed, and moved again before it greets.
    addresses.configured([at(1, 'self'), at(2, 'z')]);
    expect(addresses.of(2)).toBe('z');
    addresses.met(3, 'new');
    expect(addresses.of(3)).toBe('new');
    addresses.met(2, 'a');
    addresses.configured([at(1, 'self')]);
    expect(addresses.of(2)).toBeUndefined();
    expect(addresses.of(1)).toBeUndefined();
  });
});
