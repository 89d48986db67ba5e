// The event state's own duties: applying, the format gate, pages, and holes that must never be read over.
import { describe, expect, it } from 'vitest';
import type { DecisionNeed } from '../../src/domain/append.ts';
import { InvariantViolation } from '../../src/lib/assert.ts';
import { EventState } from '../../src/storage/event-state/event-state.ts';
import { RecentHeads } from '../../src/storage/event-state/recent-heads.ts';
import { encodeGroup, joinGroup, type EncodedGroup } from '../../src/storage/group.ts';
import { MemoryKeyValue } from '../../src/storage/key-value/memory-key-value.ts';
import { kindRange, largeRecordKey, metaKeys, pageKey, streamIndexKey } from '../../src/storage/keys.ts';
import { INLINE_PAGE_BYTES, PAGE_BYTES, pagesOf, recordsOfPage } from '../../src/storage/page.ts';
import { Decider } from '../support/decided.ts';
import { proposed } from '../support/events.ts';

class Subject {
  readonly keyValue = new MemoryKeyValue();
  readonly decider = new Decider();

  group(...sizes: readonly (readonly [streamId: string, bytes: number])[]): EncodedGroup {
    const decided = sizes.map(([streamId, bytes]) => {
      const events = [proposed(0, { data: new Uint8Array(bytes), tags: ['g'] })];
      return this.decider.decide({ streamId, createdAt: 1, events });
    });
    return encodeGroup(decided);
  }
}

/** Counts the keys that are read. */
class CountingKeyValue extends MemoryKeyValue {
  reads = 0;

  override getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | null)[]> {
    this.reads += keys.length;
    return super.getMany(keys);
  }
}

