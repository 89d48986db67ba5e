/**
 * A cluster of production nodes in one thread, moved by hand: its network and disks do nothing by themselves.
 *
 * For tests that need one certain order of events. A node's disk may be stalled, so that tasks wait, and a crash loses what
 * waits. Everything is deterministic.
 */
import { assert, defined } from '../../../src/lib/assert.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import { MemoryStorage } from '../../../src/raft/memory-storage.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  EntryType,
  type Message,
  type MessageType,
  NO_DATA,
} from '../../../src/raft/messages.ts';
import { RawNode } from '../../../src/raft/raw-node.ts';
import { type AppendTask, type ApplyTask, type ReadState, StateType } from '../../../src/raft/ready.ts';
import type { InitialState, RaftStorage } from '../../../src/raft/storage.ts';

export type NodeOptions = Partial<Omit<RaftConfig, 'id' | 'storage'>>;

/** What a member's disk holds at first. */
export interface InitialDisk {
  /** Terms of the entries 1, 2, …; payloads are empty. */
  readonly log?: readonly number[];
  readonly term?: number;
  readonly vote?: number;
  readonly commit?: number;
}

/** More rounds than any test needs to settle. */
const MAX_ROUNDS = 1_000;

/** Memory storage that knows the configuration as of the applied index, as a store keeps it with its state. */
class DurableState extends MemoryStorage implements RaftStorage {
  confState: ConfState;

  constructor(confState: ConfState) {
    super();
    this.confState = confState;
  }

  override initialState(): InitialState {
    return { hardState: super.initialState().hardState, confState: this.confState };
  }
}

export class Member {
  readonly id: number;
  readonly storage: DurableState;
  readonly #options: NodeOptions;
  node: RawNode;
  appendQueue: AppendTask[] = [];
  applyQueue: ApplyTask[] = [];
  /** Applied entries, in order; survives crashes, like the state it stands for. */
  readonly applied: Entry[] = [];
  appliedIndex = 0;
  readonly readStates: ReadState[] = [];
  /** While true, append tasks wait; a crash loses them. */
  diskStalled = false;
  applyStalled = false;

  constructor(id: number, confState: ConfState, options: NodeOptions, disk: InitialDisk) {
    this.id = id;
    this.#options = options;
    this.storage = new DurableState(confState);
    const log = disk.log ?? [];
    this.storage.append(log.map((term, i) => ({ type: EntryType.Normal, term, index: i + 1, data: NO_DATA })));
    this.storage.setHardState({ term: disk.term ?? log.at(-1) ?? 0, vote: disk.vote ?? 0, commit: disk.commit ?? 0 });
    this.node = this.#start();
  }

  #start(): RawNode {
    return RawNode.create({
      electionTick: 10,
      heartbeatTick: 1,
      randomizedElectionTimeout: (electionTick) => electionTick + this.id - 1,
      maxInflightMsgs: 256,
      ...this.#options,
      id: this.id,
      storage: this.storage,
      applied: this.appliedIndex,
    });
  }

  /** Loses everything that is not on disk, and starts again from there. */
  crashAndRestart(): void {
    this.appendQueue = [];
    this.applyQueue = [];
    this.node = this.#start();
  }

  /** Makes the first append task durable; answers what it releases. */
  persistOne(): readonly Message[] {
    const task = defined(this.appendQueue.shift(), 'an append task');
    if (task.hardState !== null) this.storage.setHardState(task.hardState);
    if (task.snapshot !== null) {
      this.storage.applySnapshot(task.snapshot);
      this.storage.confState = task.snapshot.confState;
      this.appliedIndex = task.snapshot.index;
    }
    this.storage.append(task.entries);
    return task.responses;
  }

  /** Applies the first apply task; answers what it releases. */
  applyOne(): readonly Message[] {
    const task = defined(this.applyQueue.shift(), 'an apply task');
    for (const entry of task.entries) {
      assert(entry.index === this.appliedIndex + 1, () => `applied ${entry.index} after ${this.appliedIndex}`);
      if (entry.type !== EntryType.Normal) this.storage.confState = this.node.applyConfChange(entry).confState;
      this.applied.push(entry);
      this.appliedIndex = entry.index;
    }
    return task.responses;
  }

  /** Payloads of the applied entries, empty ones left out. */
  get appliedText(): string[] {
    return this.applied
      .filter(({ type, data }) => type === EntryType.Normal && data.length > 0)
      .map(({ data }) => new TextDecoder().decode(data));
  }

  /** Terms of the whole log, from the first index. */
  get logTerms(): number[] {
    const log = this.node.readLog(this.node.status().firstIndex, Infinity);
    assert(typeof log !== 'string', 'the log can be read');
    return log.map(({ term }) => term);
  }

  get state(): StateType {
    return this.node.softState().state;
  }

  get term(): number {
    return this.node.status().hardState.term;
  }

  get commit(): number {
    return this.node.status().hardState.commit;
  }

  tick(count = 1): void {
    for (let i = 0; i < count; i++) this.node.tick();
  }
}

