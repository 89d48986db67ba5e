/**
 * A driver of the production core over the production log, on the same lines as the cluster's, which whole nodes run with: messages
 * leave first, one write is outstanding (the log groups what comes meanwhile), entries are applied apart, a stalled disk keeps a
 * node from campaigning.
 *
 * Invariants: responses leave in the order of their tasks and only when the log says that these are durable; apply tasks
 * are done one after the other; after a failed write nothing leaves any more. Must not know the simulation: it sees a
 * {@link DriverHost}.
 */
import type { ConfChange } from '../../src/raft/conf-change.ts';
import { EntryType, type Message } from '../../src/raft/messages.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import type { AppendTask, ApplyTask, ReadState, Ready, SoftState } from '../../src/raft/ready.ts';
import { StateType } from '../../src/raft/ready.ts';
import type { ProposalResult } from '../../src/raft/results.ts';
import type { RaftConfig } from '../../src/raft/config.ts';
import type { RaftLog } from '../../src/storage/raft-log/raft-log.ts';
import type { ApplicationState, StateMachine } from './state-machine.ts';

/** What a driver needs of the process it runs in, and what it lets that see. */
export interface DriverHost {
  send(message: Message): void;
  /** Does a piece of apply work later, never two at a time. */
  applyLater(work: () => void): void;
  /** The process must end. Nothing may be done after it. */
  fail(error: unknown): void;
  nowMicros(): number;
  /** Before anything of the Ready is acted on. */
  readied(ready: Ready, softState: SoftState): void;
  /** A task is durable; its responses have not left. */
  durable(task: AppendTask): void;
  applied(state: ApplicationState, skipped: string | null): void;
  readable(read: ReadState): void;
}

/** An append task that the log has been given. */
interface PendingAppend {
  readonly task: AppendTask;
  /** Microseconds. */
  readonly since: number;
  written: boolean;
}

export class Driver {
  readonly node: RawNode;
  readonly log: RaftLog;
  readonly state: StateMachine;
  readonly #host: DriverHost;
  readonly #electionMicros: number;
  readonly #appending: PendingAppend[] = [];
  readonly #applying: ApplyTask[] = [];
  #applyScheduled = false;
  /** Entries up to here come with a snapshot that the core has taken: applying them would undo parts of it. */
  #replacedIndex = 0;
  #compacting = false;
  #ended = false;

  /** @param electionMicros the shortest election timeout, for the watch on the disk */
  constructor(config: RaftConfig, log: RaftLog, state: StateMachine, host: DriverHost, electionMicros: number) {
    this.log = log;
    this.state = state;
    this.#host = host;
    this.#electionMicros = electionMicros;
    this.node = RawNode.create(config);
  }

  /** A tick, unless a stalled disk makes this node unfit to lead. */
  tick(): void {
    if (this.#appending.length === 0) this.#do(() => this.log.confirm());
    const stalled = this.#host.nowMicros() - (this.#appending[0]?.since ?? Infinity);
    const { state } = this.node.softState();
    if (state === StateType.Leader) {
      if (stalled > this.#electionMicros) this.#handOver();
    } else if (stalled > this.#electionMicros / 2) return;
    this.#do(() => this.node.tick());
  }

  receive(message: Message): void {
    this.#do(() => this.node.step(message));
  }

  propose(data: readonly Uint8Array[]): ProposalResult | null {
    return this.#do(() => this.node.propose(data));
  }

  proposeConfChange(
    change: ConfChange,
    type: typeof EntryType.ConfChange | typeof EntryType.ConfChangeV2,
  ): ProposalResult | null {
    return this.#do(() => this.node.proposeConfChange(change, type));
  }

  transferLeadership(id: number): void {
    this.#do(() => this.node.transferLeadership(id));
  }

  campaign(): void {
    this.#do(() => this.node.campaign());
  }

  forgetLeader(): void {
    this.#do(() => this.node.forgetLeader());
  }

  readIndex(context: Uint8Array): void {
    this.#do(() => this.node.readIndex(context));
  }

  reportUnreachable(id: number): void {
    this.#do(() => this.node.reportUnreachable(id));
  }

  reportSnapshot(id: number, outcome: 'finished' | 'failed'): void {
    this.#do(() => this.node.reportSnapshot(id, outcome));
  }

  /** Cuts the log behind a flush of the application, keeping the last `keep` applied entries. */
  compact(keep: number): void {
    const index = this.state.current.index - keep;
    const confState = this.state.configurationAt(index);
    if (this.#compacting || index < this.log.firstIndex() || confState === undefined) return;
    this.state.flush();
    this.#compacting = true;
    this.log.compact(index, confState).then(
      () => (this.#compacting = false),
      (error: unknown) => this.#fail(error),
    );
  }

  #handOver(): void {
    const { progress, id } = this.node.status();
    const best = progress
      .filter((peer) => peer.id !== id && !peer.isLearner && peer.recentActive)
      .sort((a, b) => b.match - a.match)[0];
    if (best !== undefined) this.#do(() => this.node.transferLeadership(best.id));
  }

  /** Null when the process had to end on it. */
  #do<T>(input: () => T): T | null {
    try {
      const result = input();
      this.#pump();
      return result;
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  #pump(): void {
    while (!this.#ended && this.node.hasReady()) {
      const ready = this.node.ready();
      this.#host.readied(ready, this.node.softState());
      for (const message of ready.messages) this.#host.send(message);
      if (ready.append !== null) this.#append(ready.append);
      if (ready.apply !== null) this.#applying.push(ready.apply);
      for (const read of ready.readStates) this.#host.readable(read);
    }
    this.#scheduleApply();
  }

  #append(task: AppendTask): void {
    const pending: PendingAppend = { task, since: this.#host.nowMicros(), written: false };
    this.#appending.push(pending);
    const { hardState, entries, snapshot } = task;
    if (snapshot !== null) this.#replacedIndex = snapshot.index;
    this.log.persist({ hardState, entries, snapshot }).then(
      () => {
        pending.written = true;
        this.#finishAppends();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Finishes the tasks from the oldest on that are written: one with nothing to write is written before older ones. */
  #finishAppends(): void {
    try {
      while (!this.#ended && this.#appending[0]?.written === true) {
        const { task } = this.#appending.shift() as PendingAppend;
        this.#host.durable(task);
        if (task.snapshot !== null && task.snapshot.index > this.state.current.index) this.state.install(task.snapshot);
        this.#release(task.responses);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #release(responses: readonly Message[]): void {
    for (const message of responses) {
      if (message.to === this.node.id) this.node.step(message);
      else this.#host.send(message);
      this.#pump();
    }
  }

  #scheduleApply(): void {
    if (this.#applyScheduled || this.#applying.length === 0) return;
    this.#applyScheduled = true;
    this.#host.applyLater(() => this.#applyNext());
  }

  #applyNext(): void {
    this.#applyScheduled = false;
    const task = this.#applying.shift();
    if (task === undefined || this.#ended) return;
    try {
      for (const entry of task.entries) {
        if (entry.index <= this.#replacedIndex) continue;
        const change = entry.type === EntryType.Normal ? null : this.node.applyConfChange(entry);
        const state = this.state.apply(entry, change?.confState ?? this.state.current.confState);
        this.#host.applied(state, change?.skipped ?? null);
        if (change !== null) this.#pump();
      }
      this.#release(task.responses);
      this.#pump();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.fail(error);
  }
}
