/**
 * Fills a small file system through the segment log and says what happened, as one JSON line: run by the full-disk test
 * in a mount namespace of its own. Argument: the directory where the file system is mounted.
 */
import fs from 'node:fs';

import { StoreError } from '../../src/domain/errors.ts';
import { DataDirectory } from '../../src/storage/data-directory.ts';
import { nodeFileSystem } from '../../src/storage/node-file-system.ts';
import { SegmentLog } from '../../src/storage/segment-log/segment-log.ts';

const mount = process.argv[2] ?? '';
const SEGMENT_BYTES = 128 << 10;

async function openLog(logId: number, texts: string[]): Promise<SegmentLog> {
  return SegmentLog.open({
    fileSystem: nodeFileSystem,
    directory: `${mount}/data/log`,
    logId,
    segmentBytes: SEGMENT_BYTES,
    visit: (payload) => texts.push(Buffer.from(payload).toString()),
  });
}

async function attempt(action: () => Promise<unknown>): Promise<{ code: string; message: string } | null> {
  try {
    await action();
    return null;
  } catch (error) {
    if (error instanceof StoreError) return { code: String(error.code), message: error.message };
    throw error;
  }
}

const directory = await DataDirectory.open({ path: `${mount}/data` });
const { logId } = directory.identity;
const log = await openLog(logId, []);
const acknowledged: string[] = [];
const whenFull = await attempt(async () => {
  for (let i = 0; i < 10_000; i++) {
    const text = `record ${i} `.padEnd(1000, 'x');
    await log.append([[Buffer.from(text)]]);
    acknowledged.push(text);
  }
});
const afterwards = await attempt(() => Promise.resolve().then(() => log.append([[Buffer.from('more')]])));
await log.close();
await directory.close();

const full: string[] = [];
const readWhileFull = await attempt(async () => {
  await (await openLog(logId, full)).close();
});
const newDirectory = await attempt(() => {
  fs.writeFileSync(`${mount}/filler`, '');
  try {
    for (;;) fs.appendFileSync(`${mount}/filler`, Buffer.alloc(4096));
  } catch {
    // Full to the last page.
  }
  return DataDirectory.open({ path: `${mount}/other` });
});
fs.unlinkSync(`${mount}/filler`);
fs.unlinkSync(`${mount}/ballast`);

const found: string[] = [];
const again = await openLog(logId, found);
const appendedAfterwards = await attempt(() => again.append([[Buffer.alloc(100_000, 1)], [Buffer.alloc(20_000, 2)]]));
await again.close();
const same = (texts: string[]): boolean => JSON.stringify(texts) === JSON.stringify(acknowledged);
console.log(
  JSON.stringify({
    acknowledged: acknowledged.length,
    whenFull,
    afterwards,
    readWhileFull,
    readSame: same(full),
    newDirectory,
    foundSame: same(found),
    appendedAfterwards,
  }),
);