export class Cluster {
  readonly members = new Map<number, Member>();
  /** Messages in flight, oldest first. */
  network: Message[] = [];
  #isBlocked: (message: Message) => boolean = () => false;

  /** Members 1..count, all voters, or as `confState` says. */
  constructor(
    count: number,
    options: NodeOptions = {},
    disks: ReadonlyMap<number, InitialDisk> = new Map(),
    confState: Partial<ConfState> = {},
  ) {
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const full = { ...EMPTY_CONF_STATE, voters: ids, ...confState };
    for (const id of ids) this.members.set(id, new Member(id, full, options, disks.get(id) ?? {}));
  }

  member(id: number): Member {
    return defined(this.members.get(id), `member ${id}`);
  }

  /** Messages for which the predicate holds are lost, when they would be delivered. */
  block(isBlocked: (message: Message) => boolean): void {
    this.#isBlocked = isBlocked;
  }

  /** Messages to and from these members are lost. */
  isolate(...ids: number[]): void {
    this.block((message) => ids.includes(message.to) !== ids.includes(message.from));
  }

  heal(): void {
    this.block(() => false);
  }

  /** Hands a member's outputs over: messages to the network, tasks to its queues. */
  collect(member: Member): boolean {
    if (!member.node.hasReady()) return false;
    const { messages, append, apply, readStates } = member.node.ready();
    this.network.push(...messages);
    if (append !== null) member.appendQueue.push(append);
    if (apply !== null) member.applyQueue.push(apply);
    member.readStates.push(...readStates);
    return true;
  }

  /** Releases the responses of a finished task: to the node itself at once, to others over the network. */
  release(member: Member, responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === member.id) member.node.step(response);
      else this.network.push(response);
    }
  }

  /** Delivers everything in flight at this moment, once. */
  deliver(): boolean {
    const messages = this.network;
    this.network = [];
    for (const message of messages) {
      if (!this.#isBlocked(message)) this.members.get(message.to)?.node.step(message);
    }
    return messages.length > 0;
  }

  /** Runs outputs and disks of one member until it has nothing more to do. */
  work(member: Member): boolean {
    let busy = false;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let again = this.collect(member);
      while (!member.diskStalled && member.appendQueue.length > 0) {
        this.release(member, member.persistOne());
        again = true;
      }
      while (!member.applyStalled && member.applyQueue.length > 0) {
        this.release(member, member.applyOne());
        again = true;
      }
      if (!again) return busy;
      busy = true;
    }
    throw new Error(`member ${member.id} does not come to rest`);
  }

  /** Runs everything until nothing moves. */
  settle(): void {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let busy = false;
      for (const member of this.members.values()) busy = this.work(member) || busy;
      if (!this.deliver() && !busy) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  /** Makes a member campaign, and settles. */
  elect(id: number): Member {
    const member = this.member(id);
    member.node.campaign();
    this.settle();
    assert(member.state === StateType.Leader, () => `${id} did not win its election`);
    return member;
  }

  /** Ticks every member, settling after each tick. */
  tickAll(count: number): void {
    for (let i = 0; i < count; i++) {
      for (const member of this.members.values()) member.tick();
      this.settle();
    }
  }

  leaders(): Member[] {
    return [...this.members.values()].filter(({ state }) => state === StateType.Leader);
  }

  /** Messages of a kind in flight. */
  inFlight(type: MessageType): Message[] {
    return this.network.filter((message) => message.type === type);
  }
}

/** Bytes of a text. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** A disk whose log has entries of these terms. */
export function disk(id: number, log: readonly number[], rest: Omit<InitialDisk, 'log'> = {}): [number, InitialDisk] {
  return [id, { log, ...rest }];
}
