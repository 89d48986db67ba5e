/**
 * The inputs of a node as calls: ticks, messages, proposals, configuration changes, requests; and its status.
 *
 * Shared by both forms of a node, which differ in their outputs alone (raw-node.ts, sync-node.ts). Never throws for anything
 * a correct peer could have sent; a broken invariant throws InvariantViolation, after which the node must not be used.
 */
import type { ConfChange } from './conf-change.ts';
import { encodeConfChange } from './conf-change-codec.ts';
import { type AppliedConfChange, applyConfChange } from './membership.ts';
import {
  type Entry,
  EntryType,
  isLocalMessage,
  isLocalTarget,
  isResponseMessage,
  type Message,
  MessageType,
  newMessage,
  NONE,
} from './messages.ts';
import type { Raft } from './raft.ts';
import type { SoftState } from './ready.ts';
import type { ProposalResult, StepResult } from './results.ts';
import type { Status } from './status.ts';
import { statusOf } from './status-of.ts';
import { step, tick } from './step.ts';
import type { LogMiss } from './storage.ts';

export abstract class NodeInputs {
  protected readonly raft: Raft;

  protected constructor(raft: Raft) {
    this.raft = raft;
  }

  get id(): number {
    return this.raft.id;
  }

  /** One tick of logical time. */
  tick(): void {
    tick(this.raft);
  }

  /** A message from a peer, or a response of one of this node's own tasks. It must not change any more. */
  step(message: Message): StepResult {
    const raft = this.raft;
    if (!isLocalTarget(message.from)) {
      if (isLocalMessage(message.type)) return { ok: false, reason: 'local-message', leader: raft.lead };
      if (isResponseMessage(message.type) && raft.tracker.get(message.from) === undefined) {
        return { ok: false, reason: 'peer-not-found', leader: raft.lead };
      }
    }
    return step(raft, message);
  }

  /**
   * Proposes entries with these data, in this order and without others between them. A follower passes them on to the
   * leader unless that is disabled. The bytes must not change any more. An empty list is a mistake: asserted.
   */
  propose(data: Uint8Array | readonly Uint8Array[]): ProposalResult {
    const payloads = data instanceof Uint8Array ? [data] : data;
    return this.#propose(
      payloads.map((payload) => ({ type: EntryType.Normal, term: 0, index: 0, data: payload }) satisfies Entry),
    );
  }

  /** Proposes a configuration change; `ignoredConfChange` of the result tells when it is not possible now. */
  proposeConfChange(
    change: ConfChange,
    type: typeof EntryType.ConfChange | typeof EntryType.ConfChangeV2 = EntryType.ConfChangeV2,
  ): ProposalResult {
    return this.#propose([{ type, term: 0, index: 0, data: encodeConfChange(change, type) }]);
  }

  #propose(entries: readonly Entry[]): ProposalResult {
    const message = newMessage(MessageType.MsgProp, NONE);
    message.from = this.raft.id;
    message.entries = entries;
    return step(this.raft, message) as ProposalResult;
  }

  /**
   * To be called for each entry of type ConfChange or ConfChangeV2 of an apply task, in order, before its responses are
   * released. Answers the configuration to keep with the state machine; a change that is impossible is skipped.
   */
  applyConfChange(entry: Pick<Entry, 'type' | 'data'>): AppliedConfChange {
    return applyConfChange(this.raft, entry);
  }

  /** Starts an election now, if this node may. */
  campaign(): void {
    step(this.raft, newMessage(MessageType.MsgHup, NONE));
  }

  /** A follower forgets its leader, so that it may grant pre-votes at once; ignored by others and with lease reads. */
  forgetLeader(): void {
    step(this.raft, newMessage(MessageType.MsgForgetLeader, NONE));
  }

  /** Asks the leader to hand over to `transferee`, a voter. Ends by itself after an election timeout. */
  transferLeadership(transferee: number): void {
    this.#stepFrom(MessageType.MsgTransferLeader, transferee, false);
  }

  /** The transport could not deliver the last messages to `id`. */
  reportUnreachable(id: number): void {
    this.#stepFrom(MessageType.MsgUnreachable, id, false);
  }

  /** Sending a snapshot to `id` has ended. Must be called for each MsgSnap, or `id` may stay without entries. */
  reportSnapshot(id: number, outcome: 'finished' | 'failed'): void {
    this.#stepFrom(MessageType.MsgSnapStatus, id, outcome === 'failed');
  }

  #stepFrom(type: MessageType, from: number, reject: boolean): void {
    const message = newMessage(type, NONE);
    message.from = from;
    message.reject = reject;
    step(this.raft, message);
  }

  /**
   * Asks for an index from which on a read is linearizable; it comes as a ReadState with this context, or never, when no
   * leader can confirm itself: the caller needs a deadline, and a context of its own for each call, also among nodes.
   */
  readIndex(context: Uint8Array): void {
    const message = newMessage(MessageType.MsgReadIndex, NONE);
    message.entries = [{ type: EntryType.Normal, term: 0, index: 0, data: context }];
    step(this.raft, message);
  }

  softState(): SoftState {
    return { leader: this.raft.lead, state: this.raft.state };
  }

  status(): Status {
    return statusOf(this.raft);
  }

  /**
   * Entries of the log from `from` on, also those that are not durable yet, up to `maxBytes` but at least one; or why they
   * cannot be read. For status pages and tests that compare logs.
   */
  readLog(from: number, maxBytes: number): readonly Entry[] | LogMiss {
    return this.raft.log.entries(from, maxBytes);
  }

  /** Ticks after which this node campaigns, until the next change of role or term. For tests that need to know. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.raft.randomizedElectionTimeout = ticks;
  }
}
