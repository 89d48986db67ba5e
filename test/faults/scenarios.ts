/**
 * Small clusters in memory, for promises about how fast and how quietly something happens, which a simulated run would
 * keep or break by luck. Each throws a Violation when its promise is broken.
 */
import { confChange, ConfChangeType } from '../../src/raft/conf-change.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  newMessage,
  NO_DATA,
} from '../../src/raft/messages.ts';
import { MemoryStorage } from '../../src/raft/memory-storage.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import { StateType } from '../../src/raft/ready.ts';
import type { RaftConfig } from '../../src/raft/config.ts';
import { ensure } from '../simulation/violation.ts';
import { tornGroupLeavesNothing } from './storage-scenarios.ts';

const VOTERS = [1, 2, 3];

/** A node whose log is durable at once. */
class QuickNode {
  readonly storage = new MemoryStorage();
  readonly node: RawNode;
  /** Messages to others. */
  readonly outbox: Message[] = [];

  constructor(
    id: number,
    terms: readonly number[],
    settings: Partial<RaftConfig> = {},
    voters: Partial<ConfState> = {},
  ) {
    const confState = { ...EMPTY_CONF_STATE, voters: VOTERS, ...voters };
    this.storage.applySnapshot({ index: 1, term: 1, confState, data: NO_DATA });
    const entries = terms.map((term, i): Entry => ({ type: EntryType.Normal, term, index: i + 2, data: NO_DATA }));
    this.storage.append(entries);
    this.storage.setHardState({ term: terms.at(-1) ?? 1, vote: 0, commit: 1 });
    this.node = RawNode.create({
      id,
      storage: this.storage,
      applied: 1,
      electionTick: 10,
      heartbeatTick: 1,
      maxInflightMsgs: 8,
      randomizedElectionTimeout: (ticks) => ticks + id,
      ...settings,
    });
  }

  get state(): StateType {
    return this.node.softState().state;
  }

  get term(): number {
    return this.node.status().hardState.term;
  }

  do(input: (node: RawNode) => void): void {
    input(this.node);
    while (this.node.hasReady()) {
      const { messages, append, apply } = this.node.ready();
      this.outbox.push(...messages);
      if (append !== null) {
        if (append.hardState !== null) this.storage.setHardState(append.hardState);
        this.storage.append(append.entries);
      }
      for (const message of [...(append?.responses ?? []), ...(apply?.responses ?? [])]) {
        if (message.to === this.node.id) this.node.step(message);
        else this.outbox.push(message);
      }
    }
  }
}

/** Delivers messages among the nodes until there are none; returns them all. */
function exchange(nodes: readonly QuickNode[]): Message[] {
  const delivered: Message[] = [];
  for (;;) {
    const message = nodes.find(({ outbox }) => outbox.length > 0)?.outbox.shift();
    if (message === undefined) return delivered;
    delivered.push(message);
    nodes.find(({ node }) => node.id === message.to)?.do((node) => node.step(message));
    ensure(delivered.length < 5_000, 'messages come to an end', () => `${delivered.length} messages and no end`);
  }
}

function request(type: MessageType, from: number, to: number, term: number, index: number, logTerm: number): Message {
  return Object.assign(newMessage(type, to), { from, term, index, logTerm });
}

/** Logs that part in many entries of few terms meet again with about one probe a term (paper, end of section 5.3). */
function logsMeetQuickly(): void {
  const common = [1, 1];
  const leader = new QuickNode(1, [...common, ...Array<number>(200).fill(4)]);
  const behind = new QuickNode(2, [...common, ...Array<number>(200).fill(2), ...Array<number>(100).fill(3)]);
  leader.do((node) => node.campaign());
  const messages = exchange([leader, behind]);
  ensure(leader.state === StateType.Leader, 'the longer term wins', () => `state ${leader.state}`);
  ensure(behind.storage.lastIndex() === leader.storage.lastIndex(), 'logs meet', () => `${behind.storage.lastIndex()}`);
  const rejections = messages.filter(({ type, reject }) => type === MessageType.MsgAppResp && reject).length;
  ensure(rejections <= 4, 'logs meet quickly', () => `${rejections} rejected probes for logs that part in three terms`);
}

/** Refusing a candidate of the same term again and again does not keep a node from campaigning (paper, section 5.2). */
function hopelessCandidateDelaysNobody(): void {
  const voter = new QuickNode(1, [1, 1, 1]);
  for (let tick = 1; tick <= 22; tick++) {
    if (tick % 5 === 0) voter.do((node) => node.step(request(MessageType.MsgVote, 2, 1, 2, 1, 1)));
    voter.do((node) => node.tick());
  }
  const asked = voter.outbox.some(({ type }) => type === MessageType.MsgVote);
  ensure(asked, 'a hopeless candidate delays nobody', () => 'no election in two timeouts while refusing votes');
}

/** A pre-vote is refused to a log that could not win the vote (dissertation, section 9.6). */
function preVoteSparesTheTerm(): void {
  const voter = new QuickNode(1, [1, 1, 1], { preVote: true });
  voter.do((node) => node.step(request(MessageType.MsgPreVote, 2, 1, 2, 1, 1)));
  const [answer] = voter.outbox;
  ensure(answer?.reject === true, 'a pre-vote needs an up-to-date log', () => 'granted to a shorter log');
}

/** A leader that hears nobody steps down within two election timeouts (dissertation, section 6.2). */
function lonelyLeaderStepsDown(): void {
  const nodes = VOTERS.map((id) => new QuickNode(id, [1], { checkQuorum: true }));
  const [leader] = nodes as [QuickNode];
  const leads = (): boolean => leader.state === StateType.Leader;
  leader.do((node) => node.campaign());
  exchange(nodes);
  ensure(leads(), 'an election is won', () => `state ${leader.state}`);
  for (let tick = 0; tick < 21; tick++) leader.do((node) => node.tick());
  ensure(!leads(), 'a lonely leader steps down', () => 'it leads after two election timeouts');
}

