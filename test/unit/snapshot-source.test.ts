// What a snapshot's records are cut into: whole transactions, whatever the size of a chunk, from any of the places where one ends.
import { describe, expect, it } from 'vitest';

import { snapshotSource } from '../../src/cluster/snapshot-source.ts';
import { decide } from '../../src/domain/decide.ts';
import type { DecisionView } from '../../src/domain/decide.ts';
import { checksum } from '../../src/storage/checksum.ts';
import { EventState } from '../../src/storage/event-state/event-state.ts';
import { decodeGroup, encodeGroup } from '../../src/storage/group.ts';
import { MemoryKeyValue } from '../../src/storage/key-value/memory-key-value.ts';
import { append, part, transaction } from '../support/events.ts';

/** Of a store without these streams. */
const NOTHING: DecisionView = { stream: () => undefined, conditionMatch: () => null };

/** A state of transactions with so many streams each, one event in each. Gives the positions at which they end. */
async function stateOf(streams: readonly number[]): Promise<{ state: EventState; ends: number[] }> {
  const state = await EventState.open(new MemoryKeyValue(), 'state');
  const ends = [];
  let event = 0;
  for (const [i, count] of streams.entries()) {
    const parts = Array.from({ length: count }, () => part(`stream-${event}`, [event++]));
    const decision = decide(count === 1 ? append(`stream-${event - 1}`, [event - 1]) : transaction(parts), NOTHING, {
      nextPosition: state.appliedEnd,
      createdAt: 1,
    });
    if (decision.kind !== 'accepted') throw new Error(decision.kind);
    await state.apply([{ index: i + 1, term: 1, group: encodeGroup(decision.parts) }]);
    ends.push(state.appliedEnd);
  }
  return { state, ends };
}

describe('the chunks of a snapshot', () => {
  it('end where transactions end', async () => {
    const { state, ends } = await stateOf([1, 3, 2, 1, 5, 1]);
    for (const chunkBytes of [1, 150, 400, 1_000_000]) {
      for (const begin of [0, ...ends]) {
        let next = begin;
        for await (const chunk of snapshotSource(state, state.appliedEnd, chunkBytes).chunksFrom(begin)) {
          expect(chunk.firstPosition).toBe(next);
          expect(ends).toContain(chunk.endPosition);
          expect(chunk.crc).toBe(checksum(chunk.bytes));
          const { appends } = decodeGroup(chunk.bytes, 'everything');
          expect(appends.map(({ firstPosition }) => firstPosition)[0]).toBe(next);
          next = chunk.endPosition;
        }
        expect(next).toBe(state.appliedEnd);
      }
    }
  });

  it('are as many as their size allows', async () => {
    const { state, ends } = await stateOf([1, 3, 2, 1, 5, 1]);
    const count = async (chunkBytes: number): Promise<number> => {
      const chunks = [];
      for await (const chunk of snapshotSource(state, state.appliedEnd, chunkBytes).chunksFrom(0)) chunks.push(chunk);
      return chunks.length;
    };
    expect(await count(1)).toBe(ends.length);
    expect(await count(1_000_000)).toBe(1);
  });
});
