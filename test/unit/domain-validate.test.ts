// Every limit of an append, a query and a filter, from both sides, and the path that the error names.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamAppend } from '../../src/domain/append.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { ProposedEvent } from '../../src/domain/event.ts';
import { limits } from '../../src/domain/limits.ts';
import { validateStreamAppend, validateTransaction } from '../../src/domain/validate-append.ts';
import { validateFilter, validateQuery } from '../../src/domain/validate-query.ts';
import { validateStreamId } from '../../src/domain/validate-text.ts';
import { NOT_WELL_FORMED, utf8Length } from '../../src/lib/utf8-length.ts';
import { at, eventId, part, proposed, transaction } from '../support/events.ts';

/** The field that the INVALID_ARGUMENT names, or null when nothing is thrown. */
function refusedField(check: () => unknown): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof StoreError && error.is('INVALID_ARGUMENT')) {
      expect(error.message).toContain(error.details.field);
      return error.details.field;
    }
    throw error;
  }
}

function withEvent(overrides: Partial<ProposedEvent>): StreamAppend {
  return { ...part('s', [1]), events: [proposed(1), proposed(2, overrides)] };
}

function refusedEvent(overrides: Partial<ProposedEvent>): string | null {
  return refusedField(() => validateStreamAppend(withEvent(overrides)));
}

/** Text of exactly `bytes` bytes in characters of one, two, three or four bytes, filled up with one-byte ones. */
function textOf(bytes: number, character: string): string {
  const size = Buffer.byteLength(character);
  return character.repeat(Math.floor(bytes / size)) + 'x'.repeat(bytes % size);
}

const CHARACTERS = ['a', 'é', '漢', '😀'];

describe('utf8Length', () => {
  it('counts what an encoder writes, for every well-formed text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      }),
    );
  });

  it.each(['\ud800', 'a\udc00', '\ud800x', '\udc00\ud800'])('finds the lone surrogate in %j', (text) => {
    expect(utf8Length(text)).toBe(NOT_WELL_FORMED);
  });
});

describe('a stream id', () => {
  const refused = (streamId: string): string | null =>
    refusedField(() => validateStreamId(streamId, () => 'stream_id'));

  it.each(CHARACTERS)('has 1 to 1,024 bytes of UTF-8, of characters like %s', (character) => {
    expect(refused(character)).toBeNull();
    expect(refused(textOf(limits.streamIdBytes, character))).toBeNull();
    expect(refused(textOf(limits.streamIdBytes + 1, character))).toBe('stream_id');
  });

  it.each(['', 'a\u0000', '\n', 'a\u001fb', '\u007f', '\u0085', 'a\ud800', '\udfff'])('is not %j', (streamId) => {
    expect(refused(streamId)).toBe('stream_id');
  });

  it.each([' ', 'ü', '$all', 'a/b', '\u00a0'])('may be %j', (streamId) => {
    expect(refused(streamId)).toBeNull();
  });
});

