/**
 * The flags that say which events of the whole store are wanted; the same for every command that reads or follows it.
 */
import type { Command } from 'commander';
import type { Filter } from '../domain/filter.ts';
import { EXIT } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import { listArgument } from './server-address.ts';

/** As commander gives them. */
export interface FilterFlags {
  readonly streamPrefix?: string;
  readonly streamRegex?: string;
  readonly typePrefix?: string;
  readonly typeRegex?: string;
  readonly type?: readonly string[];
  readonly tag?: readonly string[];
}

/** Adds the flags. */
export function addFilterFlags(command: Command): Command {
  return command
    .option('--stream-prefix <text>', 'only events of streams whose id begins with this')
    .option('--stream-regex <pattern>', 'only events of streams whose id matches this (RE2)')
    .option('--type-prefix <text>', 'only events whose type begins with this')
    .option('--type-regex <pattern>', 'only events whose type matches this (RE2)')
    .option('--type <type>', 'only events of this type; several: of one of them', listArgument)
    .option('--tag <tag>', 'only events with this tag; several: with all of them', listArgument);
}

/** The filter; null when no flag was given. Throws when flags of different kinds were. */
export function filterOf(flags: FilterFlags, stream: string | undefined): Filter | null {
  const found: Filter[] = [];
  if (flags.streamPrefix !== undefined) found.push({ kind: 'stream-prefix', prefix: flags.streamPrefix });
  if (flags.streamRegex !== undefined) found.push({ kind: 'stream-regex', pattern: flags.streamRegex });
  if (flags.typePrefix !== undefined) found.push({ kind: 'type-prefix', prefix: flags.typePrefix });
  if (flags.typeRegex !== undefined) found.push({ kind: 'type-regex', pattern: flags.typeRegex });
  if (flags.type !== undefined || flags.tag !== undefined) {
    found.push({ kind: 'query', query: { items: [{ types: flags.type ?? [], tags: flags.tag ?? [] }] } });
  }
  const [filter] = found;
  if (filter === undefined) return null;
  if (stream !== undefined) throw new CommandFailure('filters are for the whole store, not for one stream', EXIT.usage);
  if (found.length > 1) {
    throw new CommandFailure('only one kind of filter at a time; --type and --tag go together', EXIT.usage);
  }
  return filter;
}
