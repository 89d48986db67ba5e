/**
 * The Raft core and the loop around it: inputs are stepped as they come, and what the core then wants done is drained at the end of
 * the turn, all of it together.
 *
 * Invariants: the core is used through here alone; it is not asked for the next Ready before its owner has acted on the last; after the
 * end, or the first error, nothing is stepped any more. Must not know what is done with a Ready.
 */
import { RawNode } from '../raft/raw-node.ts';
import type { Ready } from '../raft/ready.ts';
import type { DriverParts } from './driver-ports.ts';

export interface ReadyLoopOwner {
  /** Does what the core wants done. */
  act(ready: Ready): void;
  /** Called once; the loop has ended. */
  failed(error: unknown): void;
}

export class ReadyLoop {
  readonly node: RawNode;
  readonly #owner: ReadyLoopOwner;
  #wanted = false;
  #running = false;
  #ended = false;

  constructor({ id, log, state, settings, random }: DriverParts, owner: ReadyLoopOwner) {
    this.#owner = owner;
    this.node = RawNode.create({
      id,
      storage: log,
      electionTick: settings.electionTicks,
      heartbeatTick: settings.heartbeatTicks,
      randomizedElectionTimeout: (ticks) => ticks + Math.floor(random() * ticks),
      applied: state.appliedIndex,
      maxSizePerMsg: settings.maxMessageBytes,
      maxCommittedSizePerReady: settings.maxUnappliedBytes,
      maxUncommittedEntriesSize: settings.maxUncommittedBytes,
      maxInflightMsgs: settings.maxInflightMessages,
      maxInflightBytes: settings.maxInflightBytes,
      checkQuorum: true,
      preVote: true,
      disableProposalForwarding: true,
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Gives the core an input. Null when the loop has ended, or ends on it. */
  input<T>(work: (node: RawNode) => T): T | null {
    if (this.#ended) return null;
    try {
      const result = work(this.node);
      this.wake();
      return result;
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  /** The same for what the core has been waiting for: goes on at once, as others wait for what comes of it. */
  answer(work: (node: RawNode) => void): void {
    if (this.#ended) return;
    try {
      work(this.node);
    } catch (error) {
      this.fail(error);
      return;
    }
    // Under way already: it goes on until nothing is ready.
    if (!this.#running) this.#run();
  }

  /** Everything that comes in one turn is acted on together, at its end. */
  wake(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    queueMicrotask(() => {
      this.#run();
    });
  }

  /** Nothing is stepped any more. */
  end(): void {
    this.#ended = true;
  }

  /** Ends the loop, and tells its owner unless it has ended. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.failed(error);
  }

  #run(): void {
    this.#wanted = false;
    if (this.#running || this.#ended) return;
    this.#running = true;
    try {
      while (this.#wants()) this.#owner.act(this.node.ready());
    } catch (error) {
      this.fail(error);
    }
    this.#running = false;
  }

  /** Whether there is something to do, and it may be done. */
  #wants(): boolean {
    return !this.#ended && this.node.hasReady();
  }
}
