// The commands as a user meets them: a real server, the real program, what it prints and how it ends.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnvironment, graveyarArguments, runGraveyar, startServerProcess } from '../support/server-process.ts';
import type { CommandResult, ServerProcess } from '../support/server-process.ts';

let scratch: string;
let server: ServerProcess;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'graveyar-cli-'));
  server = await startServerProcess({ dataDirectory: join(scratch, 'data') });
});
afterAll(async () => {
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
});

function graveyar(args: readonly string[], input?: string): Promise<CommandResult> {
  const env = { GRAVEYAR_ADDRESS: server.address };
  return runGraveyar(args, input === undefined ? { env } : { env, input });
}

const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('append and read', () => {
  it('appends from flags and reads back', async () => {
    const appended = await graveyar([
      'append',
      'a-1',
      '--type',
      'placed',
      '--data',
      '{"total": 10}',
      '--tag',
      'vip',
      '--expect',
      'none',
    ]);
    expect([appended.code, appended.stderr]).toEqual([0, '']);
    expect(appended.stdout).toMatch(/^appended: a-1, revision 0, position \d+\n$/);
    const read = await graveyar(['read', 'a-1', '--json']);
    expect(lines(read.stdout)).toMatchObject([
      {
        stream: 'a-1',
        revision: 0,
        type: 'placed',
        contentType: 'application/json',
        data: { total: 10 },
        tags: ['vip'],
      },
    ]);
    expect(read.stdout).toContain('"data":{"total": 10}');
    const shown = await graveyar(['read', 'a-1']);
    expect(shown.stdout.split('\n')[0]).toMatch(/position +revision +created +stream +type +data/);
    expect(shown.stdout.split('\n')[1]).toMatch(/ 0 +20\S+Z +a-1 +placed +\{"total": 10\}$/);
  });

  it('appends lines from standard input as one append', async () => {
    const input = '{"type":"x","dataText":"1"}\n\n{"stream":"a-2","type":"y"}\n';
    const appended = await graveyar(['append', 'a-2', '--json'], input);
    expect(JSON.parse(appended.stdout)).toMatchObject({ firstRevision: 0, lastRevision: 1, duplicate: false });
    const again = await graveyar(['append', 'a-2', '--json'], input);
    expect(JSON.parse(again.stdout)).toMatchObject({ firstRevision: 0, lastRevision: 1, duplicate: true });
    const wrong = await graveyar(['append', 'a-2'], '{"stream":"other","type":"x"}');
    expect([wrong.code, wrong.stderr]).toEqual([2, 'graveyar: line 1: it is for the stream "other"\n']);
  });

  it('reads backwards, limited and filtered', async () => {
    for (const n of [0, 1, 2]) await graveyar(['append', 'b-1', '--type', `t${n}`, '--data', String(n)]);
    const backwards = await graveyar(['read', 'b-1', '--backwards', '--limit', '2', '--json']);
    expect(lines(backwards.stdout).map(({ type }) => type)).toEqual(['t2', 't1']);
    const filtered = await graveyar(['read', '--all', '--stream-prefix', 'b-', '--json']);
    expect(lines(filtered.stdout).map(({ data }) => data)).toEqual([0, 1, 2]);
    const byType = await graveyar(['read', '--all', '--type', 't1', '--json']);
    expect(lines(byType.stdout).map(({ stream }) => stream)).toEqual(['b-1']);
  });

  it('says what is wrong, and ends with the documented code', async () => {
    const conflict = await graveyar(['append', 'a-1', '--type', 'x', '--expect', '7']);
    expect(conflict.code).toBe(9);
    expect(conflict.stderr).toMatch(/^graveyar: stream "a-1" is not at the expected version: .*\n$/);
    const missing = await graveyar(['read', 'no-such-stream']);
    expect([missing.code, missing.stderr]).toEqual([10, 'graveyar: stream "no-such-stream" does not exist\n']);
    const invalid = await graveyar(['append', 'a-1', '--type', 'x', '--id', 'no-uuid']);
    expect(invalid.code).toBe(2);
    expect(invalid.stderr).toContain('events[0].id');
    const usage = await graveyar(['read']);
    expect([usage.code, usage.stderr]).toEqual([2, 'graveyar: give either a stream or --all\n']);
    const unknown = await graveyar(['reed']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('read');
    const away = await graveyar(['streams', '--address', '127.0.0.1:1', '--timeout', '2s']);
    expect(away.code).toBe(8);
    expect(away.stderr).toMatch(/^graveyar: .*cannot reach 127\.0\.0\.1:1: connection refused\n$/);
  });

  it('lists streams', async () => {
    const listed = await graveyar(['streams', '--prefix', 'a-', '--json']);
    expect(lines(listed.stdout).map(({ stream }) => stream)).toEqual(['a-1', 'a-2']);
    const table = await graveyar(['streams', '--prefix', 'a-']);
    expect(table.stdout).toMatch(/^stream +events +first position +last position\na-1 +1 /);
  });

  it('follows what comes next until it is told to stop', { timeout: 120_000 }, async () => {
    const tail = spawn(process.execPath, graveyarArguments('tail', 'c-1', '--from-start', '--json'), {
      env: cleanEnvironment({ GRAVEYAR_ADDRESS: server.address }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<number | null>((resolve) => tail.once('close', resolve));
    let seen = '';
    const types = (): unknown[] => lines(seen.slice(0, seen.lastIndexOf('\n') + 1)).map(({ type }) => type);
    const saw = (count: number) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (types().length >= count) resolve();
        };
        tail.stdout.on('data', look);
        look();
      });
    tail.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text));
    await graveyar(['append', 'c-1', '--type', 'first']);
    await saw(1);
    await graveyar(['append', 'c-1', '--type', 'second']);
    await saw(2);
    tail.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(types()).toEqual(['first', 'second']);
  });
});

