// What a command takes in and gives out at its edges: bytes that are no text, flags that do not go together, an interruption, a
// full disk.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ReadConsistency } from '../../src/pipeline/event-pipeline.ts';
import { startService } from '../support/grpc-service.ts';
import { scriptedPipeline } from '../support/scripted-pipeline.ts';
import { runGraveyar, startServerProcess } from '../support/server-process.ts';
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

function graveyar(args: readonly string[], input: string | Uint8Array = ''): Promise<CommandResult> {
  return runGraveyar(args, { env: { GRAVEYAR_ADDRESS: server.address }, input });
}

describe('data from standard input', () => {
  it('is kept byte for byte, and called text only when it is text', async () => {
    const cases = [
      [Buffer.from('{"a": 1}'), 'application/json', { data: { a: 1 } }],
      [Buffer.from('grüße\n'), 'text/plain', { dataText: 'grüße\n' }],
      [Buffer.from('ff00fe80', 'hex'), 'application/octet-stream', { dataBase64: '/wD+gA==' }],
    ] as const;
    for (const [index, [bytes, contentType, shown]] of cases.entries()) {
      const stream = `stdin-${index}`;
      expect((await graveyar(['append', stream, '--type', 't', '--data', '-'], bytes)).code).toBe(0);
      const { stdout } = await graveyar(['read', stream, '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ contentType, ...shown });
    }
  });

  it('is refused as events when it is no UTF-8', async () => {
    const input = Buffer.concat([
      Buffer.from('{"type":"t","dataText":"'),
      Buffer.from('ff', 'hex'),
      Buffer.from('"}\n'),
    ]);
    const refused = await graveyar(['append', 'stdin-bad'], input);
    expect([refused.code, refused.stderr]).toEqual([2, 'graveyar: standard input is not valid UTF-8\n']);
    expect((await graveyar(['read', 'stdin-bad'])).code).toBe(10);
  });
});

describe('a list that is cut short', () => {
  it('says so, and only then', async () => {
    for (const stream of ['cut-1', 'cut-2']) await graveyar(['append', stream, '--type', 't']);
    const cut = await graveyar(['streams', '--prefix', 'cut-', '--limit', '1', '--json']);
    expect([cut.stdout.split('\n').length, cut.stderr]).toEqual([2, 'there are more streams: --all lists them\n']);
    for (const more of [['--limit', '2'], ['--all'], []]) {
      const whole = await graveyar(['streams', '--prefix', 'cut-', '--json', ...more]);
      expect([whole.stdout.split('\n').length, whole.stderr]).toEqual([3, '']);
    }
  });
});

describe('flags that would be ignored', () => {
  it.each([
    [['append', 's', '--data', '1'], '--data is for one event, which needs --type'],
    [['append', 's', '--tag', 'a'], '--tag is for one event, which needs --type'],
    [['read', 's', '--from-time', '2026-01-01T00:00:00Z'], '--from-time is for the whole store, not for one stream'],
    [['read', 's', '--local', '--at-least', '0'], '--local and --at-least exclude each other'],
  ])('are refused: %j', async (args, message) => {
    const refused = await graveyar(args, '{"type":"t"}\n');
    expect([refused.code, refused.stderr]).toEqual([2, `graveyar: ${message}\n`]);
  });
});

describe('how fresh a read must be', () => {
  it.each([
    [[], { kind: 'linearizable' }],
    [['--local'], { kind: 'local' }],
    [['--at-least', '0'], { kind: 'at-least', position: 0 }],
    [['--at-least', '41'], { kind: 'at-least', position: 41 }],
  ])('is asked of the server: %j', async (flags, expected) => {
    const asked: unknown[] = [];
    async function* nothing(read: { readonly consistency: ReadConsistency }): AsyncGenerator<never> {
      asked.push(read.consistency);
      await Promise.resolve();
    }
    const service = await startService({ pipeline: scriptedPipeline({ readStream: nothing, readAll: nothing }) });
    onTestFinished(() => service.stop());
    for (const what of ['s', '--all']) {
      const terminal = {
        stdin: Readable.from([]),
        stdout: new PassThrough(),
        stderr: new PassThrough(),
        environment: {},
      };
      const interrupted = new AbortController().signal;
      const args = ['read', what, ...flags, '--address', service.address];
      expect(await runProgram(args, { ...terminal, clock: systemClock, interrupted })).toBe(0);
    }
    expect(asked).toEqual([expected, expected]);
  });
});

describe('an interruption', () => {
  /** Runs the command against a server that does not exist, and interrupts it while it tries. */
  async function interrupted(signal: NodeJS.Signals, args: readonly string[]): Promise<[number, string]> {
    const controller = new AbortController();
    const stderr = new PassThrough();
    const code = runProgram([...args, '--address', '127.0.0.1:1'], {
      stdin: Readable.from(['{"stream":"s","type":"t"}\n']),
      stdout: new PassThrough(),
      stderr,
      environment: {},
      clock: systemClock,
      interrupted: controller.signal,
    });
    controller.abort(signal);
    const ended = await code;
    stderr.end();
    return [ended, await text(stderr)];
  }

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s ends with %i and no trace', async (signal, code) => {
    for (const args of [['append', 's', '--type', 't'], ['read', 's'], ['streams'], ['export', '-']]) {
      expect(await interrupted(signal, args)).toEqual([code, 'graveyar: interrupted\n']);
    }
  });

  it('ends a tail as asked', async () => {
    expect(await interrupted('SIGINT', ['tail'])).toEqual([0, '']);
  });
});

