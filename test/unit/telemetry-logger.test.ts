// Log lines: one JSON object each for machines, one short line for people.
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/domain/errors.ts';
import { createPinoLogger, prettyLine } from '../../src/telemetry/pino-logger.ts';
import type { LogLevel } from '../../src/telemetry/logger.ts';

function capture(level: LogLevel, format: 'json' | 'pretty' = 'json') {
  const lines: string[] = [];
  const logger = createPinoLogger({ level, format, write: (line) => lines.push(line), fields: { node: 'a' } });
  return { lines, logger };
}

describe('logger', () => {
  it('writes one JSON object a line with time, level word, message and fields', () => {
    const { lines, logger } = capture('info');
    logger.child({ part: 'log' }).info('cut\nit', { bytes: 3 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'info', message: 'cut\nit', node: 'a', part: 'log', bytes: 3 });
    expect(Date.parse(String(line['time']))).not.toBeNaN();
  });

  it('keeps to its level', () => {
    const { lines, logger } = capture('warn');
    logger.debug('no');
    logger.info('no');
    logger.warn('yes');
    logger.fatal('yes');
    expect(lines).toHaveLength(2);
    const silent = capture('silent');
    silent.logger.fatal('no');
    expect(silent.lines).toHaveLength(0);
  });

  it('prints an error with code, details, stack and causes', () => {
    const { lines, logger } = capture('info');
    const cause = new Error('EIO');
    logger.error('failed', {
      error: new StoreError('STORAGE_IO', 'cannot write', { path: 'x', reason: 'EIO' }, { cause }),
    });
    const { error } = JSON.parse(lines[0] ?? '') as { error: Record<string, unknown> };
    expect(error).toMatchObject({
      code: 'STORAGE_IO',
      details: { path: 'x' },
      message: 'cannot write',
      cause: { message: 'EIO' },
    });
    expect(error['stack']).toContain('telemetry-logger.test.ts');
  });

  it('makes one line for people, with the stack below', () => {
    const { lines, logger } = capture('info', 'pretty');
    logger.info('serving', { host: '127.0.0.1', port: 4000 });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} .*info .*serving node=a host=127\.0\.0\.1 port=4000\n$/);
    const failed = prettyLine(
      '{"time":"2026-01-01T00:00:00.000Z","level":"error","message":"m","error":{"stack":"E\\n at f"}}',
    );
    expect(failed.split('\n')).toHaveLength(4);
  });
});
