// Queries: types one of, tags all of, items one of; and the canonical form that makes equal queries the same.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { type Query, type QueryItem, canonicalQuery, matchesQuery } from '../../src/domain/query.ts';

const type = fc.constantFrom('A', 'B', 'C');
const tag = fc.constantFrom('x', 'y', 'z');
const item = fc
  .record({ types: fc.array(type, { maxLength: 3 }), tags: fc.array(tag, { maxLength: 3 }) })
  .filter(({ types, tags }) => types.length + tags.length > 0);
const query: fc.Arbitrary<Query> = fc.record({ items: fc.array(item, { minLength: 1, maxLength: 4 }) });
const event = fc.record({ streamId: fc.constant('s'), type, tags: fc.uniqueArray(tag) });

/** The rule by sets, as section 5 of the design states it: types OR'ed, tags AND'ed, items OR'ed. */
function naive(items: readonly QueryItem[], facts: { type: string; tags: readonly string[] }): boolean {
  const tags = new Set(facts.tags);
  return items.some((one) => {
    const types = new Set(one.types);
    return (types.size === 0 || types.has(facts.type)) && one.tags.filter((tag) => !tags.has(tag)).length === 0;
  });
}

describe('matchesQuery', () => {
  it('is types OR, tags AND, items OR', () => {
    fc.assert(
      fc.property(query, event, (q, e) => {
        expect(matchesQuery(q, e)).toBe(naive(q.items, e));
      }),
    );
  });

  it('knows each rule by example', () => {
    const one = (types: string[], tags: string[]): Query => ({ items: [{ types, tags }] });
    const facts = { streamId: 's', type: 'A', tags: ['x', 'y'] };
    expect(matchesQuery(one(['A'], []), facts)).toBe(true);
    expect(matchesQuery(one(['B', 'A'], []), facts)).toBe(true);
    expect(matchesQuery(one(['B'], ['x']), facts)).toBe(false);
    expect(matchesQuery(one([], ['y', 'x']), facts)).toBe(true);
    expect(matchesQuery(one([], ['x', 'z']), facts)).toBe(false);
    expect(matchesQuery({ items: [...one(['B'], []).items, ...one([], ['x']).items] }, facts)).toBe(true);
  });
});

describe('canonicalQuery', () => {
  it('is the same in every order, and then the query matches the same', () => {
    fc.assert(
      fc.property(query, query, event, (a, b, e) => {
        const shuffled = {
          items: a.items.toReversed().map((i) => ({ types: i.types.toReversed(), tags: i.tags.toReversed() })),
        };
        expect(canonicalQuery(shuffled)).toBe(canonicalQuery(a));
        if (canonicalQuery(a) === canonicalQuery(b)) expect(matchesQuery(a, e)).toBe(matchesQuery(b, e));
      }),
    );
  });
});
