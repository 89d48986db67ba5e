/**
 * The core's append tasks on their way to the disk. The log groups what comes while a write is under way.
 *
 * Invariants: tasks end in the order they came, each when it and all before it are durable; a failed write is final. A task that
 * only moves the commit index is not written by itself (losing it does no harm): its hard state goes with the next write. Must not
 * know the core.
 */
import type { Clock } from '../lib/clock.ts';
import type { HardState } from '../raft/messages.ts';
import type { AppendTask } from '../raft/ready.ts';
import type { RaftLog } from '../storage/raft-log/raft-log.ts';

interface PendingTask {
  readonly task: AppendTask;
  readonly since: number;
  written: boolean;
}

export interface AppendTasksOwner {
  /** The task is durable, with all before it. The next one ends after this has settled. Null: settled already. */
  durable(task: AppendTask): Promise<void> | null;
  failed(error: unknown): void;
  /** A write ended after `millis`. */
  synced(millis: number, entries: number): void;
}

export class AppendTasks {
  readonly #log: RaftLog;
  readonly #clock: Clock;
  readonly #owner: AppendTasksOwner;
  readonly #pending: PendingTask[] = [];
  #unwritten: HardState | null = null;
  #ending = false;
  #writes = 0;

  constructor(log: RaftLog, clock: Clock, owner: AppendTasksOwner) {
    this.#log = log;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** Counts the writes handed to the log. */
  get writes(): number {
    return this.#writes;
  }

  get idle(): boolean {
    return this.#pending.length === 0;
  }

  /** How long the oldest task has been waiting for the disk; 0 when none waits. Milliseconds. */
  get stalledMillis(): number {
    const oldest = this.#pending[0];
    return oldest === undefined ? 0 : this.#clock.monotonicMillis() - oldest.since;
  }

  /** Takes the next task. It never ends before this returns. */
  add(task: AppendTask): void {
    const pending: PendingTask = { task, since: this.#clock.monotonicMillis(), written: !task.mustSync };
    this.#pending.push(pending);
    if (task.hardState !== null) this.#unwritten = task.hardState;
    if (task.mustSync) this.#write(pending);
  }

  /** Ends the tasks at the front that are written. To be called after {@link add}, when their end may be heard of. */
  settle(): void {
    if (this.#ending) return;
    this.#ending = true;
    for (let first = this.#pending[0]; first?.written === true; first = this.#pending[0]) {
      this.#pending.shift();
      const settled = this.#owner.durable(first.task);
      if (settled === null) continue;
      settled.then(
        () => {
          this.#ending = false;
          this.settle();
        },
        (error: unknown) => {
          this.#owner.failed(error);
        },
      );
      return;
    }
    this.#ending = false;
  }

  #write(pending: PendingTask): void {
    const { entries, snapshot } = pending.task;
    const hardState = this.#unwritten;
    this.#unwritten = null;
    this.#writes += 1;
    this.#log.persist({ hardState, entries, snapshot }).then(
      () => {
        pending.written = true;
        this.#owner.synced(this.#clock.monotonicMillis() - pending.since, entries.length);
        this.settle();
      },
      (error: unknown) => {
        this.#owner.failed(error);
      },
    );
  }
}
