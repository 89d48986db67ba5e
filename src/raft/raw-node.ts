/**
 * One node of a Raft group, as its driver sees it: inputs as calls (node-inputs.ts), outputs as a Ready (ready.ts).
 *
 * Purely synchronous and single-threaded; a driver gives it ticks, messages and the responses of finished tasks.
 */
import { collectReady, currentState, hasReady, type LastReady } from './collect-ready.ts';
import type { RaftConfig } from './config.ts';
import { newRaft } from './membership.ts';
import { NodeInputs } from './node-inputs.ts';
import type { Raft } from './raft.ts';
import type { Ready } from './ready.ts';

export class RawNode extends NodeInputs {
  readonly #last: LastReady;

  private constructor(raft: Raft) {
    super(raft);
    this.#last = currentState(raft);
  }

  /** A node that goes on from its storage, as a follower. Throws InvalidRaftConfig on settings out of range. */
  static create(config: RaftConfig): RawNode {
    return new RawNode(newRaft(config));
  }

  /** Whether ready() would hand out anything. */
  hasReady(): boolean {
    return hasReady(this.raft, this.#last, 'durable-only');
  }

  /** All outputs since the last call. They are the caller's now, and are not handed out again. */
  ready(): Ready {
    return collectReady(this.raft, this.#last, 'durable-only');
  }
}
