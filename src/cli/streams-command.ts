/**
 * `graveyar streams`: which streams there are.
 */
import type { Command } from 'commander';
import { addServerFlags, countArgument, withClient } from './server-address.ts';
import type { ServerFlags } from './server-address.ts';
import { grouped, oneLine, renderTable } from './table.ts';
import { write, writeJson } from './terminal.ts';
import type { Terminal } from './terminal.ts';

interface StreamsFlags extends ServerFlags {
  readonly prefix: string;
  readonly limit: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Streams of one call, and lines of one table. */
const PAGE = 1000;

const HELP = `
Examples:
  graveyar streams
  graveyar streams --prefix orders- --limit 20
  graveyar streams --all --json | jq -r .stream`;

/** Adds the command. */
export function addStreamsCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('streams')
    .description('list streams in the order of their ids')
    .option('--prefix <text>', 'only streams whose id begins with this', '')
    .option('--limit <count>', 'list at most so many', countArgument, 100)
    .option('--all', 'list all of them')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', HELP);
  addServerFlags(command).action((flags: StreamsFlags) => streams(flags, terminal));
}

async function streams(flags: StreamsFlags, terminal: Terminal): Promise<void> {
  const { stdout, interrupted: signal } = terminal;
  const limit = flags.all === true ? Infinity : flags.limit;
  let rows: string[][] = [];
  let count = 0;
  const flush = async (): Promise<void> => {
    const columns = [
      { title: 'stream' },
      { title: 'events', align: 'right' as const },
      { title: 'first position', align: 'right' as const },
      { title: 'last position', align: 'right' as const },
    ];
    await write(stdout, `${renderTable(columns, rows)}\n`);
    rows = [];
  };
  const cut = await withClient(flags, terminal, async (client) => {
    if (limit === 0) return false;
    for await (const found of client.listStreams({
      prefix: flags.prefix,
      pageSize: Math.min(PAGE, limit + 1),
      signal,
    })) {
      if (count === limit) return true;
      count++;
      const { streamId, lastRevision, firstPosition, lastPosition } = found;
      if (flags.json === true) await writeJson(stdout, { stream: streamId, lastRevision, firstPosition, lastPosition });
      else rows.push([oneLine(streamId, 80), grouped(lastRevision + 1), grouped(firstPosition), grouped(lastPosition)]);
      if (rows.length === PAGE) await flush();
    }
    return false;
  });
  if (rows.length > 0) await flush();
  if (cut) await write(terminal.stderr, 'there are more streams: --all lists them\n');
  if (count === 0 && flags.json !== true) await write(terminal.stderr, 'no streams\n');
}
