// Filters: what each kind matches, what is refused, and how a tag query is held against a plain reading of its rule.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { type CompiledFilter, compileFilter, matchesFilter } from '../../src/domain/compiled-filter.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { EventFacts } from '../../src/domain/event.ts';
import type { Filter } from '../../src/domain/filter.ts';
import { limits } from '../../src/domain/limits.ts';
import { estimateInstructions } from '../../src/domain/pattern.ts';
import { BoundedMemo } from '../../src/lib/bounded-memo.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 6 });
const word = fc.constantFrom('a', 'b', 'ab', 'ba', 'order', 'order-1', 'é', '😀x');
const anyText = fc.oneof(text, word);

function event(streamId: string, type = 't', tags: readonly string[] = []): EventFacts {
  return { streamId, type, tags };
}

function isBytePrefix(prefix: string, whole: string): boolean {
  const bytes = Buffer.from(prefix, 'utf8');
  return Buffer.from(whole, 'utf8').subarray(0, bytes.length).equals(bytes);
}

function failure(filter: Filter, field?: string): StoreError {
  try {
    compileFilter(filter, field);
  } catch (error) {
    if (error instanceof StoreError) return error as StoreError;
    throw error;
  }
  throw new Error('compiled');
}

describe('prefix filters', () => {
  it('match what begins with the same bytes of UTF-8', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.boolean(), (prefix, rest, glued) => {
        const whole = glued ? prefix + rest : rest;
        const byStream = compileFilter({ kind: 'stream-prefix', prefix });
        const byType = compileFilter({ kind: 'type-prefix', prefix });
        expect(matchesFilter(byStream, event(whole, 'other'))).toBe(isBytePrefix(prefix, whole));
        expect(matchesFilter(byType, event('other', whole))).toBe(isBytePrefix(prefix, whole));
      }),
    );
  });
});

