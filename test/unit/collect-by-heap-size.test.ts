/** Whether the flag that the server sets is one that this Node knows, and does what it is set for. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/source-tree.ts';

const MODULE = join(ROOT, 'src', 'cli', 'serve', 'collect-by-heap-size.ts');

/** Makes 1 GiB of buffers, of which 1 MiB is in use at a time, beside 60 MB of objects that stay. Prints how often the whole heap was marked. */
const PROGRAM = `
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
const objects = Array.from({ length: 500_000 }, (_, index) => ({ index, text: 'entry ' + index }));
let marked = 0;
const observer = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) marked++;
});
observer.observe({ entryTypes: ['gc'] });
const inUse = Array.from({ length: 16 });
for (let made = 0; made < 16_384; made++) {
  inUse[made % 16] = Buffer.alloc(65_536, made);
  if (made % 16 === 0) await setImmediate();
}
await setImmediate();
console.log(objects.length === 500_000 && inUse.length === 16 ? marked : 'lost');
`;

test('a server marks its heap when that has grown, not whenever it has made 64 MiB of buffers', () => {
  const before = majorCollections('');
  const after = majorCollections(`import { collectByHeapSize } from ${JSON.stringify(MODULE)}; collectByHeapSize();`);
  expect(before, 'as V8 comes').toBeGreaterThanOrEqual(5);
  expect(after, 'as a server runs').toBeLessThanOrEqual(before / 2);
});

function majorCollections(first: string): number {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', first + PROGRAM], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^\d+\n$/);
  return Number(stdout);
}
