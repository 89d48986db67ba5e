/**
 * Import of many events into many streams through the real program, then a restart: `node test/bench/import.ts [events]
 * [streams]`. Prints one JSON line: seconds, bytes on disk, peak memory of the server, time until the restarted one serves.
 */
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../support/seeded-random.ts';
import { runGraveyar, startServerProcess } from '../support/server-process.ts';

const EVENT_BYTES = 256;
const LINES_AT_ONCE = 10_000;
const events = Number(process.argv[2] ?? 1_000_000);
const streams = Number(process.argv[3] ?? 10_000);

async function writeEvents(path: string): Promise<void> {
  const random = new SeededRandom(1);
  const file = createWriteStream(path);
  for (let n = 0; n < events; n += LINES_AT_ONCE) {
    const lines = Array.from({ length: Math.min(LINES_AT_ONCE, events - n) }, (_, at) => {
      const head = `{"n":${n + at},"text":"`;
      const data = `${head}${'x'.repeat(EVENT_BYTES - head.length - 2)}"}`;
      return `{"stream":"stream-${random.integer(streams)}","type":"thing-happened","data":${data}}\n`;
    });
    if (!file.write(lines.join(''))) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

function bytesIn(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(directory, name)))
    .reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0);
}

/** Peak resident memory in bytes; null where the system does not say. */
function peakMemory(pid: number): number | null {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) * 1024 : null;
  } catch {
    return null;
  }
}

const scratch = mkdtempSync(join(tmpdir(), 'graveyar-import-'));
try {
  const file = join(scratch, 'events.ndjson');
  const dataDirectory = join(scratch, 'data');
  await writeEvents(file);
  const server = await startServerProcess({ dataDirectory });
  const imported = await runGraveyar(['import', file, '--json', '--address', server.address], {
    timeoutMillis: 1_800_000,
  });
  if (imported.code !== 0) throw new Error(imported.stderr);
  const { seconds } = JSON.parse(imported.stdout) as { seconds: number };
  const peakBytes = peakMemory(server.pid);
  await server.stop();
  const startedAt = performance.now();
  const again = await startServerProcess({ dataDirectory });
  const restartSeconds = (performance.now() - startedAt) / 1000;
  const found = again.log.find(({ message }) => message === 'serving')?.['events'];
  if (found !== events) throw new Error(`the store has ${String(found)} events instead of ${events}`);
  await again.stop();
  console.log(
    JSON.stringify({
      bench: 'import',
      events,
      streams,
      eventBytes: EVENT_BYTES,
      seconds,
      eventsPerSecond: Math.round(events / seconds),
      diskBytes: bytesIn(dataDirectory),
      serverPeakBytes: peakBytes,
      restartSeconds,
    }),
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