describe('regular expressions', () => {
  it('match anywhere unless anchored, the same when asked again', () => {
    const cases: [string, string, boolean][] = [
      ['der', 'order-1', true],
      ['^der', 'order-1', false],
      ['^order-[0-9]+$', 'order-12', true],
      ['^order-[0-9]+$', 'order-x', false],
      ['(?i)ORDER', 'order', true],
      ['^.$', '😀', true],
    ];
    for (const [pattern, input, expected] of cases) {
      const byStream = compileFilter({ kind: 'stream-regex', pattern });
      const byType = compileFilter({ kind: 'type-regex', pattern });
      for (let again = 0; again < 2; again++) {
        expect(matchesFilter(byStream, event(input, 'none')), pattern).toBe(expected);
        expect(matchesFilter(byType, event('none', input)), pattern).toBe(expected);
      }
    }
  });

  it('agree with the regular expressions of JavaScript on simple patterns', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(ab)*');
    const patterns = fc.array(fc.tuple(atom, fc.constantFrom('', '*', '?', '{2}')), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        patterns,
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 })),
        (parts, inputs) => {
          const pattern = parts.map(([one, repeat]) => (one.endsWith('*') ? one : one + repeat)).join('');
          const filter = compileFilter({ kind: 'type-regex', pattern });
          const naive = new RegExp(pattern);
          for (const input of inputs) expect(matchesFilter(filter, event('s', input))).toBe(naive.test(input));
        },
      ),
    );
  });

  it('are refused with the field and the reason when they are not RE2', () => {
    for (const pattern of ['(a', 'a{1001}', '\\1', '(?=a)', '[z-a]', '*']) {
      const error = failure({ kind: 'type-regex', pattern }, 'filter');
      expect(error.code, pattern).toBe('INVALID_ARGUMENT');
      expect(error.details).toMatchObject({ field: 'filter.type_regex' });
      expect(error.message).toMatch(/^filter\.type_regex is not RE2 syntax: ./);
    }
    expect(failure({ kind: 'stream-regex', pattern: '(' }, 'all.filter').details).toMatchObject({
      field: 'all.filter.stream_regex',
    });
  });

  it('are bounded in length: both sides', () => {
    expect(
      compileFilter({ kind: 'type-regex', pattern: `[${'a'.repeat(limits.regexBytes - 2)}]` }).cost,
    ).toBeGreaterThan(0);
    expect(failure({ kind: 'type-regex', pattern: `[${'a'.repeat(limits.regexBytes - 1)}]` }).message).toContain(
      '1025',
    );
    expect(failure({ kind: 'type-regex', pattern: '' }).message).toContain('1 to 1024 bytes');
    // Bytes, not characters.
    expect(failure({ kind: 'type-regex', pattern: `[${'é'.repeat(limits.regexBytes / 2)}]` }).message).toContain(
      '1026',
    );
  });

  it('are bounded in compiled size: both sides', () => {
    const fixed = compileFilter({ kind: 'type-regex', pattern: 'a' }).cost - 1;
    const largest = limits.regexInstructions - fixed;
    expect(compileFilter({ kind: 'type-regex', pattern: `a{${largest}}` }).cost).toBe(limits.regexInstructions);
    const error = failure({ kind: 'type-regex', pattern: `a{${largest + 1}}` });
    expect(error.message).toContain(`${limits.regexInstructions + 1} instructions`);
  });

  it('that would expand to very much are refused without being compiled', () => {
    for (const pattern of [
      `(${'a'.repeat(1000)}){1000}`,
      `(((${'a'.repeat(900)}){10}){10}){10}`,
      `(aaaa\\Q)\\E${'b'.repeat(900)}){1000}`,
      `([)]${'b'.repeat(900)}){1000}`,
      `([^])]${'b'.repeat(900)}){1000}`,
      `([[:alpha:])]${'b'.repeat(900)}){1000}`,
      `(\\)${'b'.repeat(900)}){1000}`,
    ]) {
      expect(failure({ kind: 'type-regex', pattern }).message, pattern.slice(0, 20)).toContain('its repeats expand');
    }
  });

  it('take linear time where backtracking would not end', () => {
    const filter = compileFilter({ kind: 'stream-regex', pattern: '^(a+)+$' });
    expect(matchesFilter(filter, event('a'.repeat(1000) + 'b'))).toBe(false);
  });

  it('have an estimate that is never far below their compiled size', () => {
    const atom = fc.constantFrom('a', '.', '[a-f]', '\\d', '\\pL', '\\.', '(?:xy)', '\\Qa)b\\E', '[]a]', '[[:digit:]]');
    const tree: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        atom,
        fc.tuple(tie('node'), tie('node')).map(([a, b]) => `${a}${b}`),
        fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`),
        fc.tuple(tie('node'), fc.constantFrom('?', '*', '{3}', '{2,5}', '{4,}')).map(([a, r]) => `(${a})${r}`),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (pattern) => {
        if (Buffer.byteLength(pattern) > limits.regexBytes) return;
        let compiled: CompiledFilter;
        try {
          compiled = compileFilter({ kind: 'type-regex', pattern });
        } catch {
          return;
        }
        expect(estimateInstructions(pattern) * 3 + 8).toBeGreaterThanOrEqual(compiled.cost);
      }),
    );
  });
});

describe('keys of filters', () => {
  it('are equal for filters that match the same, different otherwise', () => {
    const key = (filter: Filter): string => compileFilter(filter).key;
    const item = { types: ['a', 'b'], tags: ['x', 'y'] };
    const other = { types: [], tags: ['z'] };
    expect(key({ kind: 'query', query: { items: [item, other] } })).toBe(
      key({ kind: 'query', query: { items: [other, { types: ['b', 'a', 'a'], tags: ['y', 'x'] }, other] } }),
    );
    const keys = [
      key({ kind: 'stream-prefix', prefix: 'a' }),
      key({ kind: 'type-prefix', prefix: 'a' }),
      key({ kind: 'stream-regex', pattern: 'a' }),
      key({ kind: 'type-regex', pattern: 'a' }),
      key({ kind: 'query', query: { items: [{ types: ['a'], tags: [] }] } }),
      key({ kind: 'query', query: { items: [{ types: [], tags: ['a'] }] } }),
      key({ kind: 'query', query: { items: [{ types: ['a,b'], tags: [] }] } }),
      key({ kind: 'query', query: { items: [{ types: ['a', 'b'], tags: [] }] } }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('BoundedMemo', () => {
  it('answers as the function does, keeps the recent and stays within twice its capacity', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.integer({ min: 0, max: 12 })), (capacity, keys) => {
        let computed = 0;
        const memo = new BoundedMemo<number, number>(capacity, (key) => {
          computed += 1;
          return key * 2;
        });
        for (const key of keys) {
          expect(memo.get(key)).toBe(key * 2);
          const before = computed;
          expect(memo.get(key)).toBe(key * 2);
          expect(computed).toBe(before);
          expect(memo.size).toBeLessThanOrEqual(2 * capacity);
        }
        memo.clear();
        expect(memo.size).toBe(0);
      }),
    );
  });
});