/** A node that hears its leader ignores vote requests, term and all (paper, section 6). */
function leaseKeepsTheLeader(): void {
  const follower = new QuickNode(1, [1], { checkQuorum: true });
  follower.do((node) => node.step(request(MessageType.MsgHeartbeat, 3, 1, 2, 0, 0)));
  follower.do((node) => node.step(request(MessageType.MsgVote, 2, 1, 9, 5, 2)));
  ensure(follower.term === 2, 'a lease keeps the leader', () => `term ${follower.term} after a vote request`);
}

/** In a joint configuration a candidate needs a majority of both halves (dissertation, section 4.3). */
function bothHalvesElect(): void {
  const joint = { voters: [1, 4, 5], votersOutgoing: [1, 2, 3] };
  const candidate = new QuickNode(1, [1], {}, joint);
  candidate.do((node) => node.campaign());
  const leadsAfterVoteOf = (from: number): boolean => {
    candidate.do((node) => node.step(request(MessageType.MsgVoteResp, from, 1, candidate.term, 0, 0)));
    return candidate.state === StateType.Leader;
  };
  ensure(!leadsAfterVoteOf(4), 'both halves elect', () => 'the incoming half elected alone');
  ensure(!leadsAfterVoteOf(5), 'both halves elect', () => 'the incoming half elected alone');
  ensure(leadsAfterVoteOf(3), 'both halves elect', () => 'not elected by majorities of both halves');
}

/** A change of the configuration waits until the one before it is applied (dissertation, section 4.1). */
function oneChangeAtATime(): void {
  const nodes = VOTERS.map((id) => new QuickNode(id, [1]));
  const [leader] = nodes as [QuickNode];
  leader.do((node) => node.campaign());
  exchange(nodes);
  // Nobody answers from here on, so that the first change stays uncommitted.
  const propose = (nodeId: number): string | null => {
    let ignored: string | null = null;
    leader.do((node) => {
      const result = node.proposeConfChange(confChange([{ type: ConfChangeType.AddNode, nodeId }]));
      ignored = result.ok ? result.ignoredConfChange : result.reason;
    });
    return ignored;
  };
  ensure(propose(4) === null, 'one membership change at a time', () => 'the first one was refused');
  ensure(propose(5) !== null, 'one membership change at a time', () => 'a second one was taken');
}

/** Entries behind those that a leader has just compared are not committed by its commit index (paper, figure 2). */
function onlyComparedIsCommitted(): void {
  const follower = new QuickNode(1, [1, 1, 2, 2]);
  // The leader of term 3 knows that its own entries up to 5 are committed, and probes at entry 3 with nothing to add.
  const probe = { ...request(MessageType.MsgApp, 3, 1, 3, 3, 1), commit: 5 };
  follower.do((node) => node.step(probe));
  const { commit } = follower.node.status().hardState;
  ensure(commit === 3, 'a follower commits only what was compared', () => `it committed ${commit}, and 3 was compared`);
}

/**
 * A node whose disk is slow asks for votes only when its term is durable: winning by the votes of others, it could crash,
 * forget the term, and win it again with another log. (Found by the simulator: seeds 17,524 and 19,751 of its first form.)
 */
function candidacyIsDurable(): void {
  const { node } = new QuickNode(1, [1]);
  node.campaign();
  const { messages, append } = node.ready();
  const asks = ({ type }: Message): boolean => type === MessageType.MsgVote;
  ensure(!messages.some(asks), 'a candidacy is durable before it is told', () => 'votes were asked for at once');
  const asked = append?.responses.filter(asks).length ?? 0;
  ensure(asked === 2, 'a candidacy is told when it is durable', () => `${asked} votes were asked for`);
}

/** A snapshot that comes late does not take a compacted log back behind its commit index (paper, section 7). */
function lateSnapshotIsIgnored(): void {
  const follower = new QuickNode(1, [1, 1, 1, 1]);
  follower.do((node) => node.step({ ...request(MessageType.MsgHeartbeat, 3, 1, 2, 0, 0), commit: 5 }));
  follower.storage.compact(4);
  const snapshot = { index: 3, term: 1, confState: { ...EMPTY_CONF_STATE, voters: VOTERS }, data: NO_DATA };
  follower.do((node) => node.step({ ...request(MessageType.MsgSnap, 3, 1, 2, 0, 0), snapshot }));
  const { hardState, lastIndex } = follower.node.status();
  ensure(lastIndex === 5 && hardState.commit === 5, 'a late snapshot is ignored', () => {
    return `the log ends at ${lastIndex}, commit ${hardState.commit}, after a snapshot of 3`;
  });
}

export const SCENARIOS = {
  'a late snapshot is ignored': lateSnapshotIsIgnored,
  'a candidacy is durable before it is told': candidacyIsDurable,
  'both halves of a joint configuration elect': bothHalvesElect,
  'one membership change at a time': oneChangeAtATime,
  'a follower commits only what was compared': onlyComparedIsCommitted,
  'logs meet quickly': logsMeetQuickly,
  'a hopeless candidate delays nobody': hopelessCandidateDelaysNobody,
  'a pre-vote spares the term': preVoteSparesTheTerm,
  'a lonely leader steps down': lonelyLeaderStepsDown,
  'a lease keeps the leader': leaseKeepsTheLeader,
  'a torn group leaves nothing': tornGroupLeavesNothing,
} as const;
