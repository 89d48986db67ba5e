// The scenarios hold on the core as it is, and a sample of the planted faults is caught; `npm run test:faults` does all.
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { huntAll } from './hunt-all.ts';
import { SCENARIOS } from './scenarios.ts';
import { FAULTS } from './table.ts';

const ROOT = new URL('../../', import.meta.url);
/** One of each kind, and quick to catch. */
const SAMPLE = [
  'commit-older-term-by-count',
  'configuration-kept-over-snapshot',
  'group-not-synced',
  'hint-ignored',
  'in-flight-duplicate-unseen',
  'read-does-not-wait-for-apply',
];

describe('scenarios', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    it(name, async () => {
      const work = async (): Promise<void> => scenario();
      await expect(work()).resolves.toBeUndefined();
    });
  }
});

describe('planted faults', () => {
  it('have names of their own', () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
  });

  it.each(FAULTS)('$name can be planted', ({ file, find, replace }) => {
    const source = readFileSync(new URL(file, ROOT), 'utf8');
    expect(source.split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
  });

  it('are caught (a sample)', { timeout: 120_000 }, async () => {
    const faults = FAULTS.filter(({ name }) => SAMPLE.includes(name));
    const rows = await huntAll(faults, () => undefined);
    expect(rows.filter(({ result }) => !result.caught)).toEqual([]);
    expect(rows).toHaveLength(SAMPLE.length);
  });
});
