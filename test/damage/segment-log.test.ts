// Damage to the files of a segment log, on a real disk: the exact durable prefix or a clear refusal, never silent loss.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { StoreError } from '../../src/domain/errors.ts';
import { nodeFileSystem } from '../../src/storage/node-file-system.ts';
import { inspectSegmentLog } from '../../src/storage/segment-log/inspect.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/storage/segment-log/segment-header.ts';
import { SegmentLog } from '../../src/storage/segment-log/segment-log.ts';
import { eventually } from '../support/eventually.ts';
import { seededRandom } from '../support/memory-file-system.ts';

const LOG_ID = 11;
const SEGMENT_BYTES = 16 << 10;

let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'graveyar-damage-'));
});

afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

async function openLog(found: Map<number, string> = new Map()): Promise<SegmentLog> {
  return SegmentLog.open({
    fileSystem: nodeFileSystem,
    directory,
    logId: LOG_ID,
    segmentBytes: SEGMENT_BYTES,
    create: false,
    visit: (payload, number) => found.set(number, Buffer.from(payload).toString('latin1')),
  });
}

interface Written {
  readonly texts: readonly string[];
  /** End of the last frame in the last segment that holds records. */
  readonly end: number;
  readonly lastSegment: string;
  readonly offsets: readonly number[];
}

/** Writes records of about `length` bytes, each synced alone. With `close` the last one is marked as durable. */
async function write(count: number, length: number, close: boolean): Promise<Written> {
  const log = await SegmentLog.open({
    fileSystem: nodeFileSystem,
    directory,
    logId: LOG_ID,
    segmentBytes: SEGMENT_BYTES,
    visit: () => undefined,
  });
  const texts = Array.from({ length: count }, (_, i) => `record ${i} `.padEnd(length + (i % 7), 'x'));
  const places: { segment: number; offset: number }[] = [];
  for (const text of texts) {
    const { segment, offsets } = await log.append([[Buffer.from(text)]]);
    places.push({ segment, offset: offsets[0] ?? 0 });
  }
  const image = save();
  await log.close();
  if (!close) restore(image);
  const last = places.at(-1) ?? { segment: 1, offset: 0 };
  return {
    texts,
    end: last.offset + 24 + (texts.at(-1)?.length ?? 0),
    lastSegment: `${directory}/${String(last.segment).padStart(10, '0')}.segment`,
    offsets: places.filter(({ segment }) => segment === last.segment).map(({ offset }) => offset),
  };
}

function save(): Map<string, Buffer> {
  return new Map(fs.readdirSync(directory).map((name) => [name, fs.readFileSync(`${directory}/${name}`)]));
}

function restore(image: Map<string, Buffer>): void {
  for (const name of fs.readdirSync(directory)) if (!image.has(name)) fs.unlinkSync(`${directory}/${name}`);
  for (const [name, bytes] of image) fs.writeFileSync(`${directory}/${name}`, bytes);
}

/** What a start makes of the directory: the records, or the refusal; the inspection before it must say the same. */
async function start(): Promise<string[] | StoreError> {
  const inspection = await inspectSegmentLog(nodeFileSystem, directory, LOG_ID);
  const before = save();
  const found = new Map<number, string>();
  try {
    const log = await openLog(found);
    await log.close();
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError);
    expect(inspection.problems).toEqual([(error as StoreError).message]);
    expect(save(), 'a refusal changes nothing').toEqual(before);
    return error as StoreError;
  }
  expect(inspection.problems).toEqual([]);
  expect(inspection.records).toBe(found.size);
  const again = new Map<number, string>();
  await (await openLog(again)).close();
  expect(again, 'a second start finds the same').toEqual(found);
  return [...found.values()];
}