async function drain(chunks: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

describe('applying', () => {
  it('moves the applied index with and without appends, many entries at once', async () => {
    const subject = new Subject();
    const state = await EventState.open(subject.keyValue);
    expect([state.appliedIndex, state.appliedTerm, state.appliedEnd]).toEqual([0, 0, 0]);
    await state.apply([]);
    await state.apply([
      { index: 1, term: 1, group: null },
      { index: 2, term: 1, group: subject.group(['a', 1], ['a', 1]) },
      { index: 3, term: 4, group: subject.group(['a', 1], ['b', 1]), confState: Uint8Array.of(7) },
      { index: 4, term: 5, group: null },
    ]);
    const again = await EventState.open(subject.keyValue);
    for (const one of [state, again]) {
      expect([one.appliedIndex, one.appliedTerm, one.appliedEnd]).toEqual([4, 5, 4]);
      expect(one.tail()).toEqual({ nextPosition: 4, lastCreatedAt: 1 });
      expect(one.confState).toEqual(Uint8Array.of(7));
      expect(await one.stream('a')).toMatchObject({ lastRevision: 2, lastPosition: 2 });
    }
  });

  it('refuses an entry that does not follow, and writes nothing of it', async () => {
    const subject = new Subject();
    const state = await EventState.open(subject.keyValue);
    await state.apply([{ index: 1, term: 1, group: subject.group(['a', 1]) }]);
    const before = await subject.keyValue.scan({ gte: Uint8Array.of(0), lt: Uint8Array.of(255) }, { limit: 100 });
    subject.group(['lost', 1]);
    for (const entry of [
      { index: 1, term: 1, group: null },
      { index: 3, term: 1, group: null },
      { index: 2, term: 1, group: subject.group(['a', 1]) },
    ]) {
      const other = await EventState.open(subject.keyValue);
      await expect(other.apply([entry])).rejects.toThrow(InvariantViolation);
      await expect(other.apply([{ index: 2, term: 1, group: null }])).rejects.toThrow(/not after a failure/);
    }
    expect(await subject.keyValue.scan({ gte: Uint8Array.of(0), lt: Uint8Array.of(255) }, { limit: 100 })).toEqual(
      before,
    );
  });
});

describe('opening', () => {
  it('refuses a newer format, a format of 0, and entries without one', async () => {
    const format = (...bytes: number[]): Promise<EventState> => {
      const keyValue = new MemoryKeyValue();
      const written = keyValue.write((batch) => {
        if (bytes.length > 0) batch.put(metaKeys.format, Uint8Array.from(bytes));
        batch.put(pageKey(0), Uint8Array.of(1));
      });
      return written.then(() => EventState.open(keyValue, '/data/state'));
    };
    await expect(format(0, 0, 0, 2)).rejects.toMatchObject({
      code: 'STORAGE_FORMAT_TOO_NEW',
      details: { path: '/data/state', found: 2, supported: 1 },
    });
    for (const bytes of [[], [0, 0, 0, 0], [1], [0, 0, 0, 1]]) {
      await expect(format(...bytes)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
    }
  });
});

describe('pages', () => {
  it('hold all records of a group in order, within their sizes', () => {
    const subject = new Subject();
    const sizes = [10, 10, 2000, 2000, 10, 5000, 10, 40_000, 10, 3600, 4000, 10];
    const group = subject.group(...sizes.map((bytes, i) => [`s${i}`, bytes] as const));
    const pages = [...pagesOf(group)];
    expect(pages.flatMap(({ appends }) => appends)).toEqual(group.appends);
    for (const [i, page] of pages.entries()) {
      expect(recordsOfPage(page.bytes).map(({ firstPosition }) => firstPosition)).toEqual(
        page.appends.map(({ firstPosition }) => firstPosition),
      );
      expect(page.position).toBe(page.appends[0]?.firstPosition);
      expect(page.appends.length === 1 || page.bytes.length <= PAGE_BYTES).toBe(true);
      // No page could have taken the next one's first record.
      const next = pages[i + 1]?.appends[0]?.bytes.length;
      if (next !== undefined) expect(page.bytes.length + 4 + next).toBeGreaterThan(PAGE_BYTES);
    }
  });

  it('keep a record under its own key from one byte beyond the limit', async () => {
    const subject = new Subject();
    const state = await EventState.open(subject.keyValue);
    const [probe] = subject.group(['a', 30_000]).appends;
    const overhead = (probe?.bytes.length ?? 0) - 30_000;
    for (const [i, extra] of [0, 1].entries()) {
      const fresh = new Subject();
      const one = i === 0 ? state : await EventState.open(fresh.keyValue);
      const { keyValue } = i === 0 ? subject : fresh;
      const decider = new Decider();
      const bytes = INLINE_PAGE_BYTES - 4 - overhead + extra;
      const events = [proposed(0, { data: new Uint8Array(bytes), tags: ['g'] })];
      await one.apply([
        { index: 1, term: 1, group: encodeGroup([decider.decide({ streamId: 'a', createdAt: 1, events })]) },
      ]);
      const [page, large] = await keyValue.getMany([pageKey(0), largeRecordKey(0)]);
      expect([page?.length, large?.length]).toEqual(
        extra === 0 ? [INLINE_PAGE_BYTES, undefined] : [0, INLINE_PAGE_BYTES - 4 + 1],
      );
      expect((await drain(one.readAll(0, 'forwards'))).length).toBe(1);
    }
  });
});

describe('a hole', () => {
  const query = { items: [{ types: [], tags: ['g'] }] };

  async function withHole(key: (pages: readonly Uint8Array[]) => Uint8Array): Promise<EventState> {
    const subject = new Subject();
    const state = await EventState.open(subject.keyValue);
    for (let i = 1; i <= 9; i += 1)
      await state.apply([{ index: i, term: 1, group: subject.group(['a', 100], ['b', 40_000]) }]);
    const pages = await subject.keyValue.scan(kindRange('page'), { limit: 100, keysOnly: true });
    await subject.keyValue.write((batch) => batch.delete(key(pages.map((entry) => entry.key))));
    return state;
  }

  it('in the pages is STORAGE_CORRUPT, not skipped', async () => {
    for (const at of [0, 5, 6, 17]) {
      const state = await withHole((pages) => pages[at] ?? pageKey(0));
      for (const direction of ['forwards', 'backwards'] as const) {
        const from = direction === 'forwards' ? 0 : Number.MAX_SAFE_INTEGER;
        const streamId = at % 2 === 0 ? 'a' : 'b';
        for (const read of [
          state.readAll(from, direction),
          state.readStream(streamId, from, direction),
          state.readQuery(query, from, direction),
        ]) {
          await expect(drain(read), `page ${at} ${direction}`).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
        }
      }
    }
  });

  it('in the stream index is STORAGE_CORRUPT too', async () => {
    for (const revision of [0, 4, 8]) {
      const state = await withHole(() => streamIndexKey(0, revision));
      for (const direction of ['forwards', 'backwards'] as const) {
        const from = direction === 'forwards' ? 0 : Number.MAX_SAFE_INTEGER;
        const read = drain(state.readStream('a', from, direction));
        await expect(read, `revision ${revision} ${direction}`).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
      }
    }
  });

  it('of a large record is STORAGE_CORRUPT too', async () => {
    const state = await withHole(() => largeRecordKey(7));
    for (const read of [
      state.readAll(0, 'forwards'),
      state.readStream('b', 0, 'forwards'),
      state.readQuery(query, 0, 'forwards'),
    ]) {
      await expect(drain(read)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
    }
  });
});

describe('records ahead of their entries', () => {
  async function ahead(): Promise<{ subject: Subject; state: EventState; groups: EncodedGroup[] }> {
    const subject = new Subject();
    const state = await EventState.open(subject.keyValue);
    const groups = [subject.group(['a', 1], ['b', 1]), subject.group(['a', 1], ['b', 1]), subject.group(['a', 1])];
    await state.apply([{ index: 1, term: 1, group: groups[0] ?? null }]);
    return { subject, state, groups };
  }

  it('move positions but not the applied index, and are skipped when their entries come', async () => {
    const { subject, state, groups } = await ahead();
    const second = groups[1] as EncodedGroup;
    const half = joinGroup(second.appends.slice(0, 1));
    expect((await state.applyRecords(half)).map(({ firstPosition }) => firstPosition)).toEqual([2]);
    expect([state.appliedIndex, state.appliedEnd]).toEqual([1, 3]);
    // What is there already comes again with more behind it.
    expect((await state.applyRecords(second)).map(({ firstPosition }) => firstPosition)).toEqual([3]);
    const visible = await state.apply([
      { index: 2, term: 1, group: second },
      { index: 3, term: 1, group: groups[2] ?? null },
    ]);
    expect(visible.map(({ firstPosition }) => firstPosition)).toEqual([4]);
    for (const one of [state, await EventState.open(subject.keyValue)]) {
      expect([one.appliedIndex, one.appliedEnd]).toEqual([3, 5]);
      expect((await drain(one.readAll(0, 'forwards'))).flat()).toHaveLength(5);
      expect((await one.stream('a'))?.lastRevision).toBe(2);
    }
  });

  it('that differ from what is there end the process, as do records after a hole', async () => {
    const { state, groups } = await ahead();
    await state.applyRecords(groups[1] as EncodedGroup);
    const other = new Subject();
    other.group(['a', 1], ['b', 1]);
    const different = other.group(['a', 2], ['b', 1]);
    await expect(state.apply([{ index: 2, term: 1, group: different }])).rejects.toThrow(InvariantViolation);
    const hole = await ahead();
    await expect(hole.state.applyRecords(hole.groups[2] as EncodedGroup)).rejects.toThrow(InvariantViolation);
  });

  it('are the state of a snapshot once all are there', async () => {
    const { subject, state, groups } = await ahead();
    const snapshot = { index: 9, term: 3, confState: Uint8Array.of(4), nextPosition: 4 };
    await state.applyRecords(groups[1] as EncodedGroup);
    await state.install(snapshot);
    for (const one of [state, await EventState.open(subject.keyValue)]) {
      expect([one.appliedIndex, one.appliedTerm, one.appliedEnd, one.confState]).toEqual([9, 3, 4, Uint8Array.of(4)]);
    }
    await state.apply([{ index: 10, term: 3, group: groups[2] ?? null }]);
    expect(state.appliedEnd).toBe(5);
    const early = await ahead();
    await expect(early.state.install(snapshot)).rejects.toThrow(InvariantViolation);
  });
});

describe('facts for decisions', () => {
  const need = (streamId: string): DecisionNeed => ({ streams: new Map([[streamId, []]]), conditions: [] });

  it('come from memory for streams that were appended to, and are the same as those from the engine', async () => {
    const keyValue = new CountingKeyValue();
    const subject = new Subject();
    const state = await EventState.open(keyValue);
    await state.apply([{ index: 1, term: 1, group: subject.group(['a', 1], ['b', 1], ['a', 1]) }]);
    const before = keyValue.reads;
    const facts = await state.loadForDecision(need('a'));
    expect(keyValue.reads).toBe(before);
    expect(facts.heads.get('a')).toEqual({ streamNumber: 0, lastRevision: 1, lastPosition: 2 });
    const again = await EventState.open(keyValue);
    expect((await again.loadForDecision(need('a'))).heads).toEqual(facts.heads);
    expect(keyValue.reads).toBeGreaterThan(before);
    expect((await state.loadForDecision(need('never'))).heads.size).toBe(0);
  });

  it('are those of a write once it is applied, not before', async () => {
    const subject = new Subject();
    const state = await EventState.open(subject.keyValue);
    await state.apply([{ index: 1, term: 1, group: subject.group(['a', 1]) }]);
    const applying = state.apply([{ index: 2, term: 1, group: subject.group(['a', 1]) }]);
    expect((await state.loadForDecision(need('a'))).heads.get('a')?.lastRevision).toBe(0);
    await applying;
    expect((await state.loadForDecision(need('a'))).heads.get('a')?.lastRevision).toBe(1);
  });

  it('are forgotten in the order of writing, by count and by length of ids', () => {
    const head = { streamNumber: 0, lastRevision: 0, lastPosition: 0 };
    const recent = new RecentHeads({ heads: 2, characters: 100 });
    for (const id of ['a', 'b', 'c', 'd', 'a', 'e']) recent.take(new Map([[id, head]]));
    expect(['a', 'b', 'c', 'd', 'e'].filter((id) => recent.get(id) !== undefined)).toEqual(['a', 'e']);
    const long = new RecentHeads({ heads: 100, characters: 100 });
    for (let i = 0; i < 50; i += 1) long.take(new Map([[`${i}`.padStart(60, 'x'), head]]));
    expect(long.size).toBe(2);
  });
});
