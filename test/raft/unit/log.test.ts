// The log, over storage and its unstable tail, against a plain array; limits of bytes; what is handed out to be applied.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entriesSize, entrySize, limitSize } from '../../../src/raft/entry-size.ts';
import { RaftLog } from '../../../src/raft/log.ts';
import { MemoryStorage } from '../../../src/raft/memory-storage.ts';
import { EMPTY_CONF_STATE, type Entry, EntryType, NO_DATA } from '../../../src/raft/messages.ts';
import { entriesOf } from '../support/node.ts';

function withData(index: number, size: number): Entry {
  return { type: EntryType.Normal, term: 1, index, data: new Uint8Array(size) };
}

function storageWith(entries: readonly Entry[]): MemoryStorage {
  const storage = new MemoryStorage();
  storage.append(entries);
  return storage;
}

/** Persists what is not handed out yet, like a driver. */
function persist(log: RaftLog, storage: MemoryStorage): void {
  storage.append(log.unstable.nextEntries());
  log.unstable.acceptInProgress();
}

describe('RaftLog', () => {
  it('reads like one array, whatever part of it is stable', () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), back: fc.nat(4), count: fc.integer({ min: 1, max: 4 }) }),
      fc.constant({ kind: 'persist' as const }),
      fc.constant({ kind: 'stable' as const }),
      fc.record({ kind: fc.constant('commit' as const), by: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const storage = new MemoryStorage();
        const log = new RaftLog(storage, Infinity);
        let model: number[] = [];
        let term = 0;
        // As the core does: acknowledgements of writes count only within the term that ordered them.
        let written: { index: number; term: number; era: number } | null = null;
        for (const step of operations) {
          if (step.kind === 'append') {
            term++;
            const from = Math.max(log.committed, model.length - step.back) + 1;
            const terms = Array<number>(step.count).fill(term);
            log.append(entriesOf(terms, from));
            model = [...model.slice(0, from - 1), ...terms];
          } else if (step.kind === 'persist') {
            if (log.unstable.length === 0) continue;
            persist(log, storage);
            written = { index: log.lastIndex(), term: log.lastTerm(), era: term };
          } else if (step.kind === 'stable') {
            if (written?.era === term) log.unstable.stableTo(written.index, written.term);
          } else {
            log.commitTo(Math.min(model.length, log.committed + step.by));
          }
          expect(log.lastIndex()).toBe(model.length);
          const entries = log.entries(1, Infinity);
          expect(typeof entries === 'string' ? entries : entries.map((entry) => entry.term)).toEqual(model);
          expect(model.map((_, i) => log.term(i + 1))).toEqual(model);
          expect(log.term(model.length + 1)).toBe('unavailable');
        }
      }),
    );
  });

  it('finds where logs may agree by index and term, as the loop over all entries would', () => {
    const terms = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 }).map((list) => list.sort());
    fc.assert(
      fc.property(terms, fc.nat(12), fc.nat(5), (list, at, term) => {
        const log = new RaftLog(storageWith(entriesOf(list, 1)), Infinity);
        const index = Math.min(at, list.length);
        const expected = list.slice(0, index).findLastIndex((ours) => ours <= term) + 1;
        expect(log.findConflictByTerm(index, term)).toBe(expected);
      }),
    );
  });

  it('appends from the first entry that differs, and keeps what agrees', () => {
    const log = new RaftLog(storageWith(entriesOf([1, 1, 2], 1)), Infinity);
    expect(log.maybeAppend(1, 1, entriesOf([1, 2], 2), 0)).toBe(3);
    expect(log.unstable.length).toBe(0);
    expect(log.maybeAppend(1, 1, entriesOf([1, 3], 2), 0)).toBe(3);
    expect(log.unstable.length).toBe(1);
    expect(log.maybeAppend(3, 2, [], 0)).toBe(-1);
    expect(log.maybeAppend(9, 3, [], 0)).toBe(-1);
  });

  it('commits up to what the message proves, never back', () => {
    const log = new RaftLog(storageWith(entriesOf([1, 1, 1], 1)), Infinity);
    log.maybeAppend(1, 1, entriesOf([1], 2), 3);
    expect(log.committed).toBe(2);
    log.maybeAppend(1, 1, [], 1);
    expect(log.committed).toBe(2);
  });

  it.each([
    ['commits beyond its end', (log: RaftLog) => log.commitTo(4), /told that 4 is committed, but the log ends at 3/],
    ['replaces committed entries', (log: RaftLog) => log.append(entriesOf([9], 2)), /append from 2 would replace/],
    ['leaves a hole', (log: RaftLog) => log.append(entriesOf([9], 5)), /hole behind the last unstable index 3/],
    ['applies what is not committed', (log: RaftLog) => log.appliedTo(3, 0), /applied 3 is outside \[0, 2\]/],
  ])('never %s', (_what, act, message) => {
    const log = new RaftLog(storageWith(entriesOf([1, 1, 1], 1)), Infinity);
    log.commitTo(2);
    expect(() => act(log)).toThrow(message);
  });

  it('hands out entries to apply up to the limit of bytes, at least one, and pauses until they are applied', () => {
    const entries = [1, 2, 3, 4].map((index) => withData(index, 100));
    const size = entrySize(entries[0] as Entry);
    const log = new RaftLog(storageWith(entries), 2 * size);
    log.commitTo(4);
    const first = log.nextCommittedEntries(false);
    expect(first.map(({ index }) => index)).toEqual([1, 2]);
    log.acceptApplying(2, entriesSize(first), false);
    expect(log.hasNextCommittedEntries(false)).toBe(false);
    log.appliedTo(1, size);
    expect(log.nextCommittedEntries(false).map(({ index }) => index)).toEqual([3]);
    const tight = new RaftLog(storageWith(entries), 1);
    tight.commitTo(4);
    expect(tight.nextCommittedEntries(false).map(({ index }) => index)).toEqual([1]);
  });

  it('hands out only durable entries, unless told otherwise', () => {
    const log = new RaftLog(new MemoryStorage(), Infinity);
    log.append(entriesOf([1, 1], 1));
    log.commitTo(2);
    expect(log.hasNextCommittedEntries(false)).toBe(false);
    expect(log.nextCommittedEntries(true)).toHaveLength(2);
  });

  it('hands out nothing while a snapshot is being installed, and goes on behind it', () => {
    const storage = new MemoryStorage();
    const log = new RaftLog(storage, Infinity);
    const snapshot = { index: 5, term: 2, confState: EMPTY_CONF_STATE, data: NO_DATA };
    log.restore(snapshot);
    log.append(entriesOf([2], 6));
    log.commitTo(6);
    expect(log.hasNextCommittedEntries(true)).toBe(false);
    expect([log.firstIndex(), log.lastIndex(), log.term(5), log.term(4)]).toEqual([6, 6, 2, 'compacted']);
    expect(log.slice(5, 6, Infinity)).toBe('compacted');
    storage.applySnapshot(snapshot);
    log.unstable.stableSnapshotTo(4);
    expect(log.hasPendingSnapshot).toBe(true);
    log.unstable.stableSnapshotTo(5);
    log.appliedTo(5, 0);
    expect(log.nextCommittedEntries(true).map(({ index }) => index)).toEqual([6]);
  });

  it('joins stable and unstable entries within the limit', () => {
    const log = new RaftLog(storageWith([withData(1, 10), withData(2, 10)]), Infinity);
    log.append([withData(3, 10), withData(4, 10)]);
    const size = entrySize(withData(1, 10));
    const count = (limit: number): number => log.entries(1, limit).length;
    expect([1, size, 2 * size - 1, 2 * size, 3 * size - 1, 3 * size, 4 * size].map(count)).toEqual([
      1, 1, 1, 2, 2, 3, 4,
    ]);
  });
});