describe('an event', () => {
  it('has a UUID of any case as its id, and gets the canonical one', () => {
    const upper = 'ABCDEF01-2345-6789-ABCD-EF0123456789';
    const validated = validateStreamAppend(withEvent({ id: upper }));
    expect(validated.events.map((event) => event.id)).toEqual([eventId(1), upper.toLowerCase()]);
  });

  it('is not copied when its id is canonical already', () => {
    const append = withEvent({});
    expect(validateStreamAppend(append)).toBe(append);
  });

  it.each([
    '',
    'x',
    '{ABCDEF01-2345-6789-ABCD-EF0123456789}',
    'abcdef0123456789abcdef0123456789',
    'abcdef01-2345-6789-abcd-ef012345678',
    'abcdef01-2345-6789-abcd-ef01234567890',
    'gbcdef01-2345-6789-abcd-ef0123456789',
    'abcdef01-2345-6789-abcd-ef012345678\u212a',
  ])('does not have the id %j', (id) => {
    expect(refusedEvent({ id })).toBe('events[1].id');
  });

  it.each(CHARACTERS)('has texts within their bytes, of characters like %s', (character) => {
    expect(refusedEvent({ type: textOf(limits.eventTypeBytes, character) })).toBeNull();
    expect(refusedEvent({ type: textOf(limits.eventTypeBytes + 1, character) })).toBe('events[1].type');
    expect(refusedEvent({ contentType: textOf(limits.contentTypeBytes, character) })).toBeNull();
    expect(refusedEvent({ contentType: textOf(limits.contentTypeBytes + 1, character) })).toBe(
      'events[1].content_type',
    );
    expect(refusedEvent({ tags: ['ok', textOf(limits.tagBytes, character)] })).toBeNull();
    expect(refusedEvent({ tags: ['ok', textOf(limits.tagBytes + 1, character)] })).toBe('events[1].tags[1]');
  });

  it('has a type, may be without content type, and has no empty tag', () => {
    expect(refusedEvent({ type: '' })).toBe('events[1].type');
    expect(refusedEvent({ contentType: '' })).toBeNull();
    expect(refusedEvent({ tags: [''] })).toBe('events[1].tags[0]');
    expect(refusedEvent({ type: '\ud800' })).toBe('events[1].type');
  });

  it('has at most 32 tags, none twice', () => {
    const tags = Array.from({ length: limits.tagsPerEvent + 1 }, (_, n) => `tag-${n}`);
    expect(refusedEvent({ tags: tags.slice(1) })).toBeNull();
    expect(refusedEvent({ tags })).toBe('events[1].tags');
    expect(refusedEvent({ tags: ['a', 'b', 'a'] })).toBe('events[1].tags[2]');
  });

  it('keeps metadata, and data with metadata, within their bytes', () => {
    const metadata = new Uint8Array(limits.metadataBytes);
    expect(refusedEvent({ metadata })).toBeNull();
    expect(refusedEvent({ metadata: new Uint8Array(limits.metadataBytes + 1) })).toBe('events[1].metadata');
    const data = new Uint8Array(limits.eventBytes - metadata.length);
    expect(refusedEvent({ data, metadata })).toBeNull();
    expect(refusedEvent({ data: new Uint8Array(data.length + 1), metadata })).toBe('events[1].data');
  });
});

describe('an append', () => {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

  it('has 1 to 10,000 events', () => {
    expect(refusedField(() => validateStreamAppend(part('s', [])))).toBe('events');
    expect(refusedField(() => validateStreamAppend(part('s', numbers(limits.eventsPerAppend))))).toBeNull();
    expect(refusedField(() => validateStreamAppend(part('s', numbers(limits.eventsPerAppend + 1))))).toBe('events');
  });

  it('has no event id twice, in whatever case', () => {
    const upper = proposed(9, { id: 'ABCDEF01-2345-6789-ABCD-EF0123456789' });
    const lower = { ...upper, id: upper.id.toLowerCase() };
    const append = { ...part('s', []), events: [upper, proposed(1), lower] };
    expect(refusedField(() => validateStreamAppend(append))).toBe('events[2].id');
  });

  it('counts data, metadata, types, content types and tags towards its bytes', () => {
    const tags = ['t'.repeat(100)];
    const fixed = { type: 'abc', contentType: 'de', metadata: new Uint8Array(7), tags };
    const full = Array.from({ length: 4 }, (_, n) =>
      proposed(n, { ...fixed, data: new Uint8Array(limits.eventBytes - 112) }),
    );
    expect(refusedField(() => validateStreamAppend({ ...part('s', []), events: full }))).toBeNull();
    const over = [
      ...full.slice(1),
      proposed(9, { ...fixed, type: 'abcd', data: new Uint8Array(limits.eventBytes - 112) }),
    ];
    expect(refusedField(() => validateStreamAppend({ ...part('s', []), events: over }))).toBe('events');
  });

  it.each([0, 1, Number.MAX_SAFE_INTEGER])('may expect revision %d', (revision) => {
    expect(refusedField(() => validateStreamAppend(part('s', [1], at(revision))))).toBeNull();
  });

  it.each([-1, 0.5, Number.NaN, Infinity, Number.MAX_SAFE_INTEGER + 1])('may not expect revision %d', (revision) => {
    const field = refusedField(() => validateStreamAppend(part('s', [1], at(revision)), 'append.'));
    expect(field).toBe('append.expected_version.revision');
  });
});

