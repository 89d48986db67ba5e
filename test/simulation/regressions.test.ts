// What the simulator has found in the core and in the log, each reduced to the few steps that show it.
import { describe, expect, it } from 'vitest';

import { EMPTY_CONF_STATE, EntryType, NO_DATA } from '../../src/raft/messages.ts';
import { MemoryStorage } from '../../src/raft/memory-storage.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import type { AppendTask, ReadState } from '../../src/raft/ready.ts';
import { LogReplay } from '../../src/storage/raft-log/log-replay.ts';

/** A node, alone, whose log is written when the test says so. */
class LoneNode {
  readonly storage = new MemoryStorage();
  readonly node: RawNode;
  readonly reads: ReadState[] = [];
  #waiting: AppendTask[] = [];

  constructor() {
    this.storage.applySnapshot({ index: 1, term: 1, confState: { ...EMPTY_CONF_STATE, voters: [1] }, data: NO_DATA });
    // On disk are three entries; the commit index on disk lags, as it is written with the next entry only.
    this.storage.append([2, 3, 4].map((index) => ({ type: EntryType.Normal, term: 1, index, data: NO_DATA })));
    this.storage.setHardState({ term: 1, vote: 1, commit: 1 });
    this.node = RawNode.create({
      id: 1,
      storage: this.storage,
      applied: 1,
      electionTick: 10,
      heartbeatTick: 1,
      maxInflightMsgs: 8,
      randomizedElectionTimeout: (ticks) => ticks,
    });
  }

  /** Takes all outputs; nothing is written yet. */
  take(): void {
    while (this.node.hasReady()) {
      const { append, apply, readStates } = this.node.ready();
      this.reads.push(...readStates);
      if (append !== null) this.#waiting.push(append);
      for (const message of apply?.responses ?? []) this.node.step(message);
    }
  }

  /** Writes what waits. */
  write(): void {
    const tasks = this.#waiting;
    this.#waiting = [];
    for (const { hardState, entries, responses } of tasks) {
      if (hardState !== null) this.storage.setHardState(hardState);
      this.storage.append(entries);
      for (const message of responses) this.node.step(message);
      this.take();
    }
  }
}

describe('a single voter', () => {
  // Seed 271: the read was served at the commit index on disk, below what had been committed before the restart.
  it('serves no read before the first commit of its term', () => {
    const lone = new LoneNode();
    lone.node.campaign();
    lone.take();
    lone.write();
    lone.node.readIndex(Uint8Array.of(7));
    lone.take();
    expect(lone.node.status().hardState.commit).toBe(1);
    expect(lone.reads).toEqual([]);

    lone.write();
    expect(lone.node.status().hardState.commit).toBe(5);
    expect(lone.reads).toEqual([{ index: 5, context: Uint8Array.of(7) }]);
  });
});

describe('a Raft log whose oldest segment begins behind its base', () => {
  // Seed 224: the term of the base was that of the base before.
  it('takes the term of the base from its record', () => {
    const replay = new LogReplay();
    const before = { origin: 'compaction', index: 33, term: 2, confState: EMPTY_CONF_STATE, data: NO_DATA } as const;
    const checkpoint = { hardState: { term: 6, vote: 0, commit: 47 }, base: before, lastIndex: 47 };
    expect(replay.apply({ kind: 'checkpoint', checkpoint }, 3, 4096)).toBeNull();
    expect(replay.apply({ kind: 'base', base: { ...before, index: 44, term: 5 } }, 3, 4200)).toBeNull();
    expect(replay.index.base).toBe(44);
    expect(replay.index.term(44)).toBe(5);
  });
});
