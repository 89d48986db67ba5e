// A short chaos run on real processes, as in `npm run chaos`: whatever happens to them, the history must be explainable.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/source-tree.ts';
import { checkHistory } from './checker/check-history.ts';
import { parseHistory, parseLog } from './checker/history.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1e9));

interface Report {
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly faults: readonly { readonly times: number }[];
}

async function runChaos(
  directory: string,
  ...flags: readonly string[]
): Promise<{ code: number | null; output: string }> {
  const script = join(ROOT, 'test', 'chaos', 'run-chaos.ts');
  const args = [script, '--seed', String(seed), '--directory', directory, ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

describe(`chaos, CHAOS_SEED=${seed}`, () => {
  it.for([
    { nodes: '1', minutes: '0.2' },
    { nodes: '3', minutes: '0.6' },
  ])('survives with $nodes nodes', { timeout: 900_000 }, async ({ nodes, minutes }) => {
    const directory = mkdtempSync(join(tmpdir(), 'graveyar-chaos-'));
    try {
      const { code, output } = await runChaos(directory, '--nodes', nodes, '--minutes', minutes);
      expect(code, output).toBe(0);
      const report = JSON.parse(readFileSync(join(directory, 'report.json'), 'utf8')) as Report;
      expect(report.violations).toEqual([]);
      expect(report.acknowledged).toBeGreaterThan(0);
      expect(report.faults.some(({ times }) => times > 0)).toBe(true);
      // What was kept is enough to judge again, and the judge would have seen a lost append.
      const lines = parseHistory(readFileSync(join(directory, 'history.jsonl'), 'utf8'));
      const log = parseLog(readFileSync(join(directory, 'n1.log.jsonl'), 'utf8'));
      expect(checkHistory(lines, new Map([['n1', log]]))).toEqual([]);
      const acknowledged = lines.findLast(({ op, result }) => op === 'append' && result === 'ok')?.ids?.at(-1);
      const shorter = log.slice(
        0,
        log.findIndex(({ id }) => id === acknowledged),
      );
      const found = checkHistory(lines, new Map([['n1', shorter]])).map(({ kind }) => kind);
      expect(found).toContain('lost append');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
