// The short form of the end-to-end run on real pods: each of its phases must end well, with nothing lost and nothing twice.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MOST_IMAGE_BYTES } from '../support/kubernetes/image/build-image.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { phases } from './phases.ts';
import type { PhaseReport, Report } from './report.ts';

/** Programs and images may be built first, once. */
const RUN_MILLIS = 60 * 60_000;
const RUNNER = fileURLToPath(new URL('run-kubernetes.ts', import.meta.url));

let directory: TemporaryDirectory;
let report: Report | null = null;

beforeAll(async () => {
  directory = await temporaryDirectory();
  const file = join(directory.path, 'report.json');
  const child = spawn(process.execPath, [RUNNER, '--short', '--report', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: RUN_MILLIS,
  });
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (existsSync(file)) report = JSON.parse(readFileSync(file, 'utf8')) as Report;
}, RUN_MILLIS);

afterAll(() => directory.remove());

describe('on Kubernetes', () => {
  it.each(phases('short').map(({ name }) => name))('%s', (name) => {
    const found = report?.phases.find((phase) => phase.name === name);
    // A phase after one that failed is not run.
    const well: Partial<PhaseReport> = { name, failure: '', lost: 0, duplicated: 0 };
    expect(found ?? 'not run').toMatchObject(well);
  });

  it('the image is not larger than it has to be', () => {
    expect(report?.imageBytes ?? Infinity).toBeLessThanOrEqual(MOST_IMAGE_BYTES);
  });

  it('appends are acknowledged in every phase that the store is up in', () => {
    // The client begins when the first member serves, which is at the end of the first phase.
    const without = report?.phases.slice(1).filter(({ acknowledged }) => acknowledged === 0);
    expect(without?.map(({ name }) => name)).toEqual([]);
  });
});
