// Events as lines: what is exported comes back byte for byte, ids are stable, mistakes are named.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatEventLine, lineId, parseEventLine } from '../../src/cli/event-line.ts';
import { rawMembers } from '../../src/cli/raw-members.ts';

const ID = '00000000-0000-4000-8000-000000000001';
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const lineOf = (members: object): string => JSON.stringify({ stream: 's', type: 't', id: ID, ...members });

describe('event lines', () => {
  it('take JSON data exactly as written', () => {
    const line = `{"stream":"s","data": {"n":12345678901234567890, "x" : [1.0,"a,}"]} ,"type":"t","id":"${ID}"}`;
    const { stream, event } = parseEventLine(line, 1);
    expect([stream, event.type, event.id, event.contentType]).toEqual(['s', 't', ID, 'application/json']);
    expect(text(event.data)).toBe('{"n":12345678901234567890, "x" : [1.0,"a,}"]}');
  });

  it('take text and bytes, and say what they are', () => {
    expect(parseEventLine(lineOf({ dataText: 'ä\n' }), 1).event).toMatchObject({ contentType: 'text/plain' });
    expect(text(parseEventLine(lineOf({ dataText: 'ä\n' }), 1).event.data)).toBe('ä\n');
    const bytes = parseEventLine(lineOf({ dataBase64: '/wA=', metadata: { a: 1 }, tags: ['x'] }), 1).event;
    expect([...bytes.data]).toEqual([255, 0]);
    expect(text(bytes.metadata)).toBe('{"a":1}');
    expect([bytes.contentType, bytes.tags]).toEqual(['application/octet-stream', ['x']]);
    expect(parseEventLine(lineOf({}), 1).event).toMatchObject({ contentType: '', data: new Uint8Array(0) });
  });

  it('give a line without an id one that depends on its number and text', () => {
    const line = '{"stream":"s","type":"t"}';
    const { id } = parseEventLine(line, 7).event;
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(id).toBe(lineId(line, 7));
    expect(new Set([id, lineId(line, 8), lineId(`${line} `, 7)]).size).toBe(3);
    // Pinned: a later version must make the same ids, or importing a file again would append it again.
    expect(lineId('{}', 1)).toBe('2abb7496-35de-8a7f-9d45-ce3a27636ef3');
  });

  it.each([
    ['{', 'not valid JSON'],
    ['[]', 'not a JSON object'],
    ['{"type":"t"}', '"stream" is missing'],
    ['{"stream":1,"type":"t"}', '"stream" must be text'],
    ['{"steam":"s","type":"t"}', 'there is no field "steam"'],
    ['{"stream":"s","type":"t","dataText":"\\ud800"}', '"dataText" has half a surrogate pair'],
    ['{"stream":"s","type":"t","tags":"x"}', '"tags" must be a list of text'],
    ['{"stream":"s","type":"t","data":1,"dataText":"x"}', '"data" and "dataText" exclude each other'],
    ['{"stream":"s","type":"t","dataBase64":"a"}', '"dataBase64" is not base64'],
  ])('refuse %s', (line, reason) => {
    expect(() => parseEventLine(line, 1)).toThrow(reason);
  });

  it('come back as the same event, whatever the bytes', () => {
    const json = fc.json().map((value) => Buffer.from(value));
    const payload = fc.oneof(
      json,
      fc.string({ unit: 'binary' }).map((value) => Buffer.from(value)),
      fc.uint8Array(),
    );
    const event = fc.record({
      id: fc.uuid(),
      type: fc.string({ minLength: 1 }),
      contentType: fc.string(),
      tags: fc.uniqueArray(fc.string({ unit: 'grapheme' })),
      data: payload,
      metadata: payload,
    });
    fc.assert(
      fc.property(event, fc.string(), (proposed, streamId) => {
        const line = formatEventLine({ ...proposed, streamId, revision: 1, position: 2, createdAt: 3_000_000 });
        expect(line).not.toContain('\n');
        const back = parseEventLine(line, 1);
        expect(back.stream).toBe(streamId);
        expect({ ...back.event, data: [...back.event.data], metadata: [...back.event.metadata] }).toEqual({
          ...proposed,
          data: [...proposed.data],
          metadata: [...proposed.metadata],
        });
      }),
    );
  });
});

describe('raw members', () => {
  it('find the text of every value of any object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (object, indent) => {
        const found = rawMembers(JSON.stringify(object, null, indent));
        const parsed = [...found].map(([name, raw]) => [name, JSON.parse(raw) as unknown]);
        expect(new Map(parsed as [string, unknown][])).toEqual(
          new Map(Object.entries(JSON.parse(JSON.stringify(object)) as object)),
        );
      }),
    );
  });
});