describe('a transaction', () => {
  const refused = (...parts: StreamAppend[]): string | null =>
    refusedField(() => validateTransaction(transaction(parts)));

  it('has 1 to 100 streams, each once', () => {
    const parts = Array.from({ length: limits.streamsPerTransaction + 1 }, (_, n) => part(`s-${n}`, [n]));
    expect(refused()).toBe('appends');
    expect(refused(...parts.slice(1))).toBeNull();
    expect(refused(...parts)).toBe('appends');
    expect(refused(part('a', [1]), part('b', [2]), part('a', [3]))).toBe('appends[2].stream_id');
  });

  it('keeps to the limits of one append in all', () => {
    const half = Array.from({ length: limits.eventsPerAppend / 2 }, (_, n) => n);
    expect(refused(part('a', half), part('b', half))).toBeNull();
    expect(refused(part('a', half), part('b', half), part('c', [1]))).toBe('appends[2].events');
    const big = Array.from({ length: 2 }, (_, n) => proposed(n, { data: new Uint8Array(limits.eventBytes) }));
    expect(refused({ ...part('a', []), events: big }, { ...part('b', []), events: big })).toBe('appends[1].events');
  });

  it('may have the same event id in two streams, and names the path of a bad one', () => {
    expect(refused(part('a', [1]), part('b', [1]))).toBeNull();
    expect(refused(part('a', [1]), { ...part('b', [1]), events: [proposed(1), proposed(2, { id: 'x' })] })).toBe(
      'appends[1].events[1].id',
    );
  });

  it('has a condition with a query within limits and a position', () => {
    const query = { items: [{ types: ['t'], tags: [] }] };
    const check = (afterPosition: number | null, items = query.items): string | null =>
      refusedField(() => validateTransaction(transaction([part('a', [1])], { query: { items }, afterPosition })));
    expect(check(null)).toBeNull();
    expect(check(0)).toBeNull();
    expect(check(-1)).toBe('condition.after_position');
    expect(check(1.5)).toBe('condition.after_position');
    expect(check(0, [])).toBe('condition.query.items');
  });
});

describe('a query', () => {
  const refused = (...items: { types: string[]; tags: string[] }[]): string | null =>
    refusedField(() => validateQuery({ items }, 'query'));
  const words = (count: number): string[] => Array.from({ length: count }, (_, n) => `w${n}`);

  it('has 1 to 32 items of at most 32 types and 32 tags, never both empty', () => {
    const item = { types: words(limits.queryItemTypes), tags: words(limits.queryItemTags) };
    expect(refused()).toBe('query.items');
    expect(refused(...Array.from({ length: limits.queryItems }, () => item))).toBeNull();
    expect(refused(...Array.from({ length: limits.queryItems + 1 }, () => item))).toBe('query.items');
    expect(refused(item, { ...item, types: words(33) })).toBe('query.items[1].types');
    expect(refused(item, { ...item, tags: words(33) })).toBe('query.items[1].tags');
    expect(refused(item, { types: [], tags: [] })).toBe('query.items[1]');
  });

  it('has types and tags that an event can have', () => {
    expect(refused({ types: ['x'.repeat(limits.eventTypeBytes)], tags: ['y'.repeat(limits.tagBytes)] })).toBeNull();
    expect(refused({ types: ['x'.repeat(limits.eventTypeBytes + 1)], tags: [] })).toBe('query.items[0].types[0]');
    expect(refused({ types: [], tags: ['a', ''] })).toBe('query.items[0].tags[1]');
  });
});

describe('a filter', () => {
  it.each([
    ['stream-prefix', 'prefix', limits.streamIdBytes, 'filter.stream_prefix'],
    ['type-prefix', 'prefix', limits.eventTypeBytes, 'filter.type_prefix'],
    ['type-regex', 'pattern', limits.regexBytes, 'filter.type_regex'],
    ['stream-regex', 'pattern', limits.regexBytes, 'filter.stream_regex'],
  ] as const)('of kind %s has text within its bytes', (kind, key, max, path) => {
    const refused = (text: string): string | null =>
      refusedField(() => {
        validateFilter({ kind, [key]: text } as never, 'filter');
      });
    expect(refused('')).toBe(path);
    expect(refused('a')).toBeNull();
    expect(refused('a'.repeat(max))).toBeNull();
    expect(refused('a'.repeat(max + 1))).toBe(path);
  });

  it('of kind query names the path in the query', () => {
    const check = (): void => {
      validateFilter({ kind: 'query', query: { items: [] } }, 'filter');
    };
    expect(refusedField(check)).toBe('filter.query.items');
  });
});
