/** The world of an interaction script: nodes, messages in flight, and the commands that move them. */
import {
  type ConfChangeSingle,
  confChange,
  ConfChangeTransition,
  ConfChangeType,
} from '../../../src/raft/conf-change.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import {
  EMPTY_CONF_STATE,
  EntryType,
  isLocalTarget,
  type Message,
  type MessageDraft,
  messageTypeName,
  MessageType,
  newMessage,
  type Snapshot,
} from '../../../src/raft/messages.ts';
import { type Command, ids, parseArgument, value, values } from './command.ts';
import { CommandError, InteractionNode } from './interaction-node.ts';

/** Ticks of the scripts. */
const ELECTION_TICK = 3;
const HEARTBEAT_TICK = 1;

/** More rounds than any script needs; a script that does not come to rest is a failure. */
const MAX_STABILIZE_ROUNDS = 10_000;

const STEP_TYPES: ReadonlyMap<string, ConfChangeType> = new Map([
  ['v', ConfChangeType.AddNode],
  ['l', ConfChangeType.AddLearnerNode],
  ['r', ConfChangeType.RemoveNode],
  ['u', ConfChangeType.UpdateNode],
]);

const TRANSITIONS: ReadonlyMap<string, ConfChangeTransition> = new Map([
  ['auto', ConfChangeTransition.Auto],
  ['implicit', ConfChangeTransition.JointImplicit],
  ['explicit', ConfChangeTransition.JointExplicit],
]);

/** Election timeout of the scripts where they do not set one. */
export function scriptElectionTimeout(id: number): number {
  return ELECTION_TICK + ((id - 1) % 3);
}

/** Steps such as `v1 l2 r3 u4`. */
export function parseSteps(text: string): ConfChangeSingle[] {
  const tokens = text
    .trim()
    .split(/\s+/)
    .filter((token) => token !== '');
  return tokens.map((token) => {
    const type = STEP_TYPES.get(token.slice(0, 1));
    if (type === undefined) throw new CommandError(`unknown input: ${token}`);
    return { type, nodeId: Number(token.slice(1)) };
  });
}

/** The reverse of {@link parseSteps}. */
export function formatSteps(steps: readonly ConfChangeSingle[]): string {
  const letter = (type: ConfChangeType): string =>
    [...STEP_TYPES].find(([, candidate]) => candidate === type)?.[0] ?? '?';
  return steps.map(({ type, nodeId }) => `${letter(type)}${nodeId}`).join(' ');
}

const isTrue = (text: string | undefined): boolean => text === 'true';

interface Recipient {
  readonly id: number;
  readonly drop: boolean;
}

export class InteractionEnv {
  readonly nodes: InteractionNode[] = [];
  messages: Message[] = [];

  /** Carries out a command. Throws CommandError where the original answers with an error, and on unknown commands. */
  handle(command: Command): void {
    switch (command.cmd) {
      case 'add-nodes':
        this.#addNodes(command);
        break;
      case 'campaign':
        this.#node(command).raft.campaign();
        break;
      case 'propose':
        this.#node(command).raft.propose(new TextEncoder().encode(command.args[1] ?? ''));
        break;
      case 'propose-conf-change':
        this.#proposeConfChange(command);
        break;
      case 'process-ready':
        for (const id of ids(command)) this.#processReady(this.#nodeOf(id));
        break;
      case 'process-append-thread':
        for (const id of ids(command)) this.messages.push(...this.#nodeOf(id).processAppend());
        break;
      case 'process-apply-thread':
        for (const id of ids(command)) this.messages.push(...this.#nodeOf(id).processApply());
        break;
      case 'deliver-msgs':
        this.#deliverCommand(command);
        break;
      case 'stabilize':
        this.#stabilize(ids(command));
        break;
      case 'tick-heartbeat':
        this.#tick(command, HEARTBEAT_TICK);
        break;
      case 'tick-election':
        this.#tick(command, ELECTION_TICK);
        break;
      default:
        this.#handleRequest(command);
    }
  }

  #handleRequest(command: Command): void {
    switch (command.cmd) {
      case 'forget-leader':
        this.#node(command).raft.forgetLeader();
        break;
      case 'report-unreachable':
        this.#node(command).raft.reportUnreachable(ids(command)[1] ?? 0);
        break;
      case 'transfer-leadership':
        this.#nodeOf(Number(value(command, 'from'))).raft.transferLeadership(Number(value(command, 'to')));
        break;
      case 'set-randomized-election-timeout':
        this.#node(command).raft.setRandomizedElectionTimeout(Number(value(command, 'timeout')));
        break;
      case 'compact':
        if (this.#node(command).storage.compact(ids(command)[1] ?? 0) === 'out-of-date') {
          throw new CommandError('requested index is unavailable due to compaction');
        }
        break;
      case 'send-snapshot':
        this.#sendSnapshot(command);
        break;
      case 'raft-log':
      case 'raft-state':
      case 'status':
      case 'log-level':
        break;
      default:
        throw new CommandError(`unknown command ${command.cmd}`);
    }
  }

  #nodeOf(id: number): InteractionNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new CommandError(`no node ${id}`);
    return node;
  }

