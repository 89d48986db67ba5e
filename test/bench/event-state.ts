/**
 * How fast the event state over RocksDB applies groups and reads them back, without gRPC, pipeline and log. Prints one line of
 * JSON. Usage: node test/bench/event-state.ts [single-event appends, default 500000]
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecidedAppend } from '../../src/domain/append.ts';
import { EventState } from '../../src/storage/event-state/event-state.ts';
import { decodeGroup, encodeGroup } from '../../src/storage/group.ts';
import { RocksKeyValue } from '../../src/storage/rocks/rocks-key-value.ts';
import type { StoredAppend } from '../../src/storage/stored-append.ts';

const STREAMS = 10_000;
const DATA = Buffer.alloc(200, '{"some":"json"}');

class Writer {
  readonly #state: EventState;
  readonly #heads = new Map<string, { streamNumber: number; next: number }>();
  #position = 0;
  encodeMillis = 0;

  constructor(state: EventState) {
    this.#state = state;
  }

  async group(records: number, events: number): Promise<void> {
    const start = performance.now();
    const appends: DecidedAppend[] = [];
    for (let i = 0; i < records; i += 1) {
      const streamId = `stream-${Math.floor(Math.random() * STREAMS)}`;
      const head = this.#heads.get(streamId) ?? { streamNumber: this.#position, next: 0 };
      appends.push({
        streamId,
        streamNumber: head.streamNumber,
        firstRevision: head.next,
        firstPosition: this.#position,
        createdAt: Date.now() * 1000,
        events: Array.from({ length: events }, () => ({
          id: randomUUID(),
          type: 'order-placed',
          data: DATA,
          contentType: 'application/json',
          metadata: new Uint8Array(0),
          tags: [],
        })),
      });
      this.#heads.set(streamId, { ...head, next: head.next + events });
      this.#position += events;
    }
    const decided = performance.now();
    const { bytes } = encodeGroup(appends);
    this.encodeMillis += performance.now() - decided;
    // As on a follower: the group comes as bytes.
    const group = decodeGroup(bytes);
    outside += performance.now() - start;
    await this.#state.apply([{ index: this.#state.appliedIndex + 1, term: 1, group }]);
  }
}

/** Milliseconds spent on making what is measured. */
let outside = 0;

async function perSecond(count: number, action: () => Promise<unknown>): Promise<number> {
  outside = 0;
  const start = performance.now();
  await action();
  return Math.round((count * 1000) / (performance.now() - start - outside));
}

async function drain(chunks: AsyncIterable<readonly StoredAppend[]>): Promise<number> {
  let events = 0;
  for await (const appends of chunks) for (const append of appends) events += append.count;
  return events;
}

async function run(path: string, singles: number): Promise<Record<string, number>> {
  const options = JSON.parse(process.env['ROCKS_OPTIONS'] ?? '{}') as object;
  let state = await EventState.open(await RocksKeyValue.open(path, options));
  const writer = new Writer(state);
  const figures: Record<string, number> = {};
  figures['apply_single_events_per_s'] = await perSecond(singles, async () => {
    for (let i = 0; i < singles / 500; i += 1) await writer.group(500, 1);
  });
  figures['encode_single_events_per_s'] = Math.round((singles * 1000) / writer.encodeMillis);
  figures['read_all_single_events_per_s'] = await perSecond(singles, () => drain(state.readAll(0, 'forwards')));
  const batched = singles * 2;
  figures['apply_batches_of_100_events_per_s'] = await perSecond(batched, async () => {
    for (let i = 0; i < batched / 500; i += 1) await writer.group(5, 100);
  });
  figures['flush_ms'] = await perSecond(1, () => state.flush()).then((rate) => (rate === 0 ? 1000 : 1000 / rate));
  const from = singles;
  figures['read_all_batches_events_per_s'] = await perSecond(batched, () => drain(state.readAll(from, 'forwards')));
  figures['read_all_backwards_events_per_s'] = await perSecond(singles + batched, () =>
    drain(state.readAll(Number.MAX_SAFE_INTEGER, 'backwards')),
  );
  let events = 0;
  const start = performance.now();
  for (let i = 0; i < 1000; i += 1) events += await drain(state.readStream(`stream-${i}`, 0, 'forwards'));
  figures['read_stream_events_per_s'] = Math.round((events * 1000) / (performance.now() - start));
  figures['read_streams_per_s'] = Math.round(1_000_000 / (performance.now() - start));
  figures['decision_lookups_per_s'] = await perSecond(100_000, async () => {
    for (let i = 0; i < 200; i += 1) {
      const streams = new Map(
        Array.from({ length: 500 }, (_, n) => [`stream-${(i * 500 + n) % STREAMS}`, [randomUUID()]]),
      );
      await state.loadForDecision({ streams, conditions: [] });
    }
  });
  const gauges = await state.gauges();
  await state.close();
  const opening = performance.now();
  state = await EventState.open(await RocksKeyValue.open(path, options));
  figures['open_ms'] = Math.round(performance.now() - opening);
  await state.close();
  figures['rss_mb'] = Math.round(process.memoryUsage().rss / 2 ** 20);
  return { ...figures, ...Object.fromEntries(gauges) };
}

const directory = await mkdtemp(join(tmpdir(), 'graveyar-bench-'));
try {
  console.log(JSON.stringify(await run(join(directory, 'state'), Number(process.argv[2] ?? 500_000))));
} finally {
  await rm(directory, { recursive: true, force: true });
}
