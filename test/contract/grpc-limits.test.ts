// Every limit of limits.ts over the wire, from both sides.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../src/client/index.ts';
import type { Filter, GraveyarClient, NewEvent } from '../../src/client/index.ts';
import { limits } from '../../src/domain/limits.ts';
import { startService } from '../support/grpc-service.ts';
import type { GrpcService } from '../support/grpc-service.ts';

const MiB = 1024 * 1024;

describe('limits over the wire', () => {
  let service: GrpcService;
  let client: GraveyarClient;
  let count = 0;
  beforeAll(async () => {
    service = await startService();
    client = service.client();
  });
  afterAll(() => service.stop());

  const stream = (): string => `limits-${++count}`;
  const append = (...events: NewEvent[]): Promise<unknown> => client.append(stream(), events);
  const read = (filter: Filter): Promise<unknown> => client.readAll({ filter, limit: 1 }).toArray();
  const times = <T>(n: number, make: (index: number) => T): T[] => Array.from({ length: n }, (_, index) => make(index));
  const item = { types: ['t'], tags: [] as string[] };

  /** At each limit a request is accepted, and one beyond it is refused naming the field. */
  const cases: [keyof typeof limits, number, string, (n: number) => Promise<unknown>][] = [
    ['streamIdBytes', limits.streamIdBytes, 'stream_id', (n) => client.append('i'.repeat(n), [{ type: 't' }])],
    ['eventTypeBytes', limits.eventTypeBytes, 'events[0].type', (n) => append({ type: 't'.repeat(n) })],
    [
      'contentTypeBytes',
      limits.contentTypeBytes,
      'events[0].content_type',
      (n) => append({ type: 't', contentType: 'c'.repeat(n) }),
    ],
    [
      'metadataBytes',
      limits.metadataBytes,
      'events[0].metadata',
      (n) => append({ type: 't', metadata: Buffer.alloc(n) }),
    ],
    [
      'tagsPerEvent',
      limits.tagsPerEvent,
      'events[0].tags',
      (n) => append({ type: 't', tags: times(n, (index) => `tag-${index}`) }),
    ],
    ['tagBytes', limits.tagBytes, 'events[0].tags[0]', (n) => append({ type: 't', tags: ['t'.repeat(n)] })],
    ['eventBytes', limits.eventBytes, 'events[0].data', (n) => append({ type: 't', data: Buffer.alloc(n) })],
    ['eventsPerAppend', limits.eventsPerAppend, 'events', (n) => append(...times(n, () => ({ type: 't' })))],
    [
      'streamsPerTransaction',
      limits.streamsPerTransaction,
      'appends',
      (n) => client.transaction(times(n, () => ({ streamId: stream(), events: [{ type: 't' }] }))),
    ],
    [
      'queryItems',
      limits.queryItems,
      'filter.query.items',
      (n) => read({ kind: 'query', query: { items: times(n, () => item) } }),
    ],
    [
      'queryItemTypes',
      limits.queryItemTypes,
      'filter.query.items[0].types',
      (n) => read({ kind: 'query', query: { items: [{ types: times(n, (index) => `t${index}`), tags: [] }] } }),
    ],
    [
      'queryItemTags',
      limits.queryItemTags,
      'filter.query.items[0].tags',
      (n) => read({ kind: 'query', query: { items: [{ types: [], tags: times(n, (index) => `t${index}`) }] } }),
    ],
    [
      'regexBytes',
      limits.regexBytes,
      'filter.type_regex',
      (n) => read({ kind: 'type-regex', pattern: `[${'a'.repeat(n - 2)}]` }),
    ],
    ['pageSize', limits.pageSize, 'page_size', (n) => client.listStreamsPage({ pageSize: n })],
  ];
  it.each(cases)('%s', async (_name, limit, field, run) => {
    await run(limit);
    const error: unknown = await run(limit + 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as InvalidArgumentError).field).toBe(field);
    expect((error as InvalidArgumentError).message.replaceAll(',', '')).toContain(String(limit));
  });

  it('appendBytes: 64 MiB in one append arrive, and are read back', async () => {
    const streamId = stream();
    const data = Buffer.alloc(limits.eventBytes - 1, 7);
    const events = times(4, () => ({ type: 't', data }));
    expect(events.length * limits.eventBytes).toBe(limits.appendBytes);
    await client.append(streamId, events);
    let bytes = 0;
    for await (const event of client.readStream(streamId)) bytes += event.data.length;
    expect(bytes).toBe(4 * data.length);
    // The types fill the append to the last byte; one more event of one byte is beyond.
    const error: unknown = await client.append(stream(), [...events, { type: 'x' }]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'events' });
  });

  it('requestBytes: a larger message is refused by the transport, before it is all there', async () => {
    const error: unknown = await client
      .append(
        stream(),
        times(5, () => ({ type: 't', data: Buffer.alloc(16 * MiB) })),
      )
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as InvalidArgumentError).field).toBe('request');
  });

  it('leave nothing behind', () => {
    expect(service.server.liveCalls).toBe(0);
    expect(service.errors).toEqual([]);
  });
});