  #node(command: Command): InteractionNode {
    return this.#nodeOf(ids(command)[0] ?? 0);
  }

  #addNodes(command: Command): void {
    const count = ids(command)[0] ?? 0;
    const index = Number(value(command, 'index') ?? 0);
    const voters = values(command, 'voters').map(Number);
    const learners = values(command, 'learners').map(Number);
    const content = new TextEncoder().encode(value(command, 'content') ?? '');
    const isBootstrap = index > 0 || voters.length > 0 || learners.length > 0 || content.length > 0;
    if (isBootstrap && index <= 1) throw new CommandError('index must be specified as > 1 due to bootstrap');
    const confState = { ...EMPTY_CONF_STATE, voters, learners };
    const snapshot: Snapshot = { index, term: isBootstrap ? 1 : 0, confState, data: content };
    const isAsync = isTrue(value(command, 'async-storage-writes'));
    for (let i = 0; i < count; i++) {
      this.nodes.push(new InteractionNode(this.#config(command, this.nodes.length + 1, index), isAsync, snapshot));
    }
  }

  #config(command: Command, id: number, applied: number): Omit<RaftConfig, 'storage'> {
    const maxCommitted = value(command, 'max-committed-size-per-ready');
    return {
      id,
      applied,
      electionTick: ELECTION_TICK,
      heartbeatTick: HEARTBEAT_TICK,
      randomizedElectionTimeout: () => scriptElectionTimeout(id),
      maxInflightMsgs: Number(value(command, 'inflight') ?? 2 ** 31 - 1),
      preVote: isTrue(value(command, 'prevote')),
      checkQuorum: isTrue(value(command, 'checkquorum')),
      disableConfChangeValidation: isTrue(value(command, 'disable-conf-change-validation')),
      stepDownOnRemoval: isTrue(value(command, 'step-down-on-removal')),
      voteRequestsAfterAppend: false,
      commitInVoteRejections: false,
      readOnlyOption: value(command, 'read-only') === 'lease-based' ? 'lease-based' : 'safe',
      ...(maxCommitted === undefined ? {} : { maxCommittedSizePerReady: Number(maxCommitted) }),
    };
  }

  #proposeConfChange(command: Command): void {
    const node = this.#node(command);
    const steps = parseSteps(command.input ?? '');
    const transition = TRANSITIONS.get(value(command, 'transition') ?? 'auto');
    if (transition === undefined) throw new CommandError('unknown transition');
    if (!isTrue(value(command, 'v1'))) {
      node.raft.proposeConfChange(confChange(steps, transition));
      return;
    }
    if (steps.length !== 1 || transition !== ConfChangeTransition.Auto) {
      throw new CommandError('v1 conf change can only have one operation and no transition');
    }
    node.raft.proposeConfChange(confChange(steps), EntryType.ConfChange);
  }

  #sendSnapshot(command: Command): void {
    const [from = 0, to = 0] = ids(command);
    const node = this.#nodeOf(from);
    const message: MessageDraft = newMessage(MessageType.MsgSnap, to);
    message.from = from;
    message.term = node.raft.status().hardState.term;
    message.snapshot = node.state;
    this.messages.push(message);
  }

  #tick(command: Command, count: number): void {
    for (let i = 0; i < count; i++) this.#node(command).raft.tick();
  }

  #processReady(node: InteractionNode): void {
    this.messages.push(...node.processReady());
  }

  #deliverCommand(command: Command): void {
    const recipients: Recipient[] = [];
    for (const { key, values: list } of command.args.map(parseArgument)) {
      if (list.length === 0) recipients.push({ id: Number(key), drop: false });
      if (key === 'drop') recipients.push(...list.map((id) => ({ id: Number(id), drop: true })));
    }
    const type = value(command, 'type');
    for (const recipient of recipients) this.#deliver(recipient, type);
  }

  /** Delivers or drops what is in flight to one node; answers how many messages that were. */
  #deliver({ id, drop }: Recipient, type?: string): number {
    const chosen: Message[] = [];
    const rest: Message[] = [];
    for (const message of this.messages) {
      const isOwn = message.from === message.to || isLocalTarget(message.from);
      const fits =
        message.to === id && !(drop && isOwn) && (type === undefined || messageTypeName(message.type) === type);
      (fits ? chosen : rest).push(message);
    }
    this.messages = rest;
    if (!drop) for (const message of chosen) this.#nodeOf(id).raft.step(message);
    return chosen.length;
  }

  #stabilize(chosen: readonly number[]): void {
    const nodes = chosen.length > 0 ? chosen.map((id) => this.#nodeOf(id)) : this.nodes;
    for (let round = 0; round < MAX_STABILIZE_ROUNDS; round++) {
      if (!this.#stabilizeRound(nodes)) return;
    }
    throw new Error(`not stable after ${MAX_STABILIZE_ROUNDS} rounds`);
  }

  /** One round of everything; whether there was anything to do. */
  #stabilizeRound(nodes: readonly InteractionNode[]): boolean {
    let busy = false;
    for (const node of nodes) {
      if (!node.raft.hasReady()) continue;
      this.#processReady(node);
      busy = true;
    }
    for (const node of nodes) {
      if (this.#deliver({ id: node.id, drop: false }) > 0) busy = true;
    }
    for (const node of nodes) {
      while (node.appendWork.length > 0) {
        this.messages.push(...node.processAppend());
        busy = true;
      }
    }
    for (const node of nodes) {
      while (node.applyWork.length > 0) {
        this.messages.push(...node.processApply());
        busy = true;
      }
    }
    return busy;
  }
}
