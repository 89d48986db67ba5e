// Majorities, single and joint, against their definitions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  jointCommittedIndex,
  jointIds,
  jointVoteResult,
  majorityCommittedIndex,
  majorityVoteResult,
  sortedIds,
  VoteResult,
} from '../../../src/raft/quorum.ts';

const config = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 9 }).map(sortedIds);
const acks = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.nat(12));
const votes = fc
  .dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.boolean())
  .map((record) => new Map(Object.entries(record).map(([id, vote]) => [Number(id), vote])));

/** By definition: the greatest index that more than half have reached. */
function committedByDefinition(ids: readonly number[], acked: (id: number) => number): number {
  if (ids.length === 0) return Infinity;
  const candidates = [0, ...ids.map(acked)].sort((a, b) => b - a);
  return candidates.find((index) => 2 * ids.filter((id) => acked(id) >= index).length > ids.length) ?? 0;
}

describe('majority', () => {
  it('commits the greatest index that more than half have acknowledged', () => {
    fc.assert(
      fc.property(config, acks, (ids, acked) => {
        const of = (id: number): number => acked[String(id)] ?? 0;
        expect(majorityCommittedIndex(ids, (id) => acked[String(id)])).toBe(committedByDefinition(ids, of));
      }),
    );
  });

  it('is won with more than half in favour, and lost when that cannot come any more', () => {
    fc.assert(
      fc.property(config, votes, (ids, cast) => {
        const granted = ids.filter((id) => cast.get(id) === true).length;
        const missing = ids.filter((id) => !cast.has(id)).length;
        const result = majorityVoteResult(ids, cast);
        expect(result === VoteResult.Won).toBe(ids.length === 0 || 2 * granted > ids.length);
        expect(result === VoteResult.Lost).toBe(ids.length > 0 && 2 * (granted + missing) <= ids.length);
      }),
    );
  });
});

describe('joint', () => {
  it('commits what both halves have committed, whichever is which', () => {
    fc.assert(
      fc.property(config, config, acks, (incoming, outgoing, acked) => {
        const of = (id: number): number | undefined => acked[String(id)];
        const index = jointCommittedIndex({ incoming, outgoing }, of);
        expect(index).toBe(Math.min(majorityCommittedIndex(incoming, of), majorityCommittedIndex(outgoing, of)));
        expect(jointCommittedIndex({ incoming: outgoing, outgoing: incoming }, of)).toBe(index);
      }),
    );
  });

  it('is won when both halves are won, lost when either is lost, else pending', () => {
    fc.assert(
      fc.property(config, config, votes, (incoming, outgoing, cast) => {
        const halves = [majorityVoteResult(incoming, cast), majorityVoteResult(outgoing, cast)];
        const result = jointVoteResult({ incoming, outgoing }, cast);
        expect(result === VoteResult.Won).toBe(halves.every((half) => half === VoteResult.Won));
        expect(result === VoteResult.Lost).toBe(halves.includes(VoteResult.Lost));
      }),
    );
  });

  it('two disjoint sets of nodes never both decide', () => {
    fc.assert(
      fc.property(
        config,
        config,
        fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }),
        (incoming, outgoing, side) => {
          fc.pre(incoming.length > 0);
          const of = (wanted: boolean): Map<number, boolean> =>
            new Map(side.flatMap((here, i) => (here === wanted ? [[i + 1, true] as const] : [])));
          const results = [true, false].map((wanted) => jointVoteResult({ incoming, outgoing }, of(wanted)));
          expect(results.filter((result) => result === VoteResult.Won).length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('lists the ids of both halves once, in order', () => {
    expect(jointIds({ incoming: [2, 10], outgoing: [] })).toEqual([2, 10]);
    expect(jointIds({ incoming: [2, 10], outgoing: [1, 2, 9] })).toEqual([1, 2, 9, 10]);
  });
});
