/** One production node with its storage, for tests that hand it single messages and look at what comes out. */
import { assert } from '../../../src/lib/assert.ts';
import { type Entry, EntryType, type Message, MessageType, newMessage, NO_DATA } from '../../../src/raft/messages.ts';
import { StateType } from '../../../src/raft/ready.ts';
import { Cluster, type InitialDisk, type Member, type NodeOptions } from './cluster.ts';

/** A message with these fields; the rest is zero. */
export function craft(type: MessageType, fields: Partial<Message>): Message {
  return { ...newMessage(type, fields.to ?? 0), ...fields };
}

/** Node 1 of a group of `voters` voters, alone: what it sends is only collected. */
export class Solo {
  readonly #cluster: Cluster;
  readonly member: Member;

  constructor(voters: number, options: NodeOptions = {}, disk: InitialDisk = {}) {
    this.#cluster = new Cluster(1, options, new Map([[1, disk]]), {
      voters: Array.from({ length: voters }, (_, i) => i + 1),
    });
    this.member = this.#cluster.member(1);
  }

  /** Hands over a message and answers everything the node sends then, its disk working. */
  step(type: MessageType, fields: Partial<Message>): Message[] {
    this.member.node.step(craft(type, { to: 1, ...fields }));
    return this.sent();
  }

  /** Everything sent since the last call. */
  sent(): Message[] {
    this.#cluster.work(this.member);
    const { network } = this.#cluster;
    this.#cluster.network = [];
    return network;
  }

  /** Ticks, and answers what is sent. */
  tick(count = 1): Message[] {
    this.member.tick(count);
    return this.sent();
  }
}

/** Empty entries of these terms, from index `first` on. */
export function entriesOf(terms: readonly number[], first: number): Entry[] {
  return terms.map((term, i) => ({ type: EntryType.Normal, term, index: first + i, data: NO_DATA }));
}

/** Node 1 as candidate of the next term, its requests sent. */
export function candidate(voters: number, log: readonly number[] = []): Solo {
  const solo = new Solo(voters, {}, { log });
  solo.member.node.campaign();
  solo.sent();
  return solo;
}

/** Node 1 as leader, by its own vote and as few others as are needed. */
export function leader(voters: number, log: readonly number[] = []): Solo {
  const solo = candidate(voters, log);
  for (let from = 2; from <= Math.floor(voters / 2) + 1; from++) {
    solo.step(MessageType.MsgVoteResp, { from, term: solo.member.term });
  }
  assert(solo.member.state === StateType.Leader, 'it won');
  return solo;
}
