// Progress and tables: what people see, on a terminal and in a log.
import { describe, expect, it } from 'vitest';
import { Progress } from '../../src/cli/progress.ts';
import { grouped, oneLine, renderTable } from '../../src/cli/table.ts';
import type { Clock } from '../../src/lib/clock.ts';

/** A clock that moves when told; timers fire in order. */
function manualClock() {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  const clock: Clock = {
    nowMicros: () => now * 1000,
    monotonicMillis: () => now,
    setTimer: (millis, callback) => {
      const timer = { at: now + millis, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const advance = (millis: number): void => {
    const end = now + millis;
    for (;;) {
      const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      timers.delete(next);
      now = next.at;
      next.callback();
    }
    now = end;
  };
  return { clock, advance, timers };
}

describe('progress', () => {
  it('draws over itself on a terminal and ends with a newline', () => {
    const { clock, advance, timers } = manualClock();
    const written: string[] = [];
    const stream = { isTTY: true, columns: 80, write: (text: string) => written.push(text) };
    const progress = new Progress({ clock, stream, unit: 'events' });
    advance(1000);
    expect(written).toHaveLength(10);
    progress.update(500, 0.5);
    expect(progress.line()).toBe(`[${'#'.repeat(12)}${'.'.repeat(12)}] 50.0 %  500 events  500/s  1 s left`);
    progress.finish();
    expect(written.at(-1)).toBe('\n');
    expect(timers.size).toBe(0);
  });

  it('writes a line every five seconds elsewhere, and none for a short job', () => {
    const { clock, advance } = manualClock();
    const written: string[] = [];
    const stream = { write: (text: string) => written.push(text) };
    new Progress({ clock, stream, unit: 'events' }).finish();
    expect(written).toEqual([]);
    const progress = new Progress({ clock, stream, unit: 'events' });
    progress.update(1_000_000, null);
    advance(10_000);
    expect(written).toEqual(['1,000,000 events  200,000/s  5 s\n', '1,000,000 events  100,000/s  10 s\n']);
    progress.finish();
    expect(written).toHaveLength(3);
  });
});

describe('tables', () => {
  it('align columns and keep control characters from the terminal', () => {
    const table = renderTable(
      [{ title: 'stream' }, { title: 'events', align: 'right' }],
      [
        ['a', '10'],
        ['longer-than-title', '2'],
      ],
    );
    expect(table.split('\n')).toEqual([
      'stream             events',
      'a                      10',
      'longer-than-title       2',
    ]);
    expect(oneLine('a\n\u001b[31mb', 20)).toBe('a\\n\\u001b[31mb');
    expect(oneLine('abcdef', 4)).toBe('abc…');
    expect(grouped(1_234_567)).toBe('1,234,567');
  });
});