describe('an output that cannot be written', () => {
  const itOnLinux = (name: string, test: () => Promise<void>): void => {
    if (process.platform === 'linux') it(name, test);
  };

  itOnLinux('fails an export in words, with the exit code for disks', async () => {
    expect((await graveyar(['append', 'full', '--type', 't'])).code).toBe(0);
    const full = await graveyar(['export', '/dev/full', '--resume']);
    expect(full.code).toBe(6);
    expect(full.stderr).toMatch(/^graveyar: cannot write \/dev\/full: ENOSPC[^\n]*\n$/);
  });

  itOnLinux('fails while there is more to come, too', async () => {
    const lines = Array.from({ length: 2000 }, (_, n) =>
      JSON.stringify({ stream: 'much', type: 't', data: { n, filling: 'x'.repeat(2000) } }),
    );
    expect((await graveyar(['import', '-'], `${lines.join('\n')}\n`)).code).toBe(0);
    const full = await graveyar(['export', '/dev/full', '--resume']);
    expect([full.code, full.stderr.split('\n').length]).toEqual([6, 2]);
  });

  it('is not made when a flag is wrong', async () => {
    const file = join(scratch, 'none');
    expect((await graveyar(['export', file, '--type', 'a', '--type-prefix', 'b'])).code).toBe(2);
    expect(existsSync(file)).toBe(false);
  });

  it('is not written over', async () => {
    const file = join(scratch, 'there');
    writeFileSync(file, '');
    expect((await graveyar(['export', file])).code).toBe(2);
  });
});

describe('a file that export is to go on with', () => {
  it.each([
    ['no newline at all', 'my notes'],
    ['one line of JSON without a newline', '{"stream":"s","type":"t","position":0,"revision":0}'],
    ['lines of something else', 'one\ntwo\nthree'],
    ['events that were never exported', '{"stream":"s","type":"t"}\n{"stream":"s"'],
    ['JSON with a position', '{"position":3}\n'],
  ])('is left as it is when it has %s', async (_, contents) => {
    const file = join(scratch, 'not-an-export');
    writeFileSync(file, contents);
    const refused = await graveyar(['export', file, '--resume']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^graveyar: --resume: the file is not an export that was interrupted: [^\n]*\n$/);
    expect(readFileSync(file, 'utf8')).toBe(contents);
  });

  it('is left as it is when something else follows its lines', async () => {
    await graveyar(['append', 'resumed', '--type', 't']);
    const file = join(scratch, 'export-and-more');
    expect((await graveyar(['export', file])).code).toBe(0);
    const exported = readFileSync(file, 'utf8');
    writeFileSync(file, `${exported}my notes`);
    expect((await graveyar(['export', file, '--resume'])).code).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe(`${exported}my notes`);
  });

  it('loses its torn last line only, and may be empty', { timeout: 120_000 }, async () => {
    for (const type of ['t', 'u']) await graveyar(['append', 'resumed', '--type', type]);
    const file = join(scratch, 'torn');
    expect((await graveyar(['export', file, '--stream-prefix', 'resumed'])).code).toBe(0);
    const exported = readFileSync(file, 'utf8');
    const last = exported.lastIndexOf('\n', exported.length - 2) + 1;
    for (const end of [exported.length, exported.length - 1, last + 20, last + 1, last, 0]) {
      writeFileSync(file, exported.slice(0, end));
      expect((await graveyar(['export', file, '--stream-prefix', 'resumed', '--resume'])).code).toBe(0);
      expect(readFileSync(file, 'utf8')).toBe(exported);
    }
  });
});
