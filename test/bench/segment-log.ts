/**
 * How many groups of records a second the segment log makes durable, and how fast it is read back at a start:
 * `node test/bench/segment-log.ts [--seconds 3] [--records 100] [--bytes 270] [--in-flight 1]`. Prints one JSON line.
 *
 * Beside it, in the same run on the same disk, a bare loop that writes the same bytes into a preallocated file and syncs
 * it: the ratio says what the log costs on top of the disk.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { nodeFileSystem } from '../../src/storage/node-file-system.ts';
import { SegmentLog } from '../../src/storage/segment-log/segment-log.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    records: { type: 'string', default: '100' },
    bytes: { type: 'string', default: '270' },
    'in-flight': { type: 'string', default: '1' },
  },
});
const seconds = Number(values.seconds);
const records = Number(values.records);
const bytes = Number(values.bytes);
const inFlight = Number(values['in-flight']);

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'graveyar-bench-'));
const batch = Array.from({ length: records }, (_, i) => [new Uint8Array(bytes).fill(i + 1)]);

interface Figures {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

async function measure(concurrency: number, action: () => Promise<unknown>): Promise<Figures> {
  const latencies: number[] = [];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const worker = async (): Promise<void> => {
    for (let now = performance.now(); now < end;) {
      await action();
      const after = performance.now();
      latencies.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const elapsed = (performance.now() - begin) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => Number((latencies[Math.floor(share * (latencies.length - 1))] ?? 0).toFixed(3));
  return { perSecond: Math.round(latencies.length / elapsed), p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

async function bareLoop(): Promise<Figures> {
  const size = 64 << 20;
  const file = await nodeFileSystem.open(`${directory}/bare`, 'create');
  await file.preallocate(size);
  const chunk = new Uint8Array(Math.ceil((records * (24 + bytes)) / 8) * 8).fill(7);
  let offset = 0;
  const figures = await measure(1, async () => {
    if (offset + chunk.length > size) offset = 0;
    await file.write([chunk], offset);
    await file.datasync();
    offset += chunk.length;
  });
  await file.close();
  return figures;
}

try {
  const bare = await bareLoop();
  fs.mkdirSync(`${directory}/log`);
  const options = { fileSystem: nodeFileSystem, directory: `${directory}/log`, logId: 1 };
  const log = await SegmentLog.open({ ...options, visit: () => undefined });
  const appends = await measure(inFlight, () => log.append(batch, () => []));
  const status = log.status();
  await log.close();

  let visited = 0;
  const begin = performance.now();
  const reopened = await SegmentLog.open({ ...options, visit: () => visited++ });
  const openMs = performance.now() - begin;
  await reopened.close();
  const result = {
    benchmark: 'segment-log',
    records,
    bytes,
    inFlight,
    appends,
    recordsPerSecond: appends.perSecond * records,
    groups: status.groups,
    bare,
    ratioToBare: Number((appends.perSecond / bare.perSecond).toFixed(3)),
    reopen: { records: visited, ms: Math.round(openMs), recordsPerSecond: Math.round((visited / openMs) * 1000) },
  };
  console.log(JSON.stringify(result));
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
