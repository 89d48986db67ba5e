/**
 * Steps a second of the Raft core: three nodes in one thread, storage in memory, messages handed over in arrays.
 *
 * Prints one line of JSON. `ratio` sets the core against a loop that only copies the same messages from node to node, so
 * that machines can be compared; `perEntry` is how many steps an entry takes, batching included.
 */
import { MemoryStorage } from '../../src/raft/memory-storage.ts';
import { EMPTY_CONF_STATE, type Message, NO_DATA } from '../../src/raft/messages.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import { StateType } from '../../src/raft/ready.ts';

const NODES = 3;
const ROUNDS = 60_000;
const WARM_UP_ROUNDS = 10_000;
const PROPOSALS_PER_ROUND = 2;
/** Logs are cut this often, as a store would do it, so that memory does not grow with the run. */
const COMPACT_EVERY = 1_000;
const PAYLOAD = new Uint8Array(256);

interface Member {
  readonly node: RawNode;
  readonly storage: MemoryStorage;
  inbox: Message[];
}

function createMember(id: number): Member {
  const storage = new MemoryStorage();
  const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] };
  storage.applySnapshot({ index: 1, term: 1, confState, data: NO_DATA });
  const node = RawNode.create({
    id,
    storage,
    applied: 1,
    electionTick: 10,
    heartbeatTick: 1,
    randomizedElectionTimeout: (electionTick) => electionTick + id,
    maxInflightMsgs: 256,
    maxSizePerMsg: 1_048_576,
    preVote: true,
    checkQuorum: true,
  });
  return { node, storage, inbox: [] };
}

class Loop {
  readonly members = Array.from({ length: NODES }, (_, i) => createMember(i + 1));
  steps = 0;
  /** When set, every message that crosses the network is kept, for the copying loop. */
  recorded: Message[] | null = null;

  #route(messages: readonly Message[]): void {
    for (const message of messages) {
      this.members[message.to - 1]?.inbox.push(message);
      this.recorded?.push(message);
    }
  }

  /** Delivers and handles outputs until nothing moves. */
  settle(): void {
    for (let busy = true; busy;) {
      busy = false;
      for (const member of this.members) {
        const { node, storage, inbox } = member;
        if (inbox.length > 0) {
          member.inbox = [];
          this.steps += inbox.length;
          for (const message of inbox) node.step(message);
        }
        if (!node.hasReady()) continue;
        busy = true;
        const { messages, append, apply } = node.ready();
        this.#route(messages);
        if (append !== null) {
          if (append.hardState !== null) storage.setHardState(append.hardState);
          storage.append(append.entries);
          this.#route(append.responses);
        }
        if (apply !== null) this.#route(apply.responses);
      }
    }
  }

  get leader(): RawNode {
    const found = this.members.find(({ node }) => node.softState().state === StateType.Leader);
    if (found === undefined) throw new Error('no leader');
    return found.node;
  }

  run(rounds: number): void {
    const { leader } = this;
    for (let round = 1; round <= rounds; round++) {
      for (let i = 0; i < PROPOSALS_PER_ROUND; i++) leader.propose(PAYLOAD);
      this.settle();
      if (round % COMPACT_EVERY === 0) {
        for (const { storage } of this.members) storage.compact(storage.lastIndex() - 1);
      }
    }
  }
}

/** Seconds that `work` takes. */
function timed(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** The plain loop: each message is copied and moved to its receiver's inbox, nothing else. */
function copyMessages(messages: readonly Message[], count: number): number {
  let inboxes: Message[][] = [[], [], []];
  let copied = 0;
  while (copied < count) {
    for (const message of messages) {
      inboxes[message.to - 1]?.push({ ...message });
      copied++;
    }
    inboxes = inboxes.map(() => []);
  }
  return copied;
}

const loop = new Loop();
loop.members[0]?.node.campaign();
loop.settle();
loop.recorded = [];
loop.run(WARM_UP_ROUNDS);
const sample = loop.recorded.slice(-10_000);
loop.recorded = null;
loop.steps = 0;
const seconds = timed(() => loop.run(ROUNDS));
const { steps } = loop;
const applied = loop.leader.status().applied;

copyMessages(sample, 1_000_000);
let copied = 0;
const copySeconds = timed(() => {
  copied = copyMessages(sample, steps);
});

const stepsPerSecond = steps / seconds;
const copiesPerSecond = copied / copySeconds;
console.log(
  JSON.stringify({
    bench: 'raft',
    nodes: NODES,
    steps,
    entries: ROUNDS * PROPOSALS_PER_ROUND,
    applied,
    perEntry: Number((steps / (ROUNDS * PROPOSALS_PER_ROUND)).toFixed(2)),
    stepsPerSecond: Math.round(stepsPerSecond),
    entriesPerSecond: Math.round((ROUNDS * PROPOSALS_PER_ROUND) / seconds),
    copiesPerSecond: Math.round(copiesPerSecond),
    ratio: Number((stepsPerSecond / copiesPerSecond).toFixed(4)),
  }),
);
