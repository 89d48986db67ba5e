/**
 * One setting: its names in every place it can be set, its rule and its default. Names follow from the key, so that who
 * knows one knows all: `dataDirectory` is `--data-directory` and `GRAVEYAR_DATA_DIRECTORY`.
 */
import { z } from 'zod';
import { formatDuration, parseDuration } from './duration.ts';
import { formatSize, parseSize } from './size.ts';

/** Prefix of every environment variable of ours. */
export const ENVIRONMENT_PREFIX = 'GRAVEYAR_';

export interface Setting<T> {
  /** One line for the help. */
  readonly description: string;
  /** What stands for the value in the help, for example `<size>`. */
  readonly placeholder: string;
  /** As a user would write it. Null: not set. */
  readonly fallback: string | null;
  /** Takes what a flag, a variable (both text) or the file (text or JSON number) gave. Its messages state the rule. */
  readonly schema: z.ZodType<T>;
  /** The value in the form that the file takes. */
  readonly print: (value: T) => string | number | boolean;
}

/** `dataDirectory` -> `--data-directory`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `dataDirectory` -> `GRAVEYAR_DATA_DIRECTORY`. */
export function variableOf(key: string): string {
  return ENVIRONMENT_PREFIX + key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Text that is not empty. */
export function textSetting(description: string, placeholder: string, fallback: string): Setting<string> {
  return { description, placeholder, fallback, schema: notEmpty(), print: (value) => value };
}

/** Text that may be left out. */
export function optionalTextSetting(description: string, placeholder: string): Setting<string | null> {
  return { description, placeholder, fallback: null, schema: notEmpty().nullable(), print: (value) => value ?? '' };
}

/** One of some words. */
export function wordSetting<const W extends string>(description: string, words: readonly W[], fallback: W): Setting<W> {
  const rule = `must be one of ${words.join(', ')}`;
  const schema = z.string({ error: rule }).transform((text, context): W => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    context.addIssue(rule);
    return z.NEVER;
  });
  return { description, placeholder: '<word>', fallback, schema, print: (value) => value };
}

/** True or false; the flag alone means true. Not set, it is false. */
export function switchSetting(description: string): Setting<boolean> {
  const rule = 'must be true or false';
  const schema = z
    .union([z.boolean(), z.enum(['true', 'false'])], { error: rule })
    .transform((raw) => String(raw) === 'true');
  return { description, placeholder: '[true|false]', fallback: 'false', schema, print: (value) => value };
}

/** A whole number from `min` to `max`. */
export function integerSetting(
  description: string,
  range: { readonly min: number; readonly max: number },
  fallback: number,
): Setting<number> {
  return {
    description,
    placeholder: '<number>',
    fallback: String(fallback),
    schema: ranged(range, (value) => (/^\d+$/.test(value) ? Number(value) : null), String, 'a whole number'),
    print: (value) => value,
  };
}

/** Likewise, but it may be left out. */
export function optionalIntegerSetting(
  description: string,
  range: { readonly min: number; readonly max: number },
): Setting<number | null> {
  const { placeholder, schema } = integerSetting(description, range, range.min);
  return { description, placeholder, fallback: null, schema: schema.nullable(), print: (value) => value ?? '' };
}

/** A size in bytes, written like `64MiB`. */
export function sizeSetting(
  description: string,
  range: { readonly min: number; readonly max: number },
  fallback: string,
): Setting<number> {
  const schema = ranged(range, parseSize, formatSize, 'a size like "64MiB"');
  return { description, placeholder: '<size>', fallback, schema, print: formatSize };
}

/** Milliseconds, written like `5s`. */
export function durationSetting(
  description: string,
  range: { readonly min: number; readonly max: number },
  fallback: string,
): Setting<number> {
  const schema = ranged(range, parseDuration, formatDuration, 'a duration like "250ms", "5s" or "1m"');
  return { description, placeholder: '<duration>', fallback, schema, print: formatDuration };
}

function notEmpty(): z.ZodString {
  const rule = 'must be text that is not empty';
  return z.string({ error: rule }).min(1, rule);
}

function ranged(
  { min, max }: { readonly min: number; readonly max: number },
  parse: (text: string) => number | null,
  format: (value: number) => string,
  kind: string,
): z.ZodType<number> {
  const rule = `must be ${kind} from ${format(min)} to ${format(max)}`;
  return z.union([z.string(), z.number()], { error: rule }).transform((raw, context) => {
    const value = parse(String(raw));
    if (value !== null && value >= min && value <= max) return value;
    context.addIssue(rule);
    return z.NEVER;
  });
}
