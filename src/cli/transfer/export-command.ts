/**
 * `graveyar export`: events as lines of JSON, to a file or to standard output, in the order of the store.
 */
import { createWriteStream } from 'node:fs';
import { open, truncate } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { Writable } from 'node:stream';
import type { Command } from 'commander';
import type { Filter, GraveyarClient, ReadLimits } from '../../client/index.ts';
import { formatEventLine, parseEventLine } from '../event-line.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { addFilterFlags, filterOf } from '../filter-flags.ts';
import type { FilterFlags } from '../filter-flags.ts';
import { Progress } from '../progress.ts';
import { addServerFlags, countArgument, withClient } from '../server-address.ts';
import type { ServerFlags } from '../server-address.ts';
import { grouped } from '../table.ts';
import { write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { lastCompleteLine } from './last-line.ts';
import type { LastLine } from './last-line.ts';

interface ExportFlags extends ServerFlags, FilterFlags {
  readonly from?: number;
  readonly resume?: boolean;
}

/** How every line that export writes begins. */
const LINE_START = '{"stream":';

const HELP = `
Writes one JSON object a line, in the form that \`graveyar import\` takes and in the order of positions. With --resume, an
export to a file that was interrupted goes on after its last complete line; a file that is not an export is refused.

Examples:
  graveyar export events.ndjson
  graveyar export events.ndjson --resume
  graveyar export - --stream-prefix orders- | gzip > orders.ndjson.gz`;

/** Adds the command. */
export function addExportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('export')
    .description('write events as lines of JSON')
    .argument('<file>', 'the file, which must not exist, or - for standard output')
    .option('--from <position>', 'first position to write', countArgument)
    .option('--resume', 'go on after the last complete line of the file')
    .addHelpText('after', HELP);
  addServerFlags(addFilterFlags(command)).action((file: string, flags: ExportFlags) =>
    runExport(file, flags, terminal),
  );
}

async function runExport(file: string, flags: ExportFlags, terminal: Terminal): Promise<void> {
  const filter = filterOf(flags, undefined);
  const { output, from } = await openOutput(file, flags, terminal);
  // Looked at where it is written to: an error that nobody listens for would end the process without a word.
  output.on('error', () => undefined);
  const progress = new Progress({ clock: terminal.clock, stream: terminal.stderr, unit: 'events' });
  try {
    const count = await withClient(flags, terminal, (client) =>
      copy(client, { output, from, filter, progress, limits: limitsOf(flags, terminal) }),
    );
    if (output !== terminal.stdout) {
      output.end();
      await finished(output);
    }
    const seconds = progress.seconds.toFixed(1);
    terminal.stderr.write(`exported ${grouped(count)} events in ${seconds} s\n`);
  } catch (error) {
    if (output.errored === null) throw error;
    throw new CommandFailure(`cannot write ${file}: ${output.errored.message}`, EXIT.disk, { cause: error });
  } finally {
    progress.finish();
  }
}

interface CopyOptions {
  readonly output: Writable;
  readonly from: number | null;
  readonly filter: Filter | null;
  readonly progress: Progress;
  readonly limits: ReadLimits;
}

/** An export takes as long as it likes, while it gets somewhere. */
function limitsOf({ timeout }: ExportFlags, { interrupted: signal }: Terminal): ReadLimits {
  return { signal, ...(timeout === undefined ? {} : { silenceMillis: timeout }) };
}

async function copy(client: GraveyarClient, options: CopyOptions): Promise<number> {
  const { output, from, filter, progress, limits } = options;
  const last = await lastPosition(client, limits);
  const selection = { ...(from === null ? {} : { from }), ...(filter === null ? {} : { filter }) };
  let count = 0;
  for await (const events of client.readAll({ ...selection, ...limits }).batches()) {
    await write(output, events.map((event) => `${formatEventLine(event)}\n`).join(''));
    count += events.length;
    const at = events.at(-1)?.position ?? 0;
    progress.update(count, last === null ? null : (at - (from ?? 0) + 1) / Math.max(1, last - (from ?? 0) + 1));
  }
  return count;
}

/** The position of the newest event; null in an empty store. */
async function lastPosition(client: GraveyarClient, limits: ReadLimits): Promise<number | null> {
  for await (const event of client.readAll({ direction: 'backwards', limit: 1, ...limits })) return event.position;
  return null;
}

async function openOutput(
  file: string,
  flags: ExportFlags,
  terminal: Terminal,
): Promise<{ output: Writable; from: number | null }> {
  const from = flags.from ?? null;
  if (file === '-') {
    if (flags.resume === true) throw new CommandFailure('--resume needs a file', EXIT.usage);
    return { output: terminal.stdout, from };
  }
  try {
    if (flags.resume === true) {
      const end = await lastCompleteLine(file);
      if (end !== null) {
        const position = next(end);
        await truncate(file, end.offset);
        return { output: createWriteStream(file, { flags: 'r+', start: end.offset }), from: position };
      }
    }
    const handle = await open(file, flags.resume === true ? 'w' : 'wx');
    return { output: handle.createWriteStream(), from };
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`cannot write the file: ${(error as Error).message}`, EXIT.usage);
  }
}

/** The position after that of the last exported line. Throws for the end of a file that export did not write. */
function next({ line, torn }: LastLine): number {
  const position = line === null ? null : positionOfLine(line);
  if (position !== null && (torn.startsWith(LINE_START) || LINE_START.startsWith(torn))) return position + 1;
  const what = line === null ? 'it has no complete line' : 'it does not end in a line that export wrote';
  throw new CommandFailure(
    `--resume: the file is not an export that was interrupted: ${what}; it is left as it is`,
    EXIT.usage,
  );
}

/** Null for a line that is not of an export. */
function positionOfLine(line: string): number | null {
  try {
    parseEventLine(line, 1);
    const { position, revision } = JSON.parse(line) as { position?: unknown; revision?: unknown };
    return Number.isSafeInteger(position) && Number.isSafeInteger(revision) ? (position as number) : null;
  } catch {
    return null;
  }
}
