/**
 * The synchronous form of a node, a layer over the asynchronous outputs: persist, apply and send what ready() gives, then
 * call advance().
 *
 * Entries may be applied as soon as they are committed, even before they are durable here, as the one who persists and
 * applies is the same. For tests, scripts and small tools; a driver that wants throughput uses RawNode.
 */
import { assert } from '../lib/assert.ts';
import { collectReady, currentState, hasReady, type LastReady } from './collect-ready.ts';
import type { RaftConfig } from './config.ts';
import { newRaft } from './membership.ts';
import type { Message } from './messages.ts';
import { NodeInputs } from './node-inputs.ts';
import type { Raft } from './raft.ts';
import type { SyncReady } from './ready.ts';
import { step } from './step.ts';

export class SyncNode extends NodeInputs {
  readonly #last: LastReady;
  #stepsOnAdvance: Message[] = [];
  #isHandling = false;

  private constructor(raft: Raft) {
    super(raft);
    this.#last = currentState(raft);
  }

  /** A node that goes on from its storage, as a follower. Throws InvalidRaftConfig on settings out of range. */
  static create(config: RaftConfig): SyncNode {
    return new SyncNode(newRaft(config));
  }

  /** Whether ready() would hand out anything. */
  hasReady(): boolean {
    return hasReady(this.raft, this.#last, 'allow-unstable');
  }

  /** All outputs since the last call. Must be followed by advance() before the next call: asserted. */
  ready(): SyncReady {
    assert(!this.#isHandling, 'ready() again without advance()');
    this.#isHandling = true;
    const { softState, readStates, messages, append, apply } = collectReady(this.raft, this.#last, 'allow-unstable');
    const toSend = [...messages];
    for (const response of append?.responses ?? []) {
      (response.to === this.id ? this.#stepsOnAdvance : toSend).push(response);
    }
    this.#stepsOnAdvance.push(...(apply?.responses ?? []));
    return {
      softState,
      readStates,
      messages: toSend,
      hardState: append?.hardState ?? null,
      entries: append?.entries ?? [],
      snapshot: append?.snapshot ?? null,
      committedEntries: apply?.entries ?? [],
      mustSync: append?.mustSync ?? false,
    };
  }

  /** Everything of the last ready() is persisted and applied. */
  advance(): void {
    assert(this.#isHandling, 'advance() without ready()');
    this.#isHandling = false;
    const steps = this.#stepsOnAdvance;
    this.#stepsOnAdvance = [];
    for (const message of steps) step(this.raft, message);
  }
}