function flip(file: string, offset: number, bit: number): void {
  const descriptor = fs.openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  fs.readSync(descriptor, byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  fs.writeSync(descriptor, byte, 0, 1, offset);
  fs.closeSync(descriptor);
}

function expectClear(refusal: string[] | StoreError): void {
  expect(refusal).toMatchObject({ code: 'STORAGE_CORRUPT' });
  const { message } = refusal as StoreError;
  expect(message).toContain(directory);
  expect(message).toMatch(/restore the data directory from a backup/);
  expect(message).toMatch(/rejoin with an empty data directory/);
}

describe('damaged segment log', () => {
  it('refuses a file cut at any byte of its last records', async () => {
    const { end, lastSegment, offsets } = await write(20, 60, false);
    const whole = fs.readFileSync(lastSegment);
    for (let size = (offsets.at(-4) ?? 0) - 1; size <= end + 8; size++) {
      fs.writeFileSync(lastSegment, whole.subarray(0, size));
      expectClear(await start());
    }
  });

  it('keeps the exact prefix when what is behind any byte of the last record was never written', async () => {
    const { texts, end, lastSegment, offsets } = await write(20, 60, false);
    const image = save();
    for (let size = offsets.at(-1) ?? 0; size <= end; size++) {
      restore(image);
      const bytes = Buffer.from(image.get(path.basename(lastSegment)) ?? []);
      bytes.fill(0, size);
      fs.writeFileSync(lastSegment, bytes);
      expect(await start()).toEqual(size === end ? texts : texts.slice(0, -1));
    }
  });

  it('refuses every flipped bit in a record that later ones or a mark prove durable', async () => {
    const { lastSegment, offsets, end } = await write(12, 40, true);
    const image = save();
    const from = offsets.at(-3) ?? 0;
    const lengths = offsets.map((offset, i) => ({ offset, next: offsets[i + 1] ?? end }));
    for (let offset = from; offset < end; offset++) {
      const frame = lengths.find((one) => offset >= one.offset && offset < one.next);
      // The padding in front of the next frame is covered by nothing, and means nothing.
      const textEnd = (frame?.offset ?? 0) + 24 + readLength(image, lastSegment, frame?.offset ?? 0);
      if (offset >= textEnd) continue;
      restore(image);
      flip(lastSegment, offset, offset % 8);
      expectClear(await start());
    }
  });

  it('reads on behind a damaged mark, which has no record, in the middle and in front of the last group', async () => {
    const log = await SegmentLog.open({
      fileSystem: nodeFileSystem,
      directory,
      logId: LOG_ID,
      segmentBytes: SEGMENT_BYTES,
      visit: () => undefined,
    });
    const texts = Array.from({ length: 6 }, (_, i) => `record ${i} `.padEnd(40, 'x'));
    const offsets: number[] = [];
    for (const text of texts) {
      const { offsets: own } = await log.append([[Buffer.from(text)]]);
      const offset = own[0] ?? 0;
      offsets.push(offset);
      // An idle log takes a mark behind the group; the next group goes behind it.
      await eventually('the mark', () => {
        log.confirm();
        const behind = fs.readFileSync(`${directory}/0000000001.segment`).subarray(offset + 64, offset + 64 + 24);
        return behind.some((byte) => byte !== 0);
      });
    }
    const image = save();
    await log.close();
    const file = `${directory}/0000000001.segment`;
    for (const [i, group] of offsets.entries()) {
      if (i === 0) continue;
      expect(group - (offsets[i - 1] ?? 0), 'a record and a mark').toBe(64 + 24);
      for (let byte = group - 24; byte < group; byte++) {
        restore(image);
        flip(file, byte, byte % 8);
        expect(await start(), `byte ${byte} of the mark before record ${i + 1}`).toEqual(texts);
      }
    }
    restore(image);
    for (let byte = (offsets[5] ?? 0) - 24; byte < (offsets[5] ?? 0) + 30; byte++) flip(file, byte, 3);
    // The mark behind the last group proves that the group was there.
    expectClear(await start());
  });

  it('keeps the prefix or refuses for a flipped bit anywhere', async () => {
    const { texts } = await write(120, 250, false);
    const image = save();
    const random = seededRandom(20_261_123);
    const files = [...image.keys()];
    let refused = 0;
    for (let round = 0; round < 150; round++) {
      restore(image);
      const name = files[Math.floor(random() * files.length)] ?? '';
      const file = `${directory}/${name}`;
      flip(file, Math.floor(random() * (image.get(name)?.length ?? 0)), Math.floor(random() * 8));
      const outcome = await start();
      if (Array.isArray(outcome)) {
        // Only the last record may be missing: it is the one that nothing written later proves durable.
        expect(outcome).toEqual(texts.slice(0, outcome.length));
        expect(outcome.length).toBeGreaterThanOrEqual(texts.length - 1);
      } else {
        refused++;
        expectClear(outcome);
      }
    }
    expect(refused).toBeGreaterThan(20);
  });

  it('refuses a hole in front of synced records, naming file, byte and record', async () => {
    const { offsets, lastSegment } = await write(10, 100, false);
    const hole = offsets[5] ?? 0;
    const bytes = fs.readFileSync(lastSegment);
    bytes.fill(0, hole, hole + 512);
    fs.writeFileSync(lastSegment, bytes);
    const outcome = await start();
    expectClear(outcome);
    expect((outcome as StoreError).message).toContain(`${lastSegment} is damaged at byte ${hole}, record 6`);
  });

  it('cuts an unsynced group whose sectors reached the disk in another order, and never brings it back', async () => {
    const log = await SegmentLog.open({
      fileSystem: nodeFileSystem,
      directory,
      logId: LOG_ID,
      segmentBytes: SEGMENT_BYTES,
      visit: () => undefined,
    });
    await log.append([[Buffer.from('synced')]]);
    // One group of three batches: what a crash leaves of it is up to the disk.
    const places = await Promise.all(
      ['one', 'two', 'three'].map((text) => log.append([[Buffer.from(text.padEnd(40))]])),
    );
    const image = save();
    await log.close();
    restore(image);
    flip(`${directory}/0000000001.segment`, (places[0]?.offsets[0] ?? 0) + 30, 0);
    expect(await start()).toEqual(['synced']);
    const again = await openLog();
    await again.append([[Buffer.from('ONE'.padEnd(40))]]);
    await again.close();
    expect(await start()).toEqual(['synced', 'ONE'.padEnd(40)]);
  });

  it('refuses a missing, a foreign, a renamed and an unreadable segment', async () => {
    await write(300, 200, true);
    const image = save();
    const names = fs.readdirSync(directory).sort();
    expect(names.length).toBeGreaterThan(4);
    const [first = '', second = '', third = ''] = names;

    fs.unlinkSync(`${directory}/${second}`);
    expectClear(await start());

    restore(image);
    fs.writeFileSync(`${directory}/${second}`, image.get(third) ?? '');
    expectClear(await start());

    restore(image);
    fs.writeFileSync(`${directory}/${second}`, Buffer.alloc(SEGMENT_BYTES));
    expectClear(await start());

    restore(image);
    const blank = Buffer.from(image.get(first) ?? []);
    blank.fill(0, SEGMENT_HEADER_BYTES);
    fs.writeFileSync(`${directory}/${first}`, blank);
    expectClear(await start());

    restore(image);
    for (const name of names) fs.unlinkSync(`${directory}/${name}`);
    expectClear(await start());
  });

  it('refuses a newer format by its version, not as damage', async () => {
    await write(1, 10, true);
    const file = `${directory}/0000000001.segment`;
    const bytes = fs.readFileSync(file);
    bytes.writeUInt32LE(2, 8);
    const { checksum } = await import('../../src/storage/checksum.ts');
    bytes.writeUInt32LE(checksum(bytes.subarray(0, 32)), 32);
    fs.writeFileSync(file, bytes);
    await expect(openLog()).rejects.toMatchObject({
      code: 'STORAGE_FORMAT_TOO_NEW',
      details: { found: 2, supported: 1 },
    });
  });

  it('ignores and removes a segment that was being made', async () => {
    const { texts } = await write(5, 20, true);
    fs.writeFileSync(`${directory}/0000000002.segment.preparing`, Buffer.alloc(100, 7));
    expect(await start()).toEqual(texts);
    expect(fs.readdirSync(directory)).toEqual(['0000000001.segment']);
  });
});

function readLength(image: Map<string, Buffer>, file: string, offset: number): number {
  return image.get(path.basename(file))?.readUInt32LE(offset + 4) ?? 0;
}
