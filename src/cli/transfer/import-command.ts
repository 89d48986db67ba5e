/**
 * `graveyar import`: many events from a file or from standard input.
 */
import { createReadStream, statSync } from 'node:fs';
import type { Command } from 'commander';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { Progress } from '../progress.ts';
import { addServerFlags, withClient } from '../server-address.ts';
import type { ServerFlags } from '../server-address.ts';
import { grouped } from '../table.ts';
import { write, writeJson } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { importEvents } from './import-events.ts';
import { readLines } from './line-source.ts';

interface ImportFlags extends ServerFlags {
  readonly json?: boolean;
}

const CHUNK_BYTES = 1024 * 1024;
const SESSION_WINDOW = 256;

const HELP = `
The file has one JSON object a line:
  {"stream":"orders-1","type":"order-placed","data":{"total":10},"id":"…","tags":["vip"],"metadata":{"user":"ann"}}
"stream" and "type" must be there. "data" is JSON and is kept exactly as written; "dataText" (text) or "dataBase64" (any
bytes) stand in for it, and likewise for "metadata". "contentType" defaults to what fits. "revision", "position" and
"createdAt", which export writes, are ignored: the store gives its own.

An import that was interrupted is run again with the same file: ids make sure that nothing is appended twice. A line
without "id" gets one made of its number and text, so do not add or remove lines in between.

Examples:
  graveyar import events.ndjson
  zcat events.ndjson.gz | graveyar import -`;

/** Adds the command. */
export function addImportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('import')
    .description('append many events from lines of JSON')
    .argument('<file>', 'the file, or - for standard input')
    .option('--json', 'print the result as one JSON object')
    .addHelpText('after', HELP);
  addServerFlags(command).action((file: string, flags: ImportFlags) => runImport(file, flags, terminal));
}

async function runImport(file: string, flags: ImportFlags, terminal: Terminal): Promise<void> {
  const { source, bytes } = open(file, terminal);
  const progress = new Progress({ clock: terminal.clock, stream: terminal.stderr, unit: 'events' });
  try {
    const result = await withClient(flags, terminal, async (client) => {
      const session = client.session({ window: SESSION_WINDOW });
      const outcome = await importEvents(readLines(source), {
        append: (stream, events) => session.append(stream, events),
        onProgress: (state) => progress.update(state.events, bytes === null ? null : state.bytes / bytes),
        interrupted: terminal.interrupted,
      });
      await session.close();
      return outcome;
    });
    progress.update(result.events, 1);
    const { events, duplicates } = result;
    const { seconds } = progress;
    if (flags.json === true) await writeJson(terminal.stdout, { events, duplicates, seconds });
    else await write(terminal.stdout, summary(events, duplicates, seconds));
  } finally {
    progress.finish();
  }
}

function summary(events: number, duplicates: number, seconds: number): string {
  const there = duplicates > 0 ? `, ${grouped(duplicates)} of them were there already` : '';
  const rate = grouped(Math.round(events / Math.max(seconds, 0.001)));
  return `imported ${grouped(events)} events in ${seconds.toFixed(1)} s (${rate}/s)${there}\n`;
}

/** The file's bytes, and how many they are when that is known. */
function open(file: string, terminal: Terminal): { source: AsyncIterable<Uint8Array>; bytes: number | null } {
  if (file === '-') return { source: terminal.stdin as AsyncIterable<Uint8Array>, bytes: null };
  try {
    const stats = statSync(file);
    if (stats.isDirectory()) throw new Error(`${file} is a directory`);
    return {
      source: createReadStream(file, { highWaterMark: CHUNK_BYTES }),
      bytes: stats.isFile() ? stats.size : null,
    };
  } catch (error) {
    throw new CommandFailure(`cannot read the file: ${(error as Error).message}`, EXIT.usage);
  }
}
