/**
 * Notes the end of an idle log as durable, so that damage to the last group of an idle store can be told from a torn write.
 */
import type { RaftLog } from '../storage/raft-log/raft-log.ts';
import type { AppendTasks } from './append-tasks.ts';

export class IdleLog {
  readonly #log: RaftLog;
  readonly #tasks: AppendTasks;
  /** Writes at the last tick, and when the end was noted. */
  #seen = -1;
  #confirmed = -1;

  constructor(log: RaftLog, tasks: AppendTasks) {
    this.#log = log;
    this.#tasks = tasks;
  }

  /** Notes it after a tick without writes, once. Throws as the log does. */
  tick(): void {
    const { idle, writes } = this.#tasks;
    const quiet = idle && this.#seen === writes && this.#confirmed !== writes;
    this.#seen = writes;
    if (!quiet) return;
    this.#confirmed = writes;
    this.#log.confirm();
  }
}