describe('Unstable', () => {
  it('takes an acknowledgement only for the entry as it is now', () => {
    const log = new RaftLog(new MemoryStorage(), Infinity);
    log.append(entriesOf([1, 1], 1));
    log.unstable.acceptInProgress();
    log.append(entriesOf([2], 2));
    log.unstable.stableTo(2, 1);
    expect(log.unstable.length).toBe(2);
    log.unstable.stableTo(9, 1);
    expect(log.unstable.length).toBe(2);
    log.unstable.stableTo(1, 1);
    expect(log.unstable.offset).toBe(2);
    expect(log.unstable.nextEntries().map(({ term }) => term)).toEqual([2]);
  });

  it('hands out each entry once, and again when it was replaced', () => {
    const log = new RaftLog(new MemoryStorage(), Infinity);
    log.append(entriesOf([1, 1, 1], 1));
    log.unstable.acceptInProgress();
    expect(log.unstable.nextEntries()).toEqual([]);
    log.append(entriesOf([2], 3));
    expect(log.unstable.nextEntries().map(({ index, term }) => [index, term])).toEqual([[3, 2]]);
  });
});

describe('sizes', () => {
  it('are those of the canonical encoding', () => {
    expect(entrySize({ type: EntryType.Normal, term: 1, index: 1, data: NO_DATA })).toBe(6);
    expect(entrySize({ type: EntryType.Normal, term: 127, index: 128, data: new Uint8Array(127) })).toBe(7 + 2 + 127);
    expect(entrySize({ type: EntryType.Normal, term: 1, index: 2 ** 35, data: new Uint8Array(128) })).toBe(
      11 + 3 + 128,
    );
    expect(entrySize({ type: EntryType.Normal, term: 1, index: Number.MAX_SAFE_INTEGER, data: NO_DATA })).toBe(13);
  });

  it('cut a list at the limit, but never to nothing', () => {
    const entries = [withData(1, 10), withData(2, 10), withData(3, 10)];
    const size = entrySize(entries[0] as Entry);
    expect(limitSize(entries, 0)).toHaveLength(1);
    expect(limitSize(entries, 2 * size - 1)).toHaveLength(1);
    expect(limitSize(entries, 2 * size)).toHaveLength(2);
    expect(limitSize(entries, Infinity)).toHaveLength(3);
    expect(limitSize([], 0)).toEqual([]);
  });
});