describe('a server that cannot be reached', () => {
  it('ends every command soon, and is named', async () => {
    const commands = ['append', 'import', 'read', 'tail', 'export', 'streams'];
    const args: Record<string, string[]> = { append: ['s', '--type', 't'], import: ['-'], read: ['s'], export: ['-'] };
    const results = await Promise.all(
      commands.map((command) =>
        // Killed long before the deadline of a call.
        runGraveyar([command, ...(args[command] ?? []), '--address', '127.0.0.1:1'], {
          input: '{"stream":"s","type":"t"}\n',
          timeoutMillis: 25_000,
        }),
      ),
    );
    for (const { code, stderr } of results) {
      expect([code, stderr.split('\n')[0]]).toEqual([8, 'graveyar: cannot reach 127.0.0.1:1: connection refused']);
    }
  });
});

describe('every command', () => {
  const commands = ['serve', 'append', 'read', 'tail', 'streams', 'import', 'export', 'check', 'bench'];
  it.each(commands)('%s has help with examples', async (command) => {
    const help = await runGraveyar([command, '--help']);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('Examples:');
    expect(help.stdout).toContain(`graveyar ${command}`);
  });
});

describe('import and export', () => {
  it('bring events out and in again unchanged, also after an interruption', { timeout: 180_000 }, async () => {
    const source = Array.from({ length: 5000 }, (_, n) =>
      JSON.stringify({ stream: `io-${n % 50}`, type: 'n', data: { n }, ...(n % 10 === 0 ? { tags: ['ten'] } : {}) }),
    );
    const file = join(scratch, 'in.ndjson');
    writeFileSync(file, `${source.join('\n')}\n`);
    const first = await graveyar(['import', file, '--json']);
    expect(JSON.parse(first.stdout)).toMatchObject({ events: 5000, duplicates: 0 });
    const again = await graveyar(['import', '-', '--json'], readFileSync(file, 'utf8'));
    expect(JSON.parse(again.stdout)).toMatchObject({ events: 5000, duplicates: 5000 });

    const out = join(scratch, 'out.ndjson');
    expect((await graveyar(['export', out, '--stream-prefix', 'io-'])).code).toBe(0);
    const exported = readFileSync(out, 'utf8');
    expect(lines(exported)).toHaveLength(5000);
    const inFirst = lines(exported).filter(({ stream }) => stream === 'io-0');
    expect(inFirst.map(({ data }) => (data as { n: number }).n)).toEqual(Array.from({ length: 100 }, (_, n) => n * 50));
    expect((await graveyar(['export', out])).code).toBe(2);
    truncateSync(out, exported.length / 2);
    expect((await graveyar(['export', out, '--stream-prefix', 'io-', '--resume'])).code).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(exported);

    const other = await startServerProcess({ dataDirectory: join(scratch, 'other') });
    try {
      expect((await graveyar(['import', out, '--address', other.address])).code).toBe(0);
      const copy = await graveyar(['export', '-', '--address', other.address]);
      const strip = (text: string): unknown[] =>
        lines(text)
          .map((line): Record<string, unknown> => ({ ...line, position: null, createdAt: null }))
          .sort((a, b) => String(a['id']).localeCompare(String(b['id'])));
      expect(strip(copy.stdout)).toEqual(strip(exported));
    } finally {
      await other.stop();
    }
  });

  it('name the line of a mistake', async () => {
    const wrong = await graveyar(['import', '-'], '{"stream":"w","type":"x"}\nnonsense\n');
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/graveyar: line 2: not valid JSON/);
  });
});
