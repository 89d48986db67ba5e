/**
 * One node of an interaction script: the core in either form over memory storage, with an appending state machine.
 *
 * Handles outputs the way the scripts' original does, including what it refuses, so that states compare one to one.
 */
import { assert } from '../../../src/lib/assert.ts';
import { decodeConfChange } from '../../../src/raft/conf-change-codec.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import { MemoryStorage } from '../../../src/raft/memory-storage.ts';
import {
  type Entry,
  EntryType,
  type HardState,
  type Message,
  NO_DATA,
  type Snapshot,
} from '../../../src/raft/messages.ts';
import { RawNode } from '../../../src/raft/raw-node.ts';
import type { AppendTask, ApplyTask } from '../../../src/raft/ready.ts';
import type { RaftStorage } from '../../../src/raft/storage.ts';
import { SyncNode } from '../../../src/raft/sync-node.ts';

/** A command that the scripts' original answers with an error, leaving things where they are. */
export class CommandError extends Error {}

/** Memory storage that answers with the state machine's latest snapshot, whatever was compacted. */
class ScriptStorage extends MemoryStorage implements RaftStorage {
  readonly #latest: () => Snapshot;

  constructor(latest: () => Snapshot) {
    super();
    this.#latest = latest;
  }

  override snapshot(): Snapshot {
    return this.#latest();
  }
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Uint8Array.of(...a, ...b);
}

export class InteractionNode {
  readonly storage: ScriptStorage;
  readonly raft: RawNode | SyncNode;
  readonly appendWork: AppendTask[] = [];
  readonly applyWork: ApplyTask[] = [];
  /** State machine after the last applied entry. Like in the original, installing a snapshot does not change it. */
  state: Snapshot;

  constructor(config: Omit<RaftConfig, 'storage'>, isAsync: boolean, initial: Snapshot) {
    this.state = initial;
    this.storage = new ScriptStorage(() => this.state);
    if (initial.index > 0) this.storage.applySnapshot(initial);
    const full: RaftConfig = { ...config, storage: this.storage };
    this.raft = isAsync ? RawNode.create(full) : SyncNode.create(full);
  }

  get id(): number {
    return this.raft.id;
  }

  /** Handles one Ready; answers the messages to send now. */
  processReady(): readonly Message[] {
    if (this.raft instanceof RawNode) {
      const { messages, append, apply } = this.raft.ready();
      if (append !== null) this.appendWork.push(append);
      if (apply !== null) this.applyWork.push(apply);
      return messages;
    }
    const ready = this.raft.ready();
    this.#persist(ready.hardState, ready.snapshot, ready.entries);
    this.#apply(ready.committedEntries);
    this.raft.advance();
    return ready.messages;
  }

  /** Does one append task; answers the messages it releases. */
  processAppend(): readonly Message[] {
    const task = this.appendWork.shift();
    if (task === undefined) return [];
    this.#persist(task.hardState, task.snapshot, task.entries);
    return task.responses;
  }

  /** Does one apply task; answers the messages it releases. */
  processApply(): readonly Message[] {
    const task = this.applyWork.shift();
    if (task === undefined) return [];
    this.#apply(task.entries);
    return task.responses;
  }

  #persist(hardState: HardState | null, snapshot: Snapshot | null, entries: readonly Entry[]): void {
    if (hardState !== null) this.storage.setHardState(hardState);
    if (snapshot === null) {
      this.storage.append(entries);
      return;
    }
    // The original cannot do both in one task; what was released with it is lost then.
    if (entries.length > 0) throw new CommandError("can't apply snapshot and entries at the same time");
    if (this.storage.applySnapshot(snapshot) === 'out-of-date') throw new CommandError('snapshot out of date');
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      let update = entry.data;
      let { confState } = this.state;
      if (entry.type !== EntryType.Normal) {
        confState = this.raft.applyConfChange(entry).confState;
        update = decodeConfChange(entry)?.context ?? NO_DATA;
      }
      const data = update.length === 0 ? this.state.data : concatenate(this.state.data, update);
      this.state = { index: entry.index, term: entry.term, confState, data };
    }
  }

  /** All entries of the log, those not persisted yet included. */
  log(): readonly Entry[] {
    const entries = this.raft.readLog(this.raft.status().firstIndex, Infinity);
    assert(typeof entries !== 'string', `the log of ${this.id} cannot be read`);
    return entries;
  }
}
