// Sizes and durations as text: exact, and each printed form reads back.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';
import { formatSize, parseSize } from '../../src/config/size.ts';

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['1KiB', 1024],
    ['1.5GiB', 1_610_612_736],
    [' 64 MiB ', 67_108_864],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['', '64MB', '64mib', '-1', '1e3', '0.3B', '1.0001KiB', '9007199254740993', 'MiB'])('refuses %s', (text) => {
    expect(parseSize(text)).toBeNull();
  });

  it('reads back what it prints', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
    expect(formatSize(67_108_864)).toBe('64MiB');
  });
});

describe('durations', () => {
  it.each([
    ['0s', 0],
    ['250ms', 250],
    ['1.5m', 90_000],
    ['0.1s', 100],
    ['2h', 7_200_000],
  ])('reads %s', (text, millis) => {
    expect(parseDuration(text)).toBe(millis);
  });

  it.each(['', '5', '5sec', '-1s', '0.5ms', '1d'])('refuses %s', (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it('reads back what it prints', () => {
    fc.assert(fc.property(fc.nat({ max: 2 ** 40 }), (millis) => parseDuration(formatDuration(millis)) === millis));
    expect(formatDuration(90_000)).toBe('90s');
  });
});
